import Foundation
import GoudCore
import Synchronization
import TestSupport
import Testing

@testable import Volumes

#if canImport(Glibc)
  import Glibc
#endif

/// Which `config/` is obeyed. Needs root: files are given away.
@Suite struct ConfigurationTrustTests {
  private final class Told: Sendable {
    let texts = Mutex<[String]>([])
  }

  /// `eve/config` in the working directory, and a program in `program/bin`, all of it root's.
  private func with(
    constants: String = "NODES=eve\n", environments: [String: String] = ["local": ""],
    _ body: (_ root: String, _ context: inout ConfigurationContext, _ told: Told) throws -> Void
  ) throws {
    try inTemporaryDirectory { root in
      let told = Told()
      var context = try ConfigurationFixture("\(root)/eve", constants: constants, environments: environments).context
      try ConfigurationFixture.write("", to: "\(root)/program/bin/goud")
      for path in try FileManager.default.subpathsOfDirectory(atPath: root) {
        let isDirectory = try FileSystem.status("\(root)/\(path)")?.isDirectory == true
        try allow("\(root)/\(path)", isDirectory ? 0o755 : 0o644)
      }
      context.isRoot = true
      context.executable = "\(root)/program/bin/goud"
      context.warn = { text in told.texts.withLock { $0.append(text) } }
      try body(root, &context, told)
    }
  }

  private func load(_ context: ConfigurationContext) throws -> GoudConfiguration {
    try GoudConfiguration.load(context: context)
  }

  private func give(_ path: String, _ user: uid_t) throws {
    guard lchown(path, user, user) == 0 else { throw GoudError.system("chown", path) }
  }

  private func allow(_ path: String, _ mode: mode_t) throws {
    guard chmod(path, mode) == 0 else { throw GoudError.system("chmod", path) }
  }

  private static let steps = [
    "", "/config", "/config/base", "/config/base/constants.env", "/config/environments", "/config/environments/local",
    "/config/environments/local/overrides.env",
  ]

  @Test func rootObeysWhatIsRootsAlone() throws {
    try with { _, context, told in
      let loaded = try load(context)
      #expect(loaded.nodes == ["eve"])
      #expect(told.texts.withLock { $0 } == [])
    }
  }

  @Test(arguments: steps) func rootDoesNotObeyWhatAnotherOwns(_ step: String) throws {
    try with { root, context, told in
      try give("\(root)/eve\(step)", 4242)
      let loaded = try load(context)
      #expect(loaded.nodes != ["eve"] && loaded.directory == nil)
      let texts = told.texts.withLock { $0 }
      #expect(texts.count == 1 && texts[0].contains("\(root)/eve/config") && texts[0].contains("user 4242"), "\(texts)")
      #expect(texts[0].contains("GOUD_CONFIG_DIR"), "\(texts)")
      context.isRoot = false
      #expect(try load(context).nodes == ["eve"], "others obey what they find")
    }
  }

  @Test(arguments: steps, [0o020, 0o002] as [mode_t]) func rootDoesNotObeyWhatOthersMayWrite(
    _ step: String, _ bit: mode_t
  ) throws {
    try with { root, context, _ in
      let path = "\(root)/eve\(step)"
      try allow(path, try #require(try FileSystem.status(path)).st_mode & 0o7777 | bit)
      #expect(try load(context).directory == nil)
    }
  }

  @Test func aStickyDirectoryAboveIsNoDoubt() throws {
    try with { root, context, told in
      try allow("\(root)/eve", 0o1777)
      #expect(try load(context).nodes == ["eve"])
      #expect(told.texts.withLock { $0 } == [])
    }
  }

  @Test func aLinkOfAnothersIsNotFollowed() throws {
    try with { root, context, _ in
      try allow("\(root)/eve", 0o1777)
      #expect(rename("\(root)/eve/config", "\(root)/eve/real") == 0)
      #expect(symlink("real", "\(root)/eve/config") == 0)
      #expect(try load(context).nodes == ["eve"])
      try give("\(root)/eve/config", 4242)
      #expect(try load(context).directory == nil)
    }
  }

  /// `./run` as root in a checkout of somebody else's: who can change the program decides anyway.
  @Test func aCheckoutsOwnConfigurationIsObeyedByItsOwnProgram() throws {
    try with { root, context, told in
      context.executable = "\(root)/eve/.build/release/goud"
      try ConfigurationFixture.write("", to: context.executable!)
      for path in ["eve", "eve/config", "eve/config/base/constants.env"] {
        try give("\(root)/\(path)", 4242)
      }
      #expect(try load(context).nodes == ["eve"])
      #expect(told.texts.withLock { $0 } == [])
      // A third user's hand in it is another matter.
      try give("\(root)/eve/config/base", 4343)
      #expect(try load(context).directory == nil)
    }
  }

  @Test func whatIsNamedIsObeyedAndTheDoubtIsSaid() throws {
    try with { root, context, told in
      try give("\(root)/eve/config", 4242)
      context.variables["GOUD_CONFIG_DIR"] = "\(root)/eve/config"
      #expect(try load(context).nodes == ["eve"])
      let texts = told.texts.withLock { $0 }
      #expect(texts.count == 1 && texts[0].contains("user 4242") && texts[0].contains("obeyed all the same"))
    }
  }

  @Test(arguments: [
    "DATABASE_URL=postgres://$USER@host/x", "[section]\nkey = value", "source ./other.sh", "a: yaml", "A=\"over\ntwo\"",
    "\u{fffd}", "PORT=80",
  ])
  func anotherProjectsDirectoryIsPassedOverWithOneWarning(_ text: String) throws {
    try with(constants: text, environments: [:]) { root, context, told in
      for isRoot in [true, false] {
        told.texts.withLock { $0 = [] }
        context.isRoot = isRoot
        #expect(try load(context).directory == nil)
        let texts = told.texts.withLock { $0 }
        #expect(texts.count == 1 && texts[0].contains("\(root)/eve/config holds no key of goud"), "\(texts)")
      }
      _ = try ConfigurationFixture("\(root)/program", constants: "NODES=own")
      #expect(try load(context).nodes == ["own"], "the next one counts")
      context.variables["GOUD_CONFIG_DIR"] = "\(root)/eve/config"
      #expect(throws: GoudError.self, "what is named is read") { try load(context) }
    }
  }

  /// A slip in one's own must not lead to the defaults.
  @Test(arguments: ["NODES=a\n[section]", "BACKUP_DIR=$HOME/x", "BACKUP_RETENTION_DAYS=x", "NODES=a\nB='"])
  func onesOwnWithAMistakeIsAnError(_ text: String) throws {
    try with(constants: text) { _, context, _ in
      let context = context
      expectFailure(.configInvalid) { try load(context) }
    }
    try with(constants: "PORT=80\nx", environments: ["local": text]) { _, context, _ in
      let context = context
      expectFailure(.configInvalid) { try load(context) }
    }
  }

  @Test func aPipeIsNotWaitedFor() throws {
    try with { root, context, _ in
      let path = "\(root)/eve/config/environments/local/overrides.env"
      try FileManager.default.removeItem(atPath: path)
      #expect(mkfifo(path, 0o644) == 0)
      expectFailure(.configInvalid) { try load(context) }
    }
  }
}
