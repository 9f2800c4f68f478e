import GoudCore
import Logging
import ServiceLifecycle

/// Takes up secrets that were replaced (`goud secrets rotate`) while the node runs: within two seconds no session of the
/// old ones is good any more, and nothing else has changed. What cannot be read is said once, and the old ones stay.
struct SecretsWatch: Service {
  let sessions: Sessions
  let pool: ReaderPool
  let log: Logger

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      var told: String?
      while true {
        try await Task.sleep(for: .seconds(1))
        let secrets = sessions.secrets
        do {
          guard let renewed = try await pool.run({ try secrets.renewed() }) else { continue }
          await sessions.replace(with: renewed)
          log.notice("the secrets were rotated: sessions of the old ones have ended")
          told = nil
        } catch let error as GoudError where error.code != .nodeBusy && told != error.message {
          log.warning("the secrets cannot be read, and stay as they were: \(error.message)")
          told = error.message
        } catch is GoudError {}
      }
    }
  }
}
