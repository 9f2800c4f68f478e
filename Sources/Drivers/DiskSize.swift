public import GoudCore

/// Sizes as disks are sold and enlarged: powers of 1024, whatever the letters. `gcloud … --size=100GB`,
/// `aws … --size 100` and `resize2fs … 100G` all mean 107,374,182,400 bytes.
public enum DiskSize {
  static let gigabyte = Int64(1) << 30
  private static let units = ["K": 10, "M": 20, "G": 30, "T": 40]

  /// `100GB`, `100GiB`, `100G`, `2T`, `512M`.
  /// - Throws: `usage.invalid`.
  public static func parse(_ text: String) throws -> ByteCount {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit = text.dropFirst(digits.count).uppercased()
    guard let count = Int64(digits), count > 0, let letter = unit.first, let shift = units[String(letter)],
      ["", "B", "IB"].contains(unit.dropFirst())
    else { throw invalid(text) }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: 1 << shift)
    guard !overflow else { throw invalid(text) }
    return ByteCount(bytes)
  }

  /// In the largest unit that it is a whole number of: `100GB`.
  static func text(_ size: ByteCount) -> String {
    let (letter, shift) = units.sorted { $0.value > $1.value }.first { size.bytes % (1 << $0.value) == 0 } ?? ("", 0)
    return "\(size.bytes >> shift)\(letter)B"
  }

  private static func invalid(_ text: String) -> GoudError {
    GoudError(
      .usage, "'\(text)' is not a disk's size", hint: "write --size 100GB; GB are 1024 MB here, as providers count")
  }
}
