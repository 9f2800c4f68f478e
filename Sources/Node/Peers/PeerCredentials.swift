import Chain
import Foundation
import NIOCore
import NIOSSL
import SwiftASN1
import Synchronization
import X509

/// What a node shows its peers, made anew once a day, and whenever the clock was set: for as long as a process runs its
/// certificate is a good one. A connection that stands keeps what it was opened with.
final class PeerCredentials: Sendable {
  private struct Held {
    let made: Date
    let server: NIOSSLContext
    let client: NIOSSLContext
  }

  private let node: String
  private let chain: [UInt8]
  private let key: ValidatorKey
  private let clock: @Sendable () -> Date
  private let held = Mutex<Held?>(nil)

  init(node: String, chain: [UInt8], key: ValidatorKey, clock: @escaping @Sendable () -> Date = { Date() }) {
    self.node = node
    self.chain = chain
    self.key = key
    self.clock = clock
  }

  /// This node's clock, by which certificates are judged.
  var now: Date { clock() }
  func server() throws -> NIOSSLContext { try current().server }
  func client() throws -> NIOSSLContext { try current().client }

  private func current() throws -> Held {
    try held.withLock { held in
      let now = clock()
      if let known = held, abs(now.timeIntervalSince(known.made)) < PeerCertificate.renewal.inSeconds { return known }
      let new = try Self.make(try PeerCertificate(node: node, chain: chain, key: key, now: now))
      held = new
      return new
    }
  }

  private static func make(_ certificate: PeerCertificate) throws -> Held {
    let chain = try certificate.chain.map {
      NIOSSLCertificateSource.certificate(
        try NIOSSLCertificate(bytes: try $0.serializeAsPEM().derBytes, format: .der))
    }
    let key = NIOSSLPrivateKeySource.privateKey(
      try NIOSSLPrivateKey(bytes: Array(certificate.keyPEM.utf8), format: .pem))
    let server = TLSConfiguration.makeServerConfigurationWithMTLS(
      certificateChain: chain, privateKey: key, trustRoots: .certificates([]))
    var client = TLSConfiguration.makeClientConfiguration()
    client.certificateChain = chain
    client.privateKey = key
    client.trustRoots = .certificates([])
    return Held(
      made: certificate.made, server: try NIOSSLContext(configuration: strict(server)),
      client: try NIOSSLContext(configuration: strict(client)))
  }

  /// Whom to believe is for `PeerProof`: no name, no root of any other.
  private static func strict(_ configuration: TLSConfiguration) -> TLSConfiguration {
    var configuration = configuration
    configuration.minimumTLSVersion = .tlsv13
    configuration.certificateVerification = .noHostnameVerification
    configuration.applicationProtocols = ["h2"]
    configuration.shutdownTimeout = .seconds(1)
    return configuration
  }
}
