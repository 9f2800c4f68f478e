import Foundation
import GoudCore
import TestSupport
import Testing

/// `deploy/terraform`, as far as it can be tried without an account: Amazon's is applied to a server that answers as
/// Amazon does. Needs terraform, and Amazon's provider in a mirror (`TF_PLUGIN_DIR`, by default `/opt/tf-plugins`).
@Suite struct TerraformTests {
  private static let mirror = ProcessInfo.processInfo.environment["TF_PLUGIN_DIR"] ?? "/opt/tf-plugins"

  /// Asks nobody but the server of the test, and no file of the user.
  private func terraform(
    _ arguments: [String], environment: [String: String] = [:], in directory: String
  ) async throws -> String {
    let settings = "\(directory)/cli.tfrc"
    try AtomicFile.write([], to: settings)
    let quiet = ["TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": settings]
    // An empty AWS_CA_BUNDLE would be a file without a name to the provider.
    let finished = try await Programs.run(
      "env", ["-u", "AWS_CA_BUNDLE", "terraform"] + arguments, environment: quiet.merging(environment) { $1 },
      in: directory)
    guard finished.status == 0 else {
      throw TestFailure("terraform \(arguments): \(finished.output)\(finished.errors)")
    }
    return finished.output
  }

  @Test(arguments: ["aws", "gcp"]) func itIsWellFormed(_ provider: String) async throws {
    try await withTemporaryDirectory { root in
      let changed = try await terraform(
        ["fmt", "-check", "-diff", Repository.path("deploy/terraform/\(provider)")], in: root)
      #expect(changed == "")
    }
  }

  @Test func amazonsMakesAMachineADiskAndABucketThatOnlyTheMachineReaches() async throws {
    try await Moto.with { moto in
      try await withTemporaryDirectory { root in
        let directory = "\(root)/aws"
        try FileManager.default.copyItem(atPath: Repository.path("deploy/terraform/aws"), toPath: directory)
        // The server has one address for everything, buckets too.
        try AtomicFile.write(
          Array(#"provider "aws" { s3_use_path_style = true }"#.utf8), to: "\(directory)/main_override.tf")
        let network = try await moto.aws("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16", "--query", "Vpc.VpcId")
        let subnet = try await moto.aws(
          "ec2", "create-subnet", "--vpc-id", network, "--cidr-block", "10.0.0.0/24", "--availability-zone",
          "eu-west-1a", "--query", "Subnet.SubnetId")
        let image = try await moto.aws("ec2", "describe-images", "--query", "Images[0].ImageId")
        var environment = moto.environment
        environment.merge([
          "TF_VAR_network": network, "TF_VAR_subnet": subnet, "TF_VAR_image": image, "TF_VAR_bucket": "goud-backups",
          "TF_VAR_administrators": #"["192.0.2.0/24"]"#,
        ]) { $1 }
        let variables = environment
        func run(_ arguments: String...) async throws -> String {
          try await terraform(arguments, environment: variables, in: directory)
        }
        _ = try await run("init", "-input=false", "-no-color", "-plugin-dir=\(Self.mirror)")
        _ = try await run("validate", "-no-color")
        _ = try await run("apply", "-input=false", "-no-color", "-auto-approve")

        let volume = try await run("output", "-raw", "volume_id")
        #expect(
          try await moto.aws(
            "ec2", "describe-volumes", "--volume-ids", volume, "--query", "Volumes[0].[Size,Encrypted]")
            == "100\tTrue")
        #expect(try await run("output", "-raw", "bucket") == "s3://goud-backups")
        let bucket = ["--bucket", "goud-backups"]
        #expect(
          try await moto.aws(["s3api", "get-bucket-versioning"] + bucket + ["--query", "Status"]) == "Enabled")
        let encryption = try await moto.aws(["s3api", "get-bucket-encryption"] + bucket)
        #expect(encryption.contains("aws:kms"))
        let access = try await moto.aws(["s3api", "get-public-access-block"] + bucket)
        #expect(!access.contains("False") && access.contains("True"))
        let lifecycle = try await moto.aws(["s3api", "get-bucket-lifecycle-configuration"] + bucket)
        #expect(lifecycle.contains("what-was-replaced-or-deleted"))
        let policy = try await moto.aws("iam", "get-role-policy", "--role-name", "goud-aws", "--policy-name", "backups")
        #expect(!policy.contains("s3:*") && !policy.contains("DeleteObjectVersion") && policy.contains("s3:PutObject"))
        // Applying it again changes nothing, not even after the disk was enlarged.
        _ = try await moto.aws("ec2", "modify-volume", "--volume-id", volume, "--size", "200")
        let again = try await run("plan", "-input=false", "-no-color", "-detailed-exitcode")
        #expect(again.contains("No changes"), "\(again)")
      }
    }
  }
}
