import Archive
import Foundation
import GoudCore
import TestSupport
import Testing

@testable import Volumes

@Suite struct ConfigurationFileTests {
  private func read(_ text: String) throws -> [String: String] {
    try ConfigurationFile(text: text, name: "config/x.env").values
  }

  @Test(arguments: [
    ("A=b", "b"), ("  A=b  \r", "b"), ("export A=b", "b"), ("A=gzip  # or pigz for parallel", "gzip"),
    ("A=a#b", "a#b"), ("A=\"x # y\" # z", "x # y"), ("A='$HOME'", "$HOME"), ("A=b=c", "b=c"), ("A=", ""),
    ("A= # nothing", ""), ("A=1\nA=2", "2"), ("# c\n\nA=ü x", "ü x"), ("A=''", ""),
  ])
  func aLineIsReadAsAShellWould(_ line: String, _ value: String) throws {
    #expect(try read(line) == ["A": value])
  }

  @Test(arguments: [
    "A", "=b", "A b=c", "BACKUP_DIR=$HOME/x", "GOUD_X=\"$HOME\"", "A=\"b", "A='b", "A='b'c", "a-b=c", "É=1",
    "[section]",
  ])
  func aLineThatCannotBeReadIsAnErrorThatNamesIt(_ line: String) {
    let error = expectFailure(.configInvalid) { try read("# first\n\(line)\n") }
    #expect(error?.message.hasPrefix("config/x.env:2 ") == true)
  }

  /// A key that Goud does not know is another program's, and so is what stands in its value.
  @Test(arguments: ["A=$HOME/x", "A=\"${HOME}\"", "A=$(date)"]) func anothersValueMayBeExpanded(_ line: String) throws {
    #expect(try read("\(line)\nNODES=a").keys.sorted() == ["A", "NODES"])
  }

  @Test func aFileThatIsNotTextIsAnError() throws {
    try inTemporaryDirectory { root in
      try Data([0x41, 0x3d, 0xff, 0xfe]).write(to: URL(fileURLWithPath: "\(root)/x.env"))
      expectFailure(.configInvalid) { try ConfigurationFile(path: "\(root)/x.env", name: "x.env") as Any }
      #expect(try ConfigurationFile(path: "\(root)/y.env", name: "y.env") == nil)
    }
  }

  /// The guide's own block, word for word.
  @Test func theGuidesFileIsRead() throws {
    let values = try read(
      """
      # config/base/constants.env
      DATA_DIR=/data
      VOLUME_DRIVER=local
      BACKUP_ENABLED=false
      BACKUP_RETENTION_DAYS=30
      BACKUP_COMPRESSION=gzip  # or pigz for parallel
      """)
    #expect(values["BACKUP_COMPRESSION"] == "gzip" && values.count == 5)
  }
}

/// The files and the page that are shipped.
@Suite struct ShippedConfigurationTests {
  private func shipped(_ environment: String) throws -> GoudConfiguration {
    try GoudConfiguration.load(
      flags: [.environment: environment],
      context: ConfigurationContext(
        variables: ["GOUD_CONFIG_DIR": Checkout.path("config"), "HOME": "/home/u"], workingDirectory: "/"))
  }

  @Test func localHasThreeNodesAndNoScheduledBackups() throws {
    let local = try shipped("local")
    #expect(local.nodes == ["node1", "node2", "node3"] && !local.backupEnabled)
    #expect(local.backupDirectory == Checkout.path("backups") && local.backupRetentionDays == 30)
    #expect(local.volumeWarningPercent == 70 && local.volumeCriticalPercent == 85 && local.unknownKeys == [])
  }

  @Test func productionHasTwoNodesAndScheduledBackupsWithPigz() throws {
    let gcp = try shipped("gcp")
    #expect(gcp.nodes == ["node1", "node2"] && gcp.backupEnabled)
    #expect(gcp[.backupCompression].text == "pigz" && gcp.backupCompression == .gzip)
  }

  @Test func theDocumentAndTheCodeAgree() throws {
    let text = try String(contentsOfFile: Checkout.path("docs/configuration.md"), encoding: .utf8)
    let rows = (text.components(separatedBy: "<!-- keys -->").last ?? "").split(separator: "\n")
      .filter { $0.hasPrefix("| `") }.map { $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } }
    #expect(rows.map { $0[0] } == ConfigurationKey.allCases.map { "`\($0.rawValue)`" })
    for (row, key) in zip(rows, ConfigurationKey.allCases) {
      if let fallback = key.fixedDefault { #expect(row[2] == "`\(fallback)`", "\(key)") }
      #expect(row.last == key.flag.map { "`\($0)`" } ?? "", "\(key)")
      switch key.kind {
      case .integer(let range): #expect(row[3].hasPrefix("\(range.lowerBound) to \(range.upperBound)"), "\(key)")
      case .word(let words): #expect(row[3] == words.map { "`\($0)`" }.joined(separator: ", "), "\(key)")
      default: break
      }
    }
  }
}
