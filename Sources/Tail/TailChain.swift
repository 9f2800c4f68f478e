import GoudCore
import Repository

/// The pieces of one volume that stand on one commit.
public struct TailChain: Sendable, Hashable {
  /// 16 hexadecimal digits: of the environment and the volume's name.
  public let volume: String
  /// The commit's id.
  public let commit: String

  static let folder = "tail"

  public init(environment: String, volume: String, commit: String) {
    self.init(
      volume: String(ObjectID(sha256Of: Array("\(environment)/\(volume)".utf8)).hex.prefix(16)), commit: commit)
  }

  init(volume: String, commit: String) { (self.volume, self.commit) = (volume, commit) }

  /// Where all pieces of the volume lie.
  var volumeFolder: String { "\(Self.folder)/\(volume)" }
  var folder: String { "\(volumeFolder)/\(commit)" }

  func name(_ number: UInt64) -> String {
    let digits = String(number)
    return "\(folder)/\(String(repeating: "0", count: 20 - digits.count))\(digits)"
  }
}
