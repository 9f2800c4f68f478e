import BlobStore
import Foundation

/// A store whose requests for locks come one at a time, in the order that a script gives for several users of it. Deletions
/// come when they come.
final class SteppedStore: BlobStore {
  /// Whose turn it is, step by step.
  final class Script: @unchecked Sendable {
    private let condition = NSCondition()
    private var left: [Character]

    init(_ order: String) { left = Array(order) }

    func step<Result>(_ name: Character, _ body: () throws -> Result) rethrows -> Result {
      condition.lock()
      defer {
        condition.broadcast()
        condition.unlock()
      }
      while let next = left.first, next != name { condition.wait() }
      if !left.isEmpty { left.removeFirst() }
      return try body()
    }

    /// This one does nothing any more.
    func leave(_ name: Character) {
      condition.lock()
      left.removeAll { $0 == name }
      condition.broadcast()
      condition.unlock()
    }
  }

  /// Every order in which the steps of two can come.
  static func orders(of one: String, and other: String) -> [String] {
    guard let first = one.first, let second = other.first else { return [one + other] }
    return orders(of: String(one.dropFirst()), and: other).map { "\(first)\($0)" }
      + orders(of: one, and: String(other.dropFirst())).map { "\(second)\($0)" }
  }

  private let store: any BlobStore
  private let name: Character
  private let script: Script

  init(_ store: any BlobStore, _ name: Character, _ script: Script) {
    (self.store, self.name, self.script) = (store, name, script)
  }

  var location: String { store.location }
  var requests: RequestCounter { store.requests }
  var listsAtOnce: Bool { store.listsAtOnce }

  private func step<Result>(_ object: String, _ body: () throws -> Result) rethrows -> Result {
    object.hasPrefix("locks") ? try script.step(name, body) : try body()
  }

  func list(in folder: String, deep: Bool) throws -> [BlobStatus] {
    try step(folder) { try store.list(in: folder, deep: deep) }
  }
  func put(_ bytes: [UInt8], as name: String) throws { try step(name) { try store.put(bytes, as: name) } }
  func status(of name: String) throws -> BlobStatus? { try store.status(of: name) }
  func upload(_ name: String, estimate: Int64) throws -> any BlobUpload {
    try store.upload(name, estimate: estimate)
  }
  func read(_ blob: BlobStatus, at offset: Int64, count: Int) throws -> [UInt8] {
    try store.read(blob, at: offset, count: count)
  }
  func read(_ name: String, at offset: Int64, count: Int) throws -> [UInt8] {
    try store.read(name, at: offset, count: count)
  }
  func delete(_ name: String) throws { try store.delete(name) }
  func delete(_ names: [String]) throws { try store.delete(names) }
}
