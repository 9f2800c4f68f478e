extension Node {
  /// Appends the node as restic writes it: its order of fields, those that are 0 or empty left out, `content` always
  /// there.
  func write(to text: inout JSONText) {
    text.raw("{\"name\":")
    text.string(QuotedName.quote(name))
    text.raw(",\"type\":")
    text.string(kind.word)
    writeNumber(",\"mode\":", mode, to: &text)
    text.raw(",\"mtime\":")
    modified.write(to: &text)
    text.raw(",\"atime\":")
    accessed.write(to: &text)
    text.raw(",\"ctime\":")
    changed.write(to: &text)
    text.raw(",\"uid\":")
    text.number(owner)
    text.raw(",\"gid\":")
    text.number(group)
    writeText(",\"user\":", ownerName, to: &text)
    writeText(",\"group\":", groupName, to: &text)
    writeNumber(",\"inode\":", inode, to: &text)
    writeNumber(",\"device_id\":", deviceID, to: &text)
    writeNumber(",\"size\":", size, to: &text)
    writeNumber(",\"links\":", links, to: &text)
    writeTarget(to: &text)
    writeAttributes(to: &text)
    writeNumber(",\"device\":", device, to: &text)
    writeContent(to: &text)
    writeText(",\"error\":", error, to: &text)
    text.raw("}")
  }

  private func writeNumber(_ key: StaticString, _ number: some FixedWidthInteger, to text: inout JSONText) {
    guard number != 0 else { return }
    text.raw(key)
    text.number(number)
  }

  private func writeText(_ key: StaticString, _ value: String, to text: inout JSONText) {
    guard !value.isEmpty else { return }
    text.raw(key)
    text.string(value)
  }

  /// A target that is no UTF-8 is written twice, as restic 0.16 and later do: garbled for older readers, then its
  /// bytes.
  private func writeTarget(to text: inout JSONText) {
    guard !target.isEmpty else { return }
    text.raw(",\"linktarget\":")
    text.string(target)
    guard String(validating: target, as: UTF8.self) == nil else { return }
    text.raw(",\"linktarget_raw\":")
    text.base64(target)
  }

  private func writeAttributes(to text: inout JSONText) {
    if !attributes.isEmpty {
      text.raw(",\"extended_attributes\":[")
      for (index, attribute) in attributes.enumerated() {
        if index > 0 { text.raw(",") }
        text.raw("{\"name\":")
        text.string(attribute.name)
        text.raw(",\"value\":")
        text.base64(attribute.value)
        text.raw("}")
      }
      text.raw("]")
    }
    if !genericAttributes.isEmpty {
      text.raw(",\"generic_attributes\":")
      text.raw(genericAttributes)
    }
  }

  private func writeContent(to text: inout JSONText) {
    text.raw(",\"content\":")
    if let content {
      text.raw("[")
      for (index, id) in content.enumerated() {
        if index > 0 { text.raw(",") }
        text.id(id)
      }
      text.raw("]")
    } else {
      text.raw("null")
    }
    if let subtree {
      text.raw(",\"subtree\":")
      text.id(subtree)
    }
  }
}
