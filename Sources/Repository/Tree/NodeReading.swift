extension Node {
  /// Reads a node, whoever wrote it: what is missing or `null` has its default, what is unknown is passed over, and a
  /// name that is not quoted as restic quotes is taken as it stands, which other writers did.
  init(from json: inout JSONReader) throws {
    self.init(name: [], kind: .file)
    var rawTarget: [UInt8]?
    var word: String?
    let isThere = try json.object { json, key in
      switch key {
      case "name": name = try Self.name(from: &json)
      case "type": word = try json.text()
      case "linktarget_raw": rawTarget = try json.base64()
      default: try read(key, from: &json)
      }
    }
    guard isThere, let word else { throw json.fault("a node without a type") }
    kind = Kind(word: word)
    if let rawTarget { target = rawTarget }
  }

  private mutating func read(_ key: String, from json: inout JSONReader) throws {
    switch key {
    case "content": content = try Self.content(from: &json)
    case "mtime": modified = try json.time() ?? .unset
    case "atime": accessed = try json.time() ?? .unset
    case "ctime": changed = try json.time() ?? .unset
    case "mode": mode = try json.number()
    case "uid": owner = try json.number()
    case "gid": group = try json.number()
    case "user": ownerName = try json.text() ?? ""
    case "group": groupName = try json.text() ?? ""
    case "inode": inode = try json.number()
    case "device_id": deviceID = try json.number()
    case "size": size = try json.number()
    case "links": links = try json.number()
    case "linktarget": target = try json.string() ?? []
    case "extended_attributes": attributes = try Self.attributes(from: &json)
    case "generic_attributes": try readGenericAttributes(from: &json)
    case "device": device = try json.number()
    case "subtree": subtree = try json.id()
    case "error": error = try json.text() ?? ""
    default: try json.value()
    }
  }

  private static func content(from json: inout JSONReader) throws -> [ObjectID]? {
    var ids: [ObjectID] = []
    let isList = try json.list { json in
      guard let id = try json.id() else { throw json.fault("no identifier") }
      ids.append(id)
    }
    return isList ? ids : nil
  }

  private static func attributes(from json: inout JSONReader) throws -> [Attribute] {
    var attributes: [Attribute] = []
    try json.list { json in
      var attribute = Attribute(name: "", value: nil)
      try json.object { json, key in
        switch key {
        case "name": attribute.name = try json.text() ?? ""
        case "value": attribute.value = try json.base64()
        default: try json.value()
        }
      }
      attributes.append(attribute)
    }
    return attributes
  }

  private mutating func readGenericAttributes(from json: inout JSONReader) throws {
    let text = try json.value()
    if text.first == UInt8(ascii: "{"), text.count > 2 { genericAttributes = Array(text) }
  }
}

extension Node {
  /// The name of a node, all of which is passed.
  static func name(passing json: inout JSONReader) throws -> [UInt8] {
    var name: [UInt8] = []
    let isThere = try json.object { json, key in
      if key == "name" { name = try Self.name(from: &json) } else { try json.value() }
    }
    guard isThere else { throw json.fault("no node") }
    return name
  }

  private static func name(from json: inout JSONReader) throws -> [UInt8] {
    try json.string().map { QuotedName.unquote($0) ?? $0 } ?? []
  }
}
