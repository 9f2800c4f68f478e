import Foundation
import GoudCore

extension Snapshot {
  /// The text as restic writes it, and `goud` behind.
  /// - Throws: `internal.fault` when `goud` is no JSON object.
  public func encoded() throws -> [UInt8] {
    var text = JSONText()
    text.raw("{\"time\":")
    time.write(to: &text)
    write(",\"parent\":", parent, to: &text)
    text.raw(",\"tree\":")
    text.id(tree)
    text.raw(",\"paths\":")
    text.strings(paths)
    for (key, value): (StaticString, String) in [(",\"hostname\":", hostname), (",\"username\":", username)]
    where !value.isEmpty {
      text.raw(key)
      text.string(value)
    }
    for (key, value): (StaticString, UInt32) in [(",\"uid\":", owner), (",\"gid\":", group)] where value != 0 {
      text.raw(key)
      text.number(value)
    }
    for (key, value): (StaticString, [String]) in [(",\"excludes\":", excludes), (",\"tags\":", tags)]
    where !value.isEmpty {
      text.raw(key)
      text.strings(value)
    }
    write(",\"original\":", original, to: &text)
    if !programVersion.isEmpty {
      text.raw(",\"program_version\":")
      text.string(programVersion)
    }
    summary?.write(to: &text)
    try writeGoud(to: &text)
    text.raw("}")
    return text.bytes
  }

  private func write(_ key: StaticString, _ id: ObjectID?, to text: inout JSONText) {
    guard let id else { return }
    text.raw(key)
    text.id(id)
  }

  private func writeGoud(to text: inout JSONText) throws {
    guard !goud.isEmpty else { return }
    guard (try? JSONSerialization.jsonObject(with: Data(goud))) is [String: Any] else {
      throw GoudError(.internalFault, "what a snapshot says of its own is no JSON object")
    }
    text.raw(",\"goud\":")
    text.raw(goud)
  }

  /// Reads a snapshot of any writer: unknown fields are passed over, missing ones have their defaults, `null` is an
  /// empty list.
  /// - Throws: `repository.damaged`, also when it names no tree or no time.
  public init(decoding bytes: [UInt8]) throws {
    do {
      var json = JSONReader(bytes)
      try self.init(from: &json)
      try json.end()
    } catch let fault as JSONReader.Fault {
      throw GoudError(.repositoryDamaged, "a snapshot in the repository cannot be read: \(fault)")
    }
  }

  private init(from json: inout JSONReader) throws {
    var (time, tree): (Timestamp?, ObjectID?)
    // A tree must be named: until then any will do.
    var read = Snapshot(time: .unset, tree: ObjectID(sha256Of: []), paths: [])
    try json.object { json, key in
      switch key {
      case "time": time = try json.time()
      case "tree": tree = try json.id()
      default: try read.read(key, from: &json)
      }
    }
    guard let time, let tree else { throw json.fault("no time, or no tree,") }
    self = read
    (self.time, self.tree) = (time, tree)
  }

  private mutating func read(_ key: String, from json: inout JSONReader) throws {
    switch key {
    case "parent": parent = try json.id()
    case "paths": paths = try Self.texts(from: &json)
    case "hostname": hostname = try json.text() ?? ""
    case "username": username = try json.text() ?? ""
    case "uid": owner = try json.number()
    case "gid": group = try json.number()
    case "excludes": excludes = try Self.texts(from: &json)
    case "tags": tags = try Self.texts(from: &json)
    case "original": original = try json.id()
    case "program_version": programVersion = try json.text() ?? ""
    case "summary": summary = try Summary(from: &json)
    case "goud":
      let value = try json.value()
      if value.first == UInt8(ascii: "{") { goud = Array(value) }
    default: try json.value()
    }
  }

  private static func texts(from json: inout JSONReader) throws -> [String] {
    var texts: [String] = []
    try json.list { texts.append(try $0.text() ?? "") }
    return texts
  }
}

extension Snapshot.Summary {
  /// The counts in the order they are written, each by its key.
  private static var counts: [(key: StaticString, field: WritableKeyPath<Self, UInt64> & Sendable)] {
    [
      ("files_new", \.filesNew), ("files_changed", \.filesChanged), ("files_unmodified", \.filesUnmodified),
      ("dirs_new", \.directoriesNew), ("dirs_changed", \.directoriesChanged),
      ("dirs_unmodified", \.directoriesUnmodified), ("data_blobs", \.dataBlobs), ("tree_blobs", \.treeBlobs),
      ("data_added", \.dataAdded), ("data_added_packed", \.dataAddedPacked), ("total_files_processed", \.totalFiles),
      ("total_bytes_processed", \.totalBytes),
    ]
  }

  func write(to text: inout JSONText) {
    text.raw(",\"summary\":{\"backup_start\":")
    start.write(to: &text)
    text.raw(",\"backup_end\":")
    end.write(to: &text)
    for (key, field) in Self.counts {
      text.raw(",\"")
      text.raw(key)
      text.raw("\":")
      text.number(self[keyPath: field])
    }
    text.raw("}")
  }

  /// - Returns: nil for `null`.
  init?(from json: inout JSONReader) throws {
    var read = Snapshot.Summary()
    let isThere = try json.object { json, key in
      switch key {
      case "backup_start": read.start = try json.time() ?? .unset
      case "backup_end": read.end = try json.time() ?? .unset
      default:
        if let field = Self.counts.first(where: { "\($0.key)" == key })?.field {
          read[keyPath: field] = try json.number()
        } else {
          try json.value()
        }
      }
    }
    guard isThere else { return nil }
    self = read
  }
}
