import Foundation
import GoudCore
import TestSupport

#if canImport(Glibc)
  import Glibc
#endif

/// A directory with everything that a name, a mode and a time can be.
enum OddFiles {
  /// Names that text can carry.
  static let names = [
    "plain", "q\"uote", "back\\slash", "new\nline", "tab\t\u{01}\u{7f}", "\u{fc}mlaut", "u\u{308}", "<a>&b",
    "\u{2028}\u{2029}", "\u{a0}no break", "\u{ad}\u{200b}", "\u{1f600}", "\u{fffd}", "\u{e000}", "\\x41", " ", "...",
    "-r",
  ]

  /// - Parameter foreign: also what no volume of Goud has: names that are no UTF-8, a pipe, a device.
  static func make(in directory: String, foreign: Bool) async throws {
    func path(_ name: String) -> String { "\(directory)/\(name)" }
    func write(_ name: String, _ bytes: [UInt8]) throws { try AtomicFile.write(bytes, to: path(name)) }
    try FileManager.default.createDirectory(atPath: path("deep/<er>/e"), withIntermediateDirectories: true)
    for (index, name) in names.enumerated() { try write(name, Array("content of \(index)".utf8)) }
    try write("empty", [])
    try write("deep/large", (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 / 3 ^ $0 >> 9) })
    try write("deep/first name", [1, 2, 3])
    for name in ["deep/<er>/second", "a third"] { try check(link(path("deep/first name"), path(name)), name) }
    for (target, name) in [("deep/<er>", "link"), ("../empty", "deep/up & \u{2028}"), ("nowhere", "dangling")] {
      try check(symlink(target, path(name)), name)
    }
    for (mode, name) in [(0o6755, "plain"), (0o1777, "deep"), (0o2750, "deep/<er>"), (0, " "), (0o4711, "-r")] {
      try check(chmod(path(name), mode_t(mode)), name)
    }
    try check(chown(path("\u{fc}mlaut"), 12_345, 54_321), "chown")
    let attributed = ["empty", "deep", "deep/first name"].map(path)
    for words in [["-n", "user.a", "-v", "0x00ff3c"], ["-n", "user.\u{e9}<", "-v", "0x07"], ["-n", "user.empty"]] {
      let set = try await Programs.run("setfattr", words + attributed)
      guard set.status == 0 else { throw TestFailure("setfattr: \(set.errors)") }
    }
    try makeSparse(path("sparse"))
    if foreign { try makeForeign(in: directory) }
    try setTimes(path)
  }

  private static func makeSparse(_ path: String) throws {
    let file = open(path, O_CREAT | O_WRONLY, 0o600)
    defer { close(file) }
    try check(file < 0 ? -1 : 0, path)
    try check(ftruncate(file, 5_000_000), path)
    try check(pwrite(file, "x", 1, 2_000_000) == 1 ? 0 : -1, path)
  }

  private static func makeForeign(in directory: String) throws {
    for name in [[0x69, 0xe9, 0xff], [0xed, 0xa0, 0x80], [0xc0, 0xaf]] as [[UInt8]] {
      let path = Array("\(directory)/".utf8) + name + [0]
      let file = path.withUnsafeBufferPointer { bytes in
        bytes.withMemoryRebound(to: CChar.self) { open($0.baseAddress!, O_CREAT | O_WRONLY, 0o600) }
      }
      try check(file, "a name that is not UTF-8")
      close(file)
    }
    try check(mkfifo("\(directory)/pipe", 0o600), "pipe")
    try check(mknod("\(directory)/null", S_IFCHR | 0o600, 0x103), "device")
  }

  /// Last, and inner ones first: a directory's time is that of the last change in it.
  private static func setTimes(_ path: (String) -> String) throws {
    let times: [(String, Int, Int)] = [
      ("empty", -1, 999_999_995), ("plain", 0, 0), ("q\"uote", 1_700_000_000, 120_000_000), ("-r", 4_102_444_800, 1),
      ("deep/<er>/e", 7, 7), ("deep/<er>", 1_000_000_000, 500_000_000), ("deep", 12, 1), ("link", 99, 999_999_999),
      ("", 5, 5),
    ]
    for (name, seconds, nanoseconds) in times {
      let time = timespec(tv_sec: seconds, tv_nsec: nanoseconds)
      try check(utimensat(AT_FDCWD, path(name), [time, time], AT_SYMLINK_NOFOLLOW), name)
    }
  }

  private static func check(_ result: Int32, _ what: String) throws {
    guard result >= 0 else { throw GoudError.system("make", what) }
  }
}
