/// What rclone is told about a location, by its environment. Variables of the user's own (`RCLONE_S3_…`) come first.
enum RcloneSettings {
  /// - Parameter estimate: the largest object that will be uploaded, in bytes. S3 takes 10,000 parts of an object, so
  ///   the size of a part follows from it; rclone holds four parts in memory.
  static func make(
    _ variables: [String: String], estimate: Int64, bandwidth: String?
  ) -> [String: String?] {
    let part = max(8, (estimate / 9000) / (1 << 20) + 1)
    var settings: [String: String?] = [
      // What is cut off must fail: rclone takes a short object that it holds in memory for a whole one.
      "RCLONE_STREAMING_UPLOAD_CUTOFF": "0", "RCLONE_S3_CHUNK_SIZE": "\(part)Mi", "RCLONE_S3_UPLOAD_CONCURRENCY": "4",
      "RCLONE_S3_ENV_AUTH": "true", "RCLONE_S3_NO_CHECK_BUCKET": "true", "RCLONE_GCS_NO_CHECK_BUCKET": "true",
      "RCLONE_GCS_ENV_AUTH": "true", "RCLONE_LOW_LEVEL_RETRIES": "5",
      // Else a list asks S3 for each object by itself.
      "RCLONE_USE_SERVER_MODTIME": "true",
    ]
    let endpoint = variables["AWS_ENDPOINT_URL_S3"] ?? variables["AWS_ENDPOINT_URL"]
    if let bandwidth { settings["RCLONE_BWLIMIT"] = bandwidth }
    settings["RCLONE_S3_PROVIDER"] = endpoint == nil ? "AWS" : "Other"
    if let endpoint { settings["RCLONE_S3_ENDPOINT"] = endpoint }
    if let region = variables["AWS_REGION"] ?? variables["AWS_DEFAULT_REGION"] {
      settings["RCLONE_S3_REGION"] = region
    }
    // rclone's S3 refuses to start with it, needed or not.
    if endpoint?.hasPrefix("http://") == true { settings.updateValue(nil, forKey: "AWS_CA_BUNDLE") }
    if let emulator = variables["STORAGE_EMULATOR_HOST"] {
      settings["RCLONE_GCS_ANONYMOUS"] = "true"
      settings["RCLONE_GCS_ENDPOINT"] = "\(emulator.contains("://") ? "" : "http://")\(emulator)/storage/v1/"
    }
    return settings.filter { $0.value == nil || variables[$0.key] == nil }
  }
}
