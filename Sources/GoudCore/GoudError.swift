/// The one error of every target: a stable code, a message in lower case without a full stop, and a hint that names
/// what to do next. Secrets never appear in one.
public struct GoudError: Error, Sendable, CustomStringConvertible {
  /// The stable name; decides the exit status.
  public let code: ErrorCode
  /// What happened, with the names and numbers that matter.
  public let message: String
  /// What the user can do about it; names the flag or the command.
  public let hint: String?
  /// Further facts for machines (`path`, `offset`, …); printed only with `--format json`.
  public let context: [String: String]
  /// The failure behind this one.
  public let cause: (any Error)?

  public init(
    _ code: ErrorCode, _ message: String, hint: String? = nil, context: [String: String] = [:],
    cause: (any Error)? = nil
  ) {
    self.code = code
    self.message = message
    self.hint = hint
    self.context = context
    self.cause = cause
  }

  public var description: String {
    hint.map { "\(code.rawValue): \(message)\nhint: \($0)" } ?? "\(code.rawValue): \(message)"
  }

  /// The same failure, seen from one step further out: `prefix: message`.
  public func within(_ prefix: String) -> GoudError {
    GoudError(code, "\(prefix): \(message)", hint: hint, context: context, cause: cause)
  }
}
