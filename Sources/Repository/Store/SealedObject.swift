import GoudCore

/// Objects that are not restic's, under the repository's key.
extension Repository {
  /// - Returns: `bytes`, compressed and sealed, after it was seen to open again.
  public func sealCompressed(_ bytes: [UInt8]) throws -> [UInt8] {
    let box = key.seal(UnpackedFile.encode(bytes))
    guard try UnpackedFile.decode(key.open(box)) == bytes else {
      throw GoudError(.internalFault, "what was sealed cannot be read back")
    }
    return box
  }

  /// - Parameters:
  ///   - name: of the object, for what is said.
  ///   - limit: how many bytes it may hold.
  /// - Throws: `repository.damaged`.
  public func openCompressed(_ box: [UInt8], _ name: String, limit: Int) throws -> [UInt8] {
    guard let plain = box.withUnsafeBytes(key.openIfGenuine), let bytes = UnpackedFile.decode(plain, limit: limit)
    else { throw damaged("\(name) was not sealed with its key, or holds more than \(ByteCount(limit))") }
    return bytes
  }
}
