import Foundation
import GoudCore
import Minisign
import TestSupport
import Testing

@testable import Volumes

@Suite struct ConfigurationTests {
  /// Every layer above the default sets the key; they are taken away from the strongest on.
  @Test func eachLayerGivesWayToTheOneAboveIt() throws {
    try inTemporaryDirectory { root in
      var fixture = try ConfigurationFixture(
        root, constants: "BACKUP_COMPRESSION=zstd\n", environments: ["local": "BACKUP_COMPRESSION=none\n"],
        variables: ["BACKUP_COMPRESSION": "pigz"])
      let key = ConfigurationKey.backupCompression
      func found(_ flags: [ConfigurationKey: String] = [:]) throws -> [String] {
        let value = try fixture.load(flags)[key]
        return [value.text, value.origin.description]
      }
      #expect(try found([key: "gzip"]) == ["gzip", "flag --compression"])
      #expect(try found() == ["pigz", "environment"])
      fixture.context.variables = [:]
      #expect(try found() == ["none", "config/environments/local/overrides.env"])
      try ConfigurationFixture.write("", to: "\(root)/config/environments/local/overrides.env")
      #expect(try found() == ["zstd", "config/base/constants.env"])
      try ConfigurationFixture.write("", to: "\(root)/config/base/constants.env")
      #expect(try found() == ["gzip", "default"])
    }
  }

  @Test func theEnvironmentDecidesWhichOverridesCount() throws {
    try inTemporaryDirectory { root in
      var fixture = try ConfigurationFixture(
        root, environments: ["local": "NODES=a b c", "gcp": "NODES=d"], variables: ["GOUD_ENVIRONMENT": "gcp"])
      #expect(try fixture.load().nodes == ["d"])
      #expect(try fixture.load([.environment: "local"]).nodes == ["a", "b", "c"])
      fixture.context.variables = [:]
      #expect(try fixture.load().environment == "local")
      try ConfigurationFixture.write("GOUD_ENVIRONMENT=gcp", to: "\(root)/config/base/constants.env")
      #expect(try fixture.load().nodes == ["d"])
    }
  }

  @Test func trustedKeysAreKeysOrAbsolutePathsOfThem() throws {
    let key = "RWQAAAAAAAAAAFhmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZm"
    try inTemporaryDirectory { root in
      let file = "\(root)/goud.pub"
      try ConfigurationFixture.write("untrusted comment: x\n\(key)\n", to: file)
      var fixture = try ConfigurationFixture(root, variables: ["TRUSTED_KEYS": " \(key)  \(file) "])
      let keys = try fixture.load().trustedKeys()
      #expect(keys.map(\.base64) == [key, key])
      fixture.context.variables["TRUSTED_KEYS"] = "\(file)x"
      let missing = try fixture.load()
      expectFailure(.signingKeyInvalid) { _ = try missing.trustedKeys() }
      for text in ["goud.pub", String(key.dropLast()), key + "A", "RWQ", "\(key),\(key)"] {
        fixture.context.variables["TRUSTED_KEYS"] = text
        expectFailure(.configInvalid) { _ = try fixture.load() }
      }
      fixture.context.variables = [:]
      #expect(try fixture.load().trustedKeys().isEmpty)
    }
  }

  @Test func anEmptyValueCountsAsNotSetExceptInAFlag() throws {
    try inTemporaryDirectory { root in
      let fixture = try ConfigurationFixture(
        root, constants: "BACKUP_RETENTION_DAYS=9\nNODES=\n", variables: ["BACKUP_RETENTION_DAYS": ""])
      #expect(try fixture.load().backupRetentionDays == 9)
      #expect(try fixture.load()[.nodes].origin == .fallback)
      expectFailure(.usage) { try fixture.load([.environment: ""]) }
    }
  }

  @Test func defaultsHoldWithoutAConfigDirectory() throws {
    try inTemporaryDirectory { root in
      var context = ConfigurationContext(variables: ["HOME": "/home/u"], workingDirectory: root)
      let user = try GoudConfiguration.load(context: context)
      #expect(user.home == "/home/u/.local/share/goud" && user.directory == nil)
      #expect(user.backupDirectory == "/home/u/.local/share/goud/backups")
      #expect(user.volumesDirectory == "/home/u/.local/share/goud/local/volumes")
      #expect(user.values.map(\.key) == ConfigurationKey.allCases)
      #expect(user.values.allSatisfy { $0.origin == .fallback })
      context.variables["XDG_DATA_HOME"] = "/data/xdg"
      #expect(try GoudConfiguration.load(context: context).home == "/data/xdg/goud")
      context.variables["XDG_DATA_HOME"] = "relative"
      #expect(try GoudConfiguration.load(context: context).home == "/home/u/.local/share/goud")
      context.isRoot = true
      #expect(try GoudConfiguration.load(context: context).home == "/var/lib/goud")
      #expect(try GoudConfiguration.load(flags: [.environment: "any"], context: context).environment == "any")
    }
  }

