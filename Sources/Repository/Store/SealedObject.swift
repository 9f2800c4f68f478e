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

  /// - Parameter name: of the object, for what is said.
  /// - Throws: `repository.damaged`.
  public func openCompressed(_ box: [UInt8], _ name: String) throws -> [UInt8] {
    guard let plain = box.withUnsafeBytes(key.openIfGenuine), let bytes = UnpackedFile.decode(plain) else {
      throw damaged("\(name) was not sealed with its key")
    }
    return bytes
  }
}
