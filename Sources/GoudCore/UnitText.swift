/// How words are written in systemd's units.
public enum UnitText {
  /// The value of a variable, between double quotes: `%` begins a specifier.
  public static func value(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("%", with: "%%")
  }

  /// A word of a command or a path: `$` begins a variable.
  public static func word(_ text: String) -> String {
    let plain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"\"'\\%$;".utf8.contains($0) }
    return plain ? text : "\"\(value(text).replacing("$", with: "$$"))\""
  }

  /// `Environment=` for each, in the order of their names.
  public static func environment(_ variables: [String: String]) -> String {
    variables.sorted { $0.key < $1.key }.map { "Environment=\"\($0.key)=\(value($0.value))\"" }.joined(separator: "\n")
  }
}
