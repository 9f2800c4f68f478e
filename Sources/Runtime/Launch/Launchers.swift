public import Layout

/// The launcher of a network.
public enum Launchers {
  public static func make(home: NetworkHome, plan: NetworkPlan, program: String) throws -> any NodeLauncher {
    let founding = try Founding(home: home, plan: plan)
    guard let docker = plan.docker, let volumes = founding.engineVolumes else {
      return ProcessLauncher(home: home, plan: plan, founding: founding, program: program)
    }
    return DockerLauncher(home: home, plan: plan, settings: docker, founding: founding, volumes: volumes)
  }
}
