import GoudCore
public import Logging
import NIOCertificateReloading
import NIOSSL
public import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// What clients are shown, TLS 1.2 or 1.3: a certificate and its key, from two files that are read again every few
/// seconds. A pair that cannot be used leaves the one before in use, and the log says so.
public struct ClientTLS: Service {
  /// In PEM each.
  public struct Files: Sendable, Hashable {
    /// The certificate, and behind it those that lead to its root.
    public let certificate: String
    public let key: String

    public init(certificate: String, key: String) {
      self.certificate = certificate
      self.key = key
    }
  }

  public static let interval = Duration.seconds(5)

  let configuration: TLSConfiguration
  private let reloader: TimedCertificateReloader

  /// - Throws: `config.invalid-value`, naming the file that is missing, cannot be read, is no PEM, or is of another pair.
  public init(_ files: Files, interval: Duration = interval, log: Logger) throws {
    let shown = Shown(log)
    let settings = TimedCertificateReloader.Configuration(
      refreshInterval: interval,
      certificateSource: .init(
        location: .memory { try Self.read(files.certificate, "TLS_CERTIFICATE") }, format: .pem),
      privateKeySource: .init(location: .memory { try Self.read(files.key, "TLS_KEY") }, format: .pem)
    ) {
      $0.onCertificateLoaded = { shown.loaded($0.previousCertificateChain, $0.currentCertificateChain, files) }
      $0.onCertificateLoadFailed = { shown.failed(Self.refusal($0.error, files)) }
    }
    do {
      reloader = try .makeReloaderValidatingSources(configuration: settings)
      var configuration = try TLSConfiguration.makeServerConfiguration(certificateReloader: reloader)
      configuration.minimumTLSVersion = .tlsv12
      configuration.applicationProtocols = ["http/1.1"]
      // What BoringSSL does not take is refused now, not at the first client.
      _ = try NIOSSLContext(configuration: configuration)
      self.configuration = configuration
    } catch {
      throw Self.refusal(error, files)
    }
  }

  public func run() async throws { try await reloader.run() }

  private static func read(_ path: String, _ key: String) throws -> [UInt8] {
    do {
      return try Descriptor.open(path, O_RDONLY).readAll(limit: 1 << 20)
    } catch let error as GoudError {
      throw GoudError(
        .configInvalid, "\(key): \(path) cannot be read: \(error.message)", hint: "name a file in PEM", cause: error)
    }
  }

  private static func refusal(_ error: any Error, _ files: Files) -> GoudError {
    if let error = error as? GoudError { return error }
    if let error = error as? TimedCertificateReloader.Error, error == .publicKeyMismatch {
      return GoudError(
        .configInvalid, "TLS_KEY: \(files.key) is not the key of the certificate in \(files.certificate)",
        hint: "name a certificate and its own key; the certificate comes first in its file", cause: error)
    }
    return GoudError(
      .configInvalid, "TLS_CERTIFICATE, TLS_KEY: \(files.certificate) and \(files.key) cannot be used: \(error)",
      hint: "both are PEM: certificates, the node's own first, and one key without a passphrase", cause: error)
  }
}

/// Says once what is new.
private final class Shown: Sendable {
  private let log: Logger
  private let failure = Mutex<String?>(nil)
  private let isInUse = Atomic<Bool>(false)

  init(_ log: Logger) { self.log = log }

  func loaded(
    _ previous: [NIOSSLCertificateSource]?, _ present: [NIOSSLCertificateSource], _ files: ClientTLS.Files
  ) {
    failure.withLock { $0 = nil }
    isInUse.store(true, ordering: .relaxed)
    guard let previous, previous != present else { return }
    log.notice("clients are shown another certificate", metadata: ["certificate": "\(files.certificate)"])
  }

  func failed(_ error: GoudError) {
    let isNew = failure.withLock { failure in
      defer { failure = error.message }
      return failure != error.message
    }
    // Before there was a pair, whoever wanted it is told.
    guard isNew, isInUse.load(ordering: .relaxed) else { return }
    log.error("clients are still shown the certificate from before", metadata: ["why": "\(error)"])
  }
}