  @Test func relativePathsStartWhereTheyWereWritten() throws {
    try inTemporaryDirectory { root in
      var fixture = try ConfigurationFixture(root, constants: "BACKUP_DIR=./backups\nGOUD_HOME=state")
      fixture.context.variables["GOUD_CONFIG_DIR"] = "\(root)/config"
      fixture.context.workingDirectory = "/elsewhere"
      #expect(try fixture.load().backupDirectory == "\(root)/backups")
      #expect(try fixture.load().home == "\(root)/state")
      #expect(try fixture.load([.backupDirectory: "./mine"]).backupDirectory == "/elsewhere/mine")
      fixture.context.variables["BACKUP_DIR"] = "/absolute//x/./y"
      #expect(try fixture.load().backupDirectory == "/absolute/x/y")
    }
  }

  @Test(arguments: [
    (ConfigurationKey.backupRetentionDays, ["0", "36501", "-1", "thirty", "30 days", "1.5", "99999999999999999999"]),
    (.safetyCopyRetentionDays, ["0", "x"]), (.backupEnabled, ["maybe", "2", "on "]),
    (.backupCompression, ["xz", "GZIP", "gzip "]), (.volumeDriver, ["nfs"]), (.dataDirectory, ["data", "~"]),
    (.backupDirectory, ["~/backups", "~"]), (.home, ["~/goud"]), (.volumeWarningPercent, ["0", "100", "70%"]),
    (.volumeCriticalPercent, ["70", "69", "100", ""]), (.nodes, ["a a", "A", "a/b", "..", "ünode", " "]),
    (.environment, ["Local", "../x", "a b", "-x", "a\n", "lokal\u{e9}"]),
  ])
  func aValueThatDoesNotFitNamesItsKeyAndOrigin(_ key: ConfigurationKey, _ values: [String]) throws {
    for value in values where !value.isEmpty {
      let context = ConfigurationContext(variables: [key.rawValue: value], workingDirectory: "/nowhere")
      let error = expectFailure(.configInvalid) { try GoudConfiguration.load(context: context) }
      #expect(error?.message.contains(key == .volumeCriticalPercent ? "PERCENT" : key.rawValue) == true, "\(value)")
      #expect(error?.message.contains("environment") == true && error?.hint != nil, "\(value)")
    }
  }

  @Test func aValueThatDoesNotFitNamesItsFileOrItsFlag() throws {
    try inTemporaryDirectory { root in
      let fixture = try ConfigurationFixture(root, constants: "BACKUP_RETENTION_DAYS=abc")
      let error = expectFailure(.configInvalid) { try fixture.load() }
      #expect(error?.message.hasPrefix("BACKUP_RETENTION_DAYS in config/base/constants.env is 'abc'") == true)
      #expect(error?.context["origin"] == "config/base/constants.env")
      try ConfigurationFixture.write("", to: "\(root)/config/base/constants.env")
      let flag = expectFailure(.usage) { try fixture.load([.backupCompression: "lzma"]) }
      #expect(flag?.hint?.contains("--compression") == true)
    }
  }

  @Test func anUnknownEnvironmentNamesTheKnownOnes() throws {
    try inTemporaryDirectory { root in
      let fixture = try ConfigurationFixture(root, environments: ["local": "", "gcp": ""])
      let error = expectFailure(.environmentUnknown) { try fixture.load([.environment: "aws"]) }
      #expect(error?.hint == "name one with --env: gcp, local" && error?.code.exitStatus == .notFound)
    }
  }

  @Test func overridesCannotNameAnotherEnvironment() throws {
    try inTemporaryDirectory { root in
      let fixture = try ConfigurationFixture(root, environments: ["local": "GOUD_ENVIRONMENT=gcp"])
      expectFailure(.configInvalid) { try fixture.load() }
    }
  }

  @Test func theConfigDirectoryIsFoundInItsOrder() throws {
    try inTemporaryDirectory { root in
      for place in ["named", "working", "program"] {
        _ = try ConfigurationFixture("\(root)/\(place)", constants: "NODES=\(place)")
      }
      var context = ConfigurationContext(
        variables: ["GOUD_CONFIG_DIR": "\(root)/named/config"], workingDirectory: "\(root)/working",
        executable: "\(root)/program/.build/debug/goud")
      #expect(try GoudConfiguration.load(context: context).nodes == ["named"])
      context.variables = [:]
      #expect(try GoudConfiguration.load(context: context).nodes == ["working"])
      context.workingDirectory = root
      #expect(try GoudConfiguration.load(context: context).nodes == ["program"])
      // Another program's config/ does not count.
      try FileManager.default.createDirectory(atPath: "\(root)/config", withIntermediateDirectories: true)
      #expect(try GoudConfiguration.load(context: context).nodes == ["program"])
      context.variables["GOUD_CONFIG_DIR"] = "\(root)/missing"
      expectFailure(.configInvalid) { try GoudConfiguration.load(context: context) }
    }
  }

  @Test func keysThatGoudDoesNotKnowAreNamed() throws {
    try inTemporaryDirectory { root in
      let fixture = try ConfigurationFixture(root, constants: "BACKUP_RETENTION_DAY=1\nNODES=a\n")
      #expect(try fixture.load().unknownKeys == ["config/base/constants.env: BACKUP_RETENTION_DAY"])
    }
  }
}
