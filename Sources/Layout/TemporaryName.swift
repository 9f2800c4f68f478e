import Foundation

/// The names of what is Goud's for a while, in one place.
///
/// They say what a thing is, never whose: that is told by a lock (`Temporary`). The text at the end only keeps two of
/// them apart.
public struct TemporaryName: Sendable, Hashable {
  public enum Kind: Sendable, CaseIterable {
    /// `.<name>.goud-tmp-<text>`: a file that is being written.
    case file
    /// `.<name>.goud-reserving-<text>`: the same, while an empty file keeps its final name free for it.
    case reserving
    /// `.<name>.goud-name`: keeps a name free for a backup that is being written.
    case reservation
    /// `.goud-run-<text>`: a run that is going on.
    case run
    /// `.goud-view-<text>`: links to the files of a snapshot.
    case view
    /// `.goud-unpacked-<text>`: an archive that is being looked into.
    case unpacked
    /// `.goud-handover-<text>`: where a run in a helper container is told what to do.
    case handover

    public var isDirectory: Bool { [.view, .unpacked, .handover].contains(self) }

    fileprivate var marker: String {
      switch self {
      case .file: ".goud-tmp-"
      case .reserving: ".goud-reserving-"
      case .reservation: ".goud-name"
      case .run: ".goud-run-"
      case .view: ".goud-view-"
      case .unpacked: ".goud-unpacked-"
      case .handover: ".goud-handover-"
      }
    }
  }

  public let kind: Kind
  /// What the thing is for: the name that it gets, or nothing.
  public let subject: String
  public let text: String
  /// Of an earlier version, which named its process and took no lock.
  public let isNumbered: Bool

  /// A new name for a thing of that kind.
  public init(_ kind: Kind, for subject: String) {
    self.kind = kind
    self.subject = subject
    isNumbered = false
    let lead = subject.isEmpty ? "" : ".\(subject)"
    text = kind == .reservation ? lead + kind.marker : "\(lead)\(kind.marker)\(Self.randomText())"
  }

  /// Reads a name; nil when it is none of Goud's.
  public init?(_ name: String) {
    for kind in Kind.allCases {
      guard let range = name.range(of: kind.marker, options: .backwards) else { continue }
      let lead = name[..<range.lowerBound]
      let tail = name[range.upperBound...]
      guard kind == .reservation ? tail.isEmpty : Self.isText(tail) || Self.isNumber(tail),
        lead.isEmpty ? kind.isDirectory || kind == .run : lead.first == "." && lead.count > 1
      else { continue }
      self.kind = kind
      isNumbered = Self.isNumber(tail)
      subject = String(lead.dropFirst())
      text = name
      return
    }
    return nil
  }

  /// Sixteen characters, the first one a letter: names of earlier versions ended in a process number.
  private static func randomText() -> String {
    let digits = Array("0123456789abcdef")
    return "r" + String((1..<16).map { _ in digits[Int.random(in: 0..<16)] })
  }

  private static func isText(_ tail: Substring) -> Bool {
    tail.count == 16 && tail.first == "r" && tail.dropFirst().allSatisfy(\.isHexDigit)
  }

  /// `123`, or `123-` and what `mkdtemp` chose.
  private static func isNumber(_ tail: Substring) -> Bool {
    guard let number = tail.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).first else {
      return false
    }
    return !number.isEmpty && number.allSatisfy { $0.isASCII && $0.isNumber }
  }
}
