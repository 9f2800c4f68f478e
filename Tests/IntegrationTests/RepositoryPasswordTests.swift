import Foundation
import GoudCore
import TestSupport
import Testing

/// What is taken for the password of a repository, and what is refused; as stock restic takes it.
@Suite struct RepositoryPasswordTests {
  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// What a file may hold beside the password.
  @Test(arguments: [
    "\(RepositoryFixture.password)", " \(RepositoryFixture.password)\r\n\n", "\u{feff}\(RepositoryFixture.password)\n",
  ])
  func whatIsAroundThePasswordIsNoPartOfIt(_ content: String) async throws {
    try await RepositoryFixture.with { repository in
      let file = "\(repository.fixture.root)/the password"
      try AtomicFile.write(Self.text(content), to: file)
      try await repository.run("repo", "stats", "--password-file", file)
      try await repository.run("repo", "stats", "--password-command", "cat '\(file)'")
      for restic in Restic.allCases {
        let read = try await restic.run(
          ["--password-file", file, "cat", "config"], on: repository.place, password: "another")
        #expect(read.status == 0, "\(restic): \(read.errors)")
      }
      let piped = try await Programs.run(
        "/bin/bash",
        ["-c", #""$1" repo stats --repo "$2" --password-file <(cat "$3")"#, "bash"]
          + [Programs.built("goud"), repository.place, file], environment: repository.fixture.surroundings)
      #expect(piped.status == 0, "\(piped.errors)")
    }
  }

  @Test func whatHoldsNoPasswordIsRefusedWithWhatToDo() async throws {
    try await RepositoryFixture.with { repository in
      let root = repository.fixture.root
      func refused(_ words: [String], _ why: String, _ hint: String) async throws {
        for verb in [["repo", "stats"], ["repo", "init"]] {
          let place = verb == ["repo", "init"] ? "\(root)/new" : repository.place
          let run = try await repository.fixture.goud(verb + words + ["--repo", place, "--format", "json"])
          #expect(run.status == 13 && run.errors.contains("secret.invalid"), "\(words): \(run.errors)")
          #expect(run.errors.contains(why) && run.errors.contains(hint), "\(words): \(run.errors)")
          #expect(!FileManager.default.fileExists(atPath: "\(root)/new"))
        }
      }
      for (name, content, why) in [
        ("empty", [], "holds no password"), ("blank", Self.text(" \r\n\t"), "holds no password"),
        ("mark", Self.text("\u{feff}\n"), "holds no password"), ("latin", [0x70, 0xe4, 0x73, 0x73], "holds no text"),
        ("long", [UInt8](repeating: 0x61, count: 1 << 17), "holds more than"),
      ] {
        try AtomicFile.write(content, to: "\(root)/\(name)")
        try await refused(["--password-file", "\(root)/\(name)"], why, "password")
      }
      for path in ["\(root)/missing", root, "\(root)/empty/below"] {
        try await refused(["--password-file", path], "no file", "--password-file")
      }
      try await refused(["--password-command", "true"], "holds no password", "one character")
      try await refused(["--password-command", #"printf '\344'"#], "holds no text", "UTF-8")
      try await refused(["--password-command", "exit 3"], "failed", "run it by hand")
      let named = try await repository.fixture.goud(
        "repo", "stats", "--repo", repository.place, environment: ["GOUD_PASSWORD_FILE": "\(root)/missing"])
      #expect(named.status == 13 && named.errors.contains("GOUD_PASSWORD_FILE"), "\(named.errors)")
    }
  }

  @Test func aFileThatEverybodyCanReadIsUsedAndSaid() async throws {
    try await RepositoryFixture.with { repository in
      let file = "\(repository.fixture.root)/open"
      try AtomicFile.write(Self.text(RepositoryFixture.password), to: file, mode: 0o644)
      let read = try await repository.run("repo", "stats", "--password-file", file)
      #expect(read.errors.contains("everybody on this machine can read \(file)"), "\(read.errors)")
      #expect(!read.errors.contains(RepositoryFixture.password))
      let own = try await repository.run("repo", "stats")
      #expect(!own.errors.contains("everybody"), "\(own.errors)")
    }
  }
}
