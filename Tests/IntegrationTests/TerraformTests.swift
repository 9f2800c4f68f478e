import Foundation
import GoudCore
import TestSupport
import Testing

/// `deploy/terraform`, as far as it can be tried without an account: Amazon's is applied to a server that answers as
/// Amazon does. Needs root, terraform, and Amazon's provider in a mirror (`TF_PLUGIN_DIR`, by default `/opt/tf-plugins`).
@Suite struct TerraformTests {
  private static let mirror = ProcessInfo.processInfo.environment["TF_PLUGIN_DIR"] ?? "/opt/tf-plugins"

  /// Asks nobody but the server of the test, and no file of the user.
  private func run(
    _ arguments: [String], environment: [String: String] = [:], in directory: String
  ) async throws -> Finished {
    let settings = "\(directory)/cli.tfrc"
    try AtomicFile.write([], to: settings)
    let quiet = ["TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": settings]
    // An empty AWS_CA_BUNDLE would be a file without a name to the provider.
    return try await Programs.run(
      "env", ["-u", "AWS_CA_BUNDLE", "terraform"] + arguments, environment: quiet.merging(environment) { $1 },
      in: directory)
  }

  private func terraform(
    _ arguments: [String], environment: [String: String] = [:], in directory: String
  ) async throws -> String {
    let finished = try await run(arguments, environment: environment, in: directory)
    guard finished.status == 0 else {
      throw TestFailure("terraform \(arguments): \(finished.output)\(finished.errors)")
    }
    return finished.output
  }

  /// What terraform said when it refused, its lines joined.
  private func refused(
    _ arguments: [String], environment: [String: String], in directory: String
  ) async throws -> String {
    let finished = try await run(arguments, environment: environment, in: directory)
    guard finished.status != 0 else { throw TestFailure("terraform \(arguments) was taken: \(finished.output)") }
    return Self.unwrapped(finished.errors)
  }

  /// Terraform breaks its lines where a terminal ends.
  private static func unwrapped(_ text: String) -> String {
    text.components(separatedBy: "\n").map { $0.trimmingCharacters(in: .init(charactersIn: "│ ")) }
      .joined(separator: " ")
  }

  @Test(arguments: ["aws", "gcp"]) func itIsWellFormed(_ provider: String) async throws {
    try await withTemporaryDirectory { root in
      let changed = try await terraform(
        ["fmt", "-check", "-diff", Checkout.path("deploy/terraform/\(provider)")], in: root)
      #expect(changed == "")
    }
  }

  @Test func amazonsMakesAMachineADiskAndABucketThatOnlyTheMachineReaches() async throws {
    try await Moto.with { moto in
      try await withTemporaryDirectory { root in
        let directory = "\(root)/aws"
        try FileManager.default.copyItem(atPath: Checkout.path("deploy/terraform/aws"), toPath: directory)
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
        #expect(try await run("output", "-raw", "deleted_stays") == "30")
        let options = try await moto.aws(
          "ec2", "describe-instances", "--query",
          "Reservations[0].Instances[0].MetadataOptions.[HttpTokens,HttpPutResponseHopLimit]")
        #expect(options == "required\t1")
        // Another zone would take another disk: refused, as is taking all of it away.
        let elsewhere = try await refused(
          ["plan", "-input=false", "-no-color", "-var", "zone=eu-west-1b"], environment: variables, in: directory)
        #expect(elsewhere.contains("aws_ebs_volume.volumes has lifecycle.prevent_destroy set"), "\(elsewhere)")
        let away = try await refused(
          ["destroy", "-input=false", "-no-color", "-auto-approve"], environment: variables, in: directory)
        #expect(away.contains("aws_ebs_volume.volumes has lifecycle.prevent_destroy set"), "\(away)")
        let unversioned = "\(directory)/bucket.tf"
        let text = try String(contentsOfFile: unversioned, encoding: .utf8)
        try AtomicFile.write(
          Array(text.replacing("status = \"Enabled\"\n  }", with: "status = \"Suspended\"\n  }").utf8), to: unversioned)
        let unkept = try await refused(["plan", "-input=false", "-no-color"], environment: variables, in: directory)
        #expect(unkept.contains("may delete only where the bucket keeps"), "\(unkept)")
      }
    }
  }

  // MARK: Variables

