import Foundation
import GoudCore

/// An error as the user sees it, on standard error: `error: message` and `hint: …`, or one line of JSON with `code`,
/// `message`, `hint`, `exit` and `context`.
struct ErrorReport: Encodable {
  let code: String
  let message: String
  let hint: String?
  let exit: Int32
  let context: [String: String]

  init(_ error: GoudError) {
    code = error.code.rawValue
    message = error.message
    hint = error.hint
    exit = error.code.exitStatus.rawValue
    context = error.context
  }

  func print(asJSON: Bool) {
    var text = "error: \(message)\n"
    if let hint { text += "hint: \(hint)\n" }
    if asJSON, let json = try? Output.json(self) { text = json + "\n" }
    Output.say(text)
  }
}
