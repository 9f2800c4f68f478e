public import Layout

/// The launcher of a network.
public enum Launchers {
  /// - Parameter user: whom nodes run as that are processes.
  public static func make(
    home: NetworkHome, plan: NetworkPlan, program: String, user: NodeUser.Choice
  ) throws -> any NodeLauncher {
    let founding = try Founding(home: home, plan: plan)
    guard let docker = plan.docker, let volumes = founding.engineVolumes else {
      return ProcessLauncher(home: home, plan: plan, founding: founding, program: program, user: user)
    }
    return DockerLauncher(home: home, plan: plan, settings: docker, founding: founding, volumes: volumes)
  }
}
