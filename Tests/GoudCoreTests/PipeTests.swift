import Foundation
import GoudCore
import Synchronization
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct PipeTests {
  /// Lists, in `output`, the pipes that a program has which is started now.
  private static func list(_ output: String) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    let command: [String] = ["find", "/proc/self/fd", "-lname", "pipe:*", "-printf", "%l\\n"]
    let words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    var status: Int32 = 0
    guard posix_spawnp(&pid, "find", &actions, nil, words, environ) == 0, waitpid(pid, &status, 0) == pid else {
      throw GoudError.system("start", "find")
    }
  }

  @Test func aProgramThatIsStartedMeanwhileDoesNotInheritAPipe() async throws {
    try await withTemporaryDirectory { root in
      let over = Atomic(false)
      let made = Mutex<Set<String>>([])
      async let maker: Void = onThread {
        while !over.load(ordering: .relaxed) {
          let pipe = try Descriptor.pipe()
          let numbers = try [pipe.read, pipe.write].map { "pipe:[\(try $0.status().st_ino)]" }
          made.withLock { $0.formUnion(numbers) }
        }
      }
      try await onThread {
        defer { over.store(true, ordering: .relaxed) }
        for _ in 0..<400 { try Self.list("\(root)/seen") }
      }
      try await maker
      let seen = try String(contentsOfFile: "\(root)/seen", encoding: .utf8).split(separator: "\n").map(String.init)
      #expect(made.withLock { $0.intersection(seen) }.isEmpty)
    }
  }
}
