import GoudCore
public import Layout

extension NetworkHome {
  /// Where the validator key of the network's authority is: in the network's home, else in the authority's volume.
  /// - Throws: `network.not-founded`.
  public func authorityKey() throws -> String {
    guard let authority = try NetworkRecord.read(self)?.nodes.first else {
      throw GoudError(
        .networkNotFounded, "there is no network in \(path), and so no authority",
        hint: "name a key: a file of minisign -G, or a validator_key", context: ["path": path])
    }
    let places = [key(authority), "\(volume(authority))/\(VolumeName.validatorKey)"]
    return try places.first { try FileSystem.status($0) != nil } ?? places[0]
  }
}
