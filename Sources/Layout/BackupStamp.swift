public import Foundation

/// `yyyyMMdd-HHmmss` in UTC, as in the names of backups and safety copies.
public enum BackupStamp {
  public static func text(_ date: Date) -> String { formatter().string(from: date) }

  /// - Returns: nil for anything that is not exactly such a stamp.
  public static func date(_ text: String) -> Date? {
    guard text.utf8.count == 15, let date = formatter().date(from: text), self.text(date) == text else { return nil }
    return date
  }

  private static func formatter() -> DateFormatter {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "UTC")
    formatter.dateFormat = "yyyyMMdd-HHmmss"
    return formatter
  }
}
