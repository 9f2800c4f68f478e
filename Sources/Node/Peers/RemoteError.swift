import GRPCCore
import GoudCore

/// A `GoudError` on its way from one node to another: the code, message and hint travel in the call's trailing metadata.
extension RPCError {
  init(_ error: GoudError) {
    var metadata: Metadata = [:]
    metadata.addString(error.code.rawValue, forKey: "goud-code")
    if let hint = error.hint { metadata.addBinary(Array(hint.utf8), forKey: "goud-hint-bin") }
    self.init(code: .failedPrecondition, message: error.message, metadata: metadata)
  }
}

extension GoudError {
  /// nil when the other node did not answer with one.
  init?(remote error: RPCError) {
    guard let name = error.metadata[stringValues: "goud-code"].first(where: { _ in true }),
      let code = ErrorCode(rawValue: name)
    else { return nil }
    let hint = error.metadata[binaryValues: "goud-hint-bin"].first { _ in true }
    self.init(code, error.message.firstLine, hint: hint.map { String(decoding: $0, as: UTF8.self).firstLine })
  }
}
