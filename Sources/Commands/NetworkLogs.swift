import ArgumentParser
import CoreFoundation
import Foundation
import GoudCore
import Layout
import Runtime

#if canImport(Glibc)
  import Glibc
#endif

struct NetworkLogs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Show what the nodes, or one, or the manager, have logged.")

  @Argument(help: "A node, or `manager`; none: all, each line with its name.") var node: String?
  @Option(name: [.customShort("n"), .long], help: "Show so many lines of each.") var lines = 50
  @Flag(name: [.customShort("f"), .long], help: "Go on showing what is logged.") var follow = false
  @OptionGroup var scope: EnvironmentOptions

  func run() throws {
    guard lines >= 0 else { throw GoudError(.usage, "--lines is not negative") }
    let context = try NetworkContext(scope)
    let known = context.plan.nodes.map(\.name) + ["manager"]
    if let node, !known.contains(node) {
      throw GoudError(
        .nodeUnknown, "there is no node \(node)", hint: "known are \(known.joined(separator: ", "))",
        context: ["node": node])
    }
    if context.plan.docker != nil && node != "manager" { return try containerLogs(context) }
    let names = node.map { [$0] } ?? known
    let width = names.map(\.count).max() ?? 0
    var followed = try names.map { name in
      let path = context.home.log(name)
      let prefix = names.count > 1 ? name.padding(toLength: width, withPad: " ", startingAt: 0) + " | " : ""
      for line in LogTail(path).lines(lines) { Output.write(prefix + line) }
      return try Followed(path: path, prefix: prefix)
    }
    guard follow else { return }
    while true {
      for index in followed.indices { try followed[index].more { Output.write($0) } }
      try Signals.cancellation.check()
      usleep(200_000)
    }
  }
}

extension NetworkLogs {
  /// The containers' own logs, as `docker logs` shows them.
  private func containerLogs(_ context: NetworkContext) throws {
    guard let launcher = try context.launcher() as? DockerLauncher else { return }
    let names = node.map { [$0] } ?? context.plan.nodes.map(\.name)
    let width = names.map(\.count).max() ?? 0
    func show(_ lines: Int, since: Double?) throws {
      for name in names {
        let prefix = names.count > 1 ? name.padding(toLength: width, withPad: " ", startingAt: 0) + " | " : ""
        for line in try launcher.log(name, lines: lines, since: since) { Output.write(prefix + Output.printable(line)) }
      }
    }
    var seen = Date().timeIntervalSince1970
    try show(lines, since: nil)
    while follow {
      try Signals.cancellation.check()
      usleep(500_000)
      let now = Date().timeIntervalSince1970
      try show(10_000, since: seen)
      seen = now
    }
  }
}

/// The end of a log.
struct LogTail {
  /// Of the end of a file: what is looked at for lines.
  static let window: Int64 = 4 << 20
  let path: String

  init(_ path: String) { self.path = path }

  var last: String? { lines(1).last }

  /// The last `count` lines, oldest first; fewer when there are not so many, none when there is no file.
  func lines(_ count: Int) -> [String] {
    guard let file = try? Descriptor.open(path, O_RDONLY), let size = (try? file.status()).map({ Int64($0.st_size) })
    else { return [] }
    var bytes = [UInt8](repeating: 0, count: Int(min(size, Self.window)))
    let start = size - Int64(bytes.count)
    guard let read = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0, at: start) }) else { return [] }
    return bytes[..<read].split(separator: 10).suffix(count).map {
      Output.printable(String(decoding: $0, as: UTF8.self))
    }
  }
}

/// A log that is being read as it grows; when another file takes its place, that one is read from its beginning.
private struct Followed {
  let path: String
  let prefix: String
  private var file: Descriptor?
  private var offset: Int64 = 0
  private var rest: [UInt8] = []

  init(path: String, prefix: String) throws {
    self.path = path
    self.prefix = prefix
    file = try? Descriptor.open(path, O_RDONLY)
    offset = Int64(try file?.status().st_size ?? 0)
  }

  mutating func more(_ write: (String) -> Void) throws {
    try read(write)
    guard let now = try FileSystem.status(path), now.st_ino != (try file?.status().st_ino) else { return }
    file = try Descriptor.open(path, O_RDONLY)
    offset = 0
    try read(write)
  }

  private mutating func read(_ write: (String) -> Void) throws {
    guard let file else { return }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
      guard count > 0 else { return }
      offset += Int64(count)
      rest += buffer[..<count]
      while let end = rest.firstIndex(of: 10) {
        write(prefix + Output.printable(String(decoding: rest[..<end], as: UTF8.self)))
        rest.removeSubrange(...end)
      }
    }
  }
}
