import Foundation
import GoudCore

/// What went wrong, out of rclone's words: it hands on the providers' error codes, and nothing else tells them apart.
enum RcloneFault {
  private struct Known {
    let code: ErrorCode
    let what: String
    let hint: String
    let words: [String]

    init(_ code: ErrorCode, _ what: String, hint: String, _ words: String...) {
      (self.code, self.what, self.hint, self.words) = (code, what, hint, words)
    }
  }

  /// The first that fits.
  private static let known = [
    Known(
      .blobClockSkew, "refuses this machine's clock", hint: "set the clock (timedatectl set-ntp true)",
      "RequestTimeTooSkewed"),
    Known(
      .blobExpired, "says that the credentials have expired",
      hint: "renew them where rclone, the AWS or the Google tools look for them",
      "ExpiredToken", "TokenRefreshRequired", "token expired", "invalid_grant"),
    Known(
      .blobWrongRegion, "is in another region", hint: "set AWS_REGION to the bucket's region",
      "AuthorizationHeaderMalformed", "PermanentRedirect", "BucketRegionError", "IllegalLocationConstraint"),
    Known(
      .blobDenied, "does not let us in",
      hint: "check the credentials, and what they may do, where rclone looks for them",
      "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden", "status code: 403", "Error 403",
      "Error 401", "NoCredentialProviders", "could not find default credentials", "AccountProblem"),
    Known(
      .blobBucketMissing, "is not there", hint: "create the bucket, or correct -c",
      "NoSuchBucket", "directory not found", "bucket doesn't exist", "bucket does not exist", "bucketNotFound",
      "didn't find section in config file"),
    Known(
      .blobExists, "is already there", hint: "another run put it; nothing is replaced", "PreconditionFailed",
      "status code: 412", "StatusCode: 412", "Error 412"),
    Known(.blobNotFound, "is not there", hint: "goud backup list -c LOCATION", "NoSuchKey", "object not found"),
  ]

  /// - Parameter text: rclone's answer, JSON or plain.
  static func error(_ text: String, _ status: Int, _ place: String) -> GoudError {
    let said = (try? JSONDecoder().decode(Answer.self, from: Data(text.utf8)))?.error ?? text
    for fault in known where fault.words.contains(where: said.contains) {
      return GoudError(fault.code, "\(place) \(fault.what)", hint: fault.hint, context: ["said": said])
    }
    if status == 404 { return GoudError(.blobNotFound, "there is no \(place)", hint: "goud backup list -c LOCATION") }
    return GoudError(
      .blobUnreachable, "\(place) cannot be reached: \(said.prefix(300))", hint: "try again later",
      context: ["said": said])
  }

  private struct Answer: Decodable { let error: String }
}
