import ArgumentParser
import BlobStore
import Foundation
import GoudCore
import Rclone

/// `--recipient`, of what makes archives.
struct SealOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Seal the archive for whom this is of (age); only their identity opens it again.", valueName: "age1…"))
  var recipient: String?

  /// The same option, for another run of goud.
  var arguments: [String] { recipient.map { ["--recipient", $0] } ?? [] }
}

/// `--identity`, of what reads archives.
struct OpenOptions: ParsableArguments {
  @Option(help: ArgumentHelp("What opens a sealed archive: a file of age-keygen.", valueName: "file"))
  var identity: String?
}

/// `-c`, the same on every verb that takes it.
struct CloudOptions: ParsableArguments {
  @Option(
    name: [.customShort("c"), .customLong("cloud")],
    help: "A bucket: gs://NAME/PREFIX, s3://NAME/PREFIX, or rclone:REMOTE:PATH.")
  var cloud: String?
  @Option(help: ArgumentHelp("At most so many bytes a second to and from the bucket, as in 10M.", valueName: "rate"))
  var bandwidth: String?

  func validate() throws {
    guard let bandwidth else { return }
    if cloud == nil { throw ValidationError("--bandwidth is for -c") }
    guard bandwidth.wholeMatch(of: /[1-9][0-9]{0,8}[KMG]/) != nil else {
      throw ValidationError("--bandwidth is a number with K, M or G, as in 10M")
    }
  }

  /// The same options, for another run of goud.
  func arguments() throws -> [String] {
    guard let cloud else { return [] }
    _ = try StoreLocation(cloud)
    return ["-c", cloud] + (bandwidth.map { ["--bandwidth", $0] } ?? [])
  }

  /// - Parameter estimate: about how large an archive will be put, in bytes.
  /// - Returns: nil without `-c`.
  func store(estimate: Int64 = 0) throws -> (any BlobStore)? {
    guard let cloud else { return nil }
    var options = StoreOptions()
    options.estimate = estimate
    options.bandwidth = bandwidth.map { "\($0)i" }
    options.cancellation = Signals.cancellation
    return try StoreLocation.open(cloud, options: options)
  }
}