  /// Plans with the variables of a provider alone, which needs no provider. Returns what was said, nil when it was taken.
  private func refusal(_ provider: String, _ name: String, _ value: String) async throws -> String? {
    try await withTemporaryDirectory { root in
      let variables = "deploy/terraform/\(provider)/variables.tf"
      try FileManager.default.copyItem(atPath: Checkout.path(variables), toPath: "\(root)/variables.tf")
      var environment = Dictionary(
        uniqueKeysWithValues: ["project", "network", "subnet", "image", "bucket"].map { ("TF_VAR_\($0)", "x") })
      environment["TF_VAR_\(name)"] = value
      let finished = try await run(["plan", "-input=false", "-no-color"], environment: environment, in: root)
      return finished.status == 0 ? nil : Self.unwrapped(finished.errors)
    }
  }

  @Test(arguments: ["aws", "gcp"], ["administrators", "clients"])
  func nothingIsLetInFromEverywhere(_ provider: String, _ name: String) async throws {
    for range in [#"["192.0.2.0/24"]"#, #"["198.51.100.7/32", "10.0.0.0/8"]"#, "[]"] {
      #expect(try await refusal(provider, name, range) == nil, "\(range)")
    }
    let everywhere = [
      "0.0.0.0/0", "::/0", "0::/0", "192.0.2.1/0", "0.0.0.0/1", "128.0.0.0/1", "2000::/3", "::ffff:0.0.0.0/96",
      "192.0.2.1",
      "0/0", "",
    ]
    for range in everywhere where provider == "gcp" || range != "::ffff:0.0.0.0/96" {
      let said = try await refusal(provider, name, #"["192.0.2.0/24", "\#(range)"]"#)
      #expect(said?.contains("nothing is let in from everywhere") == true, "\(range): \(said ?? "was taken")")
    }
  }

  @Test(arguments: ["aws", "gcp"]) func whatIsDeletedStaysForAWeekAtLeast(_ provider: String) async throws {
    for days in ["7", "90"] { #expect(try await refusal(provider, "deleted_days", days) == nil, "\(days)") }
    for days in ["0", "6", "-1", "7.5"] + (provider == "gcp" ? ["91"] : []) {
      let said = try await refusal(provider, "deleted_days", days)
      #expect(said?.contains("A whole number of days from 7 to") == true, "\(days): \(said ?? "was taken")")
    }
  }

  // MARK: The metadata service

  /// A machine, a container and the service as network namespaces; the machine forwards, as it does for Docker. Needs root.
  @Test func containersDoNotReachTheMetadataService() async throws {
    let network = """
      set -euo pipefail
      trap 'kill $(jobs -p) 2>/dev/null' EXIT
      apart() { until [[ $(readlink "/proc/$1/ns/net") != $(readlink /proc/self/ns/net) ]]; do sleep 0.05; done; }
      within() { nsenter -t "$1" -n "${@:2}"; }
      unshare -n sleep 300 & service=$!
      unshare -n sleep 300 & container=$!
      apart $service; apart $container
      ip link set lo up
      ip link add service0 type veth peer name outer netns $service
      ip link add bridge0 type veth peer name inner netns $container
      ip addr add 10.1.0.1/24 dev service0; ip link set service0 up
      ip addr add 10.2.0.1/24 dev bridge0; ip link set bridge0 up
      within $service ip addr add 10.1.0.2/24 dev outer; within $service ip link set outer up
      within $service ip link set lo up; within $service ip addr add 169.254.169.254/32 dev lo
      within $service ip route add 10.2.0.0/24 via 10.1.0.1
      within $container ip addr add 10.2.0.2/24 dev inner; within $container ip link set inner up
      within $container ip route add default via 10.2.0.1
      ip route add 169.254.169.254/32 via 10.1.0.2
      echo 1 >/proc/sys/net/ipv4/ip_forward
      for port in 80 443 53; do within $service python3 -m http.server $port --bind 169.254.169.254 >/dev/null 2>&1 & done
      asked() { curl -s -o /dev/null -m "$1" -w '%{http_code}' "http://169.254.169.254:$2/" || true; }
      export -f asked
      answers() { for try in {1..300}; do [[ $("$@" bash -c "asked 5 $port") == 200 ]] && return; sleep 0.1; done; return 1; }
      for port in 80 443 53; do answers within $container; answers env; done
      bash "$1" rule; bash "$1" rule
      [[ $(iptables -t raw -S PREROUTING | grep -c 169.254.169.254) == 1 ]]
      for port in 80 443; do [[ $(within $container bash -c "asked 3 $port") == 000 ]]; answers env; done
      port=53; answers within $container
      echo kept out
      """
    let finished = try await Programs.run(
      "unshare",
      [
        "-n", "--", "bash", "-c", network, "bash",
        Checkout.path("deploy/terraform/gcp/metadata.sh"),
      ])
    #expect(finished.output == "kept out\n", "\(finished.output)\(finished.errors)")
  }
}
