import ArgumentParser
import Volumes

/// `--env`, the same on every verb.
struct EnvironmentOptions: ParsableArguments {
  @Option(
    name: [.customShort("e"), .customLong("env")], help: "The environment. Default: GOUD_ENVIRONMENT, else local.")
  var environment: String?

  var flags: [ConfigurationKey: String] {
    environment.map { [.environment: $0] } ?? [:]
  }
}
