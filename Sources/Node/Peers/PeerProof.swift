import Chain
import Crypto
import Foundation
import GoudCore
import NIOCore
import NIOSSL
import SwiftASN1
import Synchronization
import X509

/// What the other end of one connection has proven, within its TLS handshake.
final class PeerProof: Sendable {
  private let identity: NodeIdentity
  private let expected: String?
  private let result = Mutex<Result<String, PeerFault>?>(nil)

  /// - Parameter expected: the validator that was called; nil: any other than this node.
  init(_ identity: NodeIdentity, expecting expected: String? = nil) {
    self.identity = identity
    self.expected = expected
  }

  /// The validator at the other end.
  var node: String? { result.withLock { try? $0?.get() } }

  /// Why the other end is not believed.
  var fault: PeerFault? {
    result.withLock {
      if case .failure(let fault) = $0 { fault } else { nil }
    }
  }

  /// For the TLS library, which has checked nothing of the certificates, and checks that the other end holds the key of
  /// the first one. Anything but success ends the handshake, before this end has shown its own certificate to a server.
  func check(_ certificates: [NIOSSLCertificate], _ promise: EventLoopPromise<NIOSSLVerificationResult>) {
    let checked = Result { () throws(PeerFault) in try judge(certificates) }
    result.withLock { $0 = checked }
    promise.succeed((try? checked.get()) == nil ? .failed : .certificateVerified)
  }

  private func judge(_ certificates: [NIOSSLCertificate]) throws(PeerFault) -> String {
    guard let der = try? certificates.first?.toDERBytes() else {
      throw PeerFault(.unproven, "it shows no certificate")
    }
    let node = try identity.validator(showing: der, now: identity.credentials.now)
    if let expected, node != expected { throw PeerFault(.unproven, "\(node) answers in the place of \(expected)") }
    guard node != identity.name else { throw PeerFault(.unproven, "another node has the key of \(node)") }
    return node
  }
}

extension NodeIdentity {
  /// Who shows this certificate, on a connection that has proven to hold its key.
  /// - Returns: a validator's name.
  /// - Throws: `peer.unproven`; `peer.clock` when only its time is wrong.
  func validator(showing der: [UInt8], now: Date = Date()) throws(PeerFault) -> String {
    guard let certificate = try? Certificate(derEncoded: der), P256.Signing.PublicKey(certificate.publicKey) != nil
    else { throw PeerFault(.unproven, "it shows a certificate that no node makes") }
    let other = certificate.subject.text(.RDNAttributeType.organizationName)
    guard other == Hex.text(chain) else {
      let claimed = other.map { "chain \(String($0.prefix(8)).firstLine)…" } ?? "no chain"
      throw PeerFault(.unproven, "its certificate is of \(claimed), this node is of \(Hex.text(chain.prefix(4)))…")
    }
    let name = certificate.subject.text(.RDNAttributeType.commonName) ?? ""
    guard let validator = genesis.validators.first(where: { $0.name == name }) else {
      throw PeerFault(.unproven, "its certificate is of \"\(name.firstLine)\", no validator of this chain")
    }
    guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: validator.publicKey),
      Certificate.PublicKey(key).isValidSignature(certificate.signature, for: certificate)
    else { throw PeerFault(.unproven, "its certificate is not signed by the key of \(name) in genesis") }
    guard (certificate.notValidBefore...certificate.notValidAfter).contains(now) else {
      let span = "\(certificate.notValidBefore.minute) to \(certificate.notValidAfter.minute)"
      throw PeerFault(
        .clock,
        "the certificate of \(name) is good from \(span), and this node's clock says \(now.minute): "
          + "set the clock that is wrong")
    }
    return name
  }
}

extension DistinguishedName {
  /// The value of the only attribute of a type.
  fileprivate func text(_ type: ASN1ObjectIdentifier) -> String? {
    let values = flatMap { Array($0) }.filter { $0.type == type }
    return values.count == 1 ? String(values[0].value) : nil
  }
}

extension Date {
  /// `2026-11-30 08:15 UTC`
  fileprivate var minute: String {
    let text = Timestamp.text(milliseconds: UInt64(max(0, timeIntervalSince1970 * 1000)))
    return text.prefix(16).replacingOccurrences(of: "T", with: " ") + " UTC"
  }
}
