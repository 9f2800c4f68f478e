import Foundation
import TestSupport
import Testing

/// What makes a sentence of `docs/deployment.md` true.
enum Evidence: Sendable {
  /// An attribute of `deploy/terraform`, as `TerraformFacts` says it.
  case line(String)
  /// All attributes that begin so: these values, and no others.
  case only(String, [String])
  /// No attribute begins so.
  case none(String)
  /// A file has these words, on one line.
  case words(String, in: String)
  /// A test of that name is in that file of `Tests`.
  case test(String, in: String)
  /// The sentence asks the reader for something, or says what another page explains.
  case advice
}

/// `deploy/terraform`, flattened: `gcp.resource.google_compute_disk.volumes.lifecycle.prevent_destroy = true`. Read with
/// PyPI's python-hcl2, which `scripts/bootstrap test` installs.
enum TerraformFacts {
  private static let program = """
    import glob, hcl2, os, sys

    def flat(path, value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if not key.startswith("__"):
                    yield from flat(path + [key.strip('"')], inner)
        elif isinstance(value, list):
            for inner in value:
                yield from flat(path, inner)
        else:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield ".".join(path) + " = " + (text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text)

    for name in sorted(glob.glob(sys.argv[1] + "/*/*.tf")):
        with open(name) as file:
            print(*flat([os.path.basename(os.path.dirname(name))], hcl2.load(file)), sep="\\n")
    """

  static func read(_ directory: String) async throws -> [String] {
    let finished = try await Programs.run(
      "python3", ["-c", program, directory], environment: ["PYTHONPATH": Checkout.path(".build-tools/hcl")])
    guard finished.status == 0 else { throw TestFailure("python-hcl2 (scripts/bootstrap test): \(finished.errors)") }
    return finished.output.split(separator: "\n").map(String.init)
  }
}

/// Each sentence of `docs/deployment.md` has the line that makes it true. A new sentence needs an entry here.
@Suite struct DeploymentDocumentTests {
  private static let ingress = "aws.resource.aws_vpc_security_group_ingress_rule"
  private static let statement = "aws.data.aws_iam_policy_document.backups.statement"
  private static let bucket = "gcp.resource.google_storage_bucket.backups"
  private static let range = "gcp.resource.google_compute_firewall"

  static let held: [(sentence: String, evidence: [Evidence])] = [
    (
      "`deploy/terraform/aws` and `deploy/terraform/gcp` make one machine, one disk for the volumes, and one bucket for the backups.",
      [
        .only("aws.resource.aws_instance.*.ami", ["${var.image}"]), .none("aws.resource.aws_instance.machine.count"),
        .only("aws.resource.aws_ebs_volume.*.size", ["${var.disk_gb}"]),
        .only("aws.resource.aws_s3_bucket.*.bucket", ["${var.bucket}"]),
        .only("gcp.resource.google_compute_instance.*.machine_type", ["${var.machine_type}"]),
        .only("gcp.resource.google_compute_disk.*.size", ["${var.disk_gb}"]),
        .only("gcp.resource.google_storage_bucket.*.name", ["${var.bucket}"]),
      ]
    ),
    ("One machine, one disk.", [.advice]),
    (
      "All nodes run on this machine, and all their volumes are on this disk.",
      [
        .only("aws.resource.aws_volume_attachment.*.volume_id", ["${aws_ebs_volume.volumes.id}"]),
        .only("gcp.resource.google_compute_attached_disk.*.disk", ["${google_compute_disk.volumes.id}"]),
      ]
    ),
    (
      "A volume that is lost is filled by its peers; a disk that is lost takes all of them, and only the bucket brings them back.",
      [
        .test("aVolumeThatWasClearedIsFilledByThePeers", in: "IntegrationTests/NetworkDockerTests.swift"),
        .test("fromNothingToAHealthyNetworkOutOfABucket", in: "IntegrationTests/NetworkDeployTests.swift"),
      ]
    ),
    (
      "The disk is encrypted and outlives the machine.",
      [
        .line("aws.resource.aws_ebs_volume.volumes.encrypted = true"),
        .line("aws.resource.aws_volume_attachment.volumes.instance_id = ${aws_instance.machine.id}"),
        .line("gcp.resource.google_compute_attached_disk.volumes.instance = ${google_compute_instance.machine.id}"),
        .only("gcp.resource.google_compute_disk.*.type", ["pd-balanced"]),  // Google encrypts every disk
      ]
    ),
    (
      "A change that would replace or delete it, another zone among them, is refused.",
      [
        .line("aws.resource.aws_ebs_volume.volumes.lifecycle.prevent_destroy = true"),
        .line("gcp.resource.google_compute_disk.volumes.lifecycle.prevent_destroy = true"),
        .test(
          "amazonsMakesAMachineADiskAndABucketThatOnlyTheMachineReaches", in: "IntegrationTests/TerraformTests.swift"),
      ]
    ),
    (
      "`goud volume expand` enlarges it, and Terraform does not take that back.",
      [
        .line("aws.resource.aws_ebs_volume.volumes.lifecycle.ignore_changes = size"),
        .line("gcp.resource.google_compute_disk.volumes.lifecycle.ignore_changes = size"),
      ]
    ),
    ("Who is let in.", [.advice]),
    (
      "From the ranges in `administrators` ssh is let in, from those in `clients` the nodes' HTTP; both are empty until you fill them.",
      [
        .only(ingress + ".*.for_each", ["${toset(var.administrators)}", "${toset(var.clients)}"]),
        .only(ingress + ".ssh.from_port", ["22"]), .only(ingress + ".ssh.to_port", ["22"]),
        .only(ingress + ".clients.from_port", ["8081"]), .only(ingress + ".clients.to_port", ["${8080 + var.nodes}"]),
        .only(range + ".*.source_ranges", ["${var.administrators}", "${var.clients}"]),
        .only(range + ".ssh.allow.ports", ["22"]), .only(range + ".clients.allow.ports", ["8081-${8080 + var.nodes}"]),
        .none("aws.variable.administrators.default"), .none("aws.variable.clients.default"),
        .none("gcp.variable.administrators.default"), .none("gcp.variable.clients.default"),
        .words("default     = []", in: "deploy/terraform/aws/variables.tf"),
        .words("default     = []", in: "deploy/terraform/gcp/variables.tf"),
      ]
    ),
    (
      "A range of more than a /8 (IPv6: a /32) is refused: nothing is let in from everywhere.",
      [
        .only(
          ingress + ".*.cidr_ipv4",
          [
            "${strcontains(each.value, \":\") ? null : each.value}",
            "${strcontains(each.value, \":\") ? null : each.value}",
          ]),
        .only(
          ingress + ".*.cidr_ipv6",
          [
            "${strcontains(each.value, \":\") ? each.value : null}",
            "${strcontains(each.value, \":\") ? each.value : null}",
          ]),
        .test("nothingIsLetInFromEverywhere", in: "IntegrationTests/TerraformTests.swift"),
      ]
    ),
    (
      "The ports of peers and of the manager are let in from nowhere.",
      [
        .only(ingress + ".*.from_port", ["22", "8081"]), .only(ingress + ".*.ip_protocol", ["tcp", "tcp"]),
        .only(range + ".*.allow.ports", ["22", "8081-${8080 + var.nodes}"]),
        .only(range + ".*.allow.protocol", ["tcp", "tcp"]), .none("aws.resource.aws_security_group.machine.ingress"),
      ]
    ),
    (
      "At Google the machine is in a network of its own, where no rule of the project's network `default` holds; at Amazon it is in one security group of its own, and in no other.",
      [
        .only("gcp.resource.google_compute_network.*.auto_create_subnetworks", ["false"]),
        .only(
          "gcp.resource.google_compute_instance.machine.network_interface.subnetwork",
          ["${google_compute_subnetwork.machine.id}"]),
        .line("gcp.resource.google_compute_subnetwork.machine.network = ${google_compute_network.machine.id}"),
        .none("gcp.variable.network."), .none("gcp.variable.subnet."),
        .only("aws.resource.aws_instance.machine.vpc_security_group_ids", ["${aws_security_group.machine.id}"]),
      ]
    ),
    (
      "What goes out is not restricted.",
      [
        .line("aws.resource.aws_vpc_security_group_egress_rule.everywhere.cidr_ipv4 = 0.0.0.0/0"),
        .none("gcp.resource.google_compute_firewall.*.deny"),
      ]
    ),
    ("The bucket.", [.advice]),
    (
      "It is private, encrypted and versioned.",
      [
        .line("aws.resource.aws_s3_bucket_public_access_block.backups.block_public_acls = true"),
        .line("aws.resource.aws_s3_bucket_public_access_block.backups.block_public_policy = true"),
        .line("aws.resource.aws_s3_bucket_public_access_block.backups.ignore_public_acls = true"),
        .line("aws.resource.aws_s3_bucket_public_access_block.backups.restrict_public_buckets = true"),
        .only(
          "aws.resource.aws_s3_bucket_server_side_encryption_configuration.backups.rule.apply_server_side_encryption_by_default.sse_algorithm",
          ["aws:kms"]),
        .line("aws.resource.aws_s3_bucket_versioning.backups.versioning_configuration.status = Enabled"),
        .line("\(bucket).public_access_prevention = enforced"), .line("\(bucket).uniform_bucket_level_access = true"),
        .line("\(bucket).dynamic.encryption.content.default_kms_key_name = ${encryption.value}"),
        .line("\(bucket).versioning.enabled = true"),
      ]
    ),
    (
      "What was replaced or deleted stays for `deleted_days` (30), which the plan says in `deleted_stays`.",
      [
        .line(
          "aws.resource.aws_s3_bucket_lifecycle_configuration.backups.rule.noncurrent_version_expiration.noncurrent_days = ${var.deleted_days}"
        ),
        .none("aws.resource.aws_s3_bucket_lifecycle_configuration.backups.rule.expiration"),
        .line("\(bucket).lifecycle_rule.condition.days_since_noncurrent_time = ${var.deleted_days}"),
        .line("aws.variable.deleted_days.default = 30"), .line("gcp.variable.deleted_days.default = 30"),
        .only(
          "aws.output.deleted_stays.value",
          [
            "${aws_s3_bucket_lifecycle_configuration.backups.rule[0].noncurrent_version_expiration[0].noncurrent_days}"
          ]),
        .only(
          "gcp.output.deleted_stays.value",
          ["${google_storage_bucket.backups.soft_delete_policy[0].retention_duration_seconds / (24 * 60 * 60)}"]),
      ]
    ),
    (
      "An upload that was cut off is cleared up after two days.",
      [
        .line(
          "aws.resource.aws_s3_bucket_lifecycle_configuration.backups.rule.abort_incomplete_multipart_upload.days_after_initiation = 2"
        ),
        .only("\(bucket).lifecycle_rule.action.type", ["AbortIncompleteMultipartUpload", "Delete"]),
        .line("\(bucket).lifecycle_rule.condition.age = 2"),
      ]
    ),
    ("What the machine may do.", [.advice]),
    (
      "It may add, read, list and delete objects of this bucket, and enlarge this disk; at Amazon it sees the account's other disks as well, which Amazon does not narrow down.",
      [
        .only(
          statement + ".actions",
          [
            "ec2:DescribeVolumes", "ec2:DescribeVolumesModifications", "ec2:ModifyVolume", "s3:AbortMultipartUpload",
            "s3:DeleteObject", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:ListBucketMultipartUploads",
            "s3:ListMultipartUploadParts", "s3:PutObject",
          ]),
        .only(
          statement + ".resources",
          ["${aws_s3_bucket.backups.arn}", "${aws_s3_bucket.backups.arn}/*", "*", "${aws_ebs_volume.volumes.arn}"]),
        .only("aws.resource.aws_iam_role_policy.*.policy", ["${data.aws_iam_policy_document.backups.json}"]),
        .none("aws.resource.aws_iam_role_policy_attachment"),
        .only(
          "gcp.resource.google_project_iam_custom_role.backups.permissions",
          ["storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"]),
        .only(
          "gcp.resource.google_storage_bucket_iam_member.*.role", ["${google_project_iam_custom_role.backups.id}"]),
        .only(
          "gcp.resource.google_project_iam_custom_role.expand.permissions",
          ["compute.disks.get", "compute.disks.resize"]),
        .only("gcp.resource.google_compute_disk_iam_member.*.name", ["${google_compute_disk.volumes.name}"]),
        .none("gcp.resource.google_project_iam_member"), .none("gcp.resource.google_project_iam_binding"),
      ]
    ),
    (
      "It may change nothing about the bucket itself.",
      [
        .none(statement + ".actions = s3:PutBucket"), .none(statement + ".actions = s3:PutLifecycle"),
        .none(statement + ".actions = s3:*"),
        .none("gcp.resource.google_project_iam_custom_role.backups.permissions = storage.buckets"),
      ]
    ),
    (
      "At Amazon it has no right to delete versions.",
      [.none(statement + ".actions = s3:DeleteObjectVersion"), .none(statement + ".not_actions")]
    ),
    (
      "At Google the right to delete covers them too, so the bucket keeps what was deleted (soft delete), and the machine has no right to bring it back or to end it.",
      [
        .line("\(bucket).soft_delete_policy.retention_duration_seconds = ${var.deleted_days * 24 * 60 * 60}"),
        .none("gcp.resource.google_project_iam_custom_role.backups.permissions = storage.objects.restore"),
        .test("whatIsDeletedStaysForAWeekAtLeast", in: "IntegrationTests/TerraformTests.swift"),
      ]
    ),
    (
      "Where the bucket would not keep it, the plan is refused.",
      [
        .only(
          "aws.resource.aws_iam_role_policy.backups.lifecycle.precondition.condition",
          ["${aws_s3_bucket_versioning.backups.versioning_configuration[0].status == \"Enabled\"}"]),
        .only(
          "gcp.resource.google_storage_bucket_iam_member.backups.lifecycle.precondition.condition",
          [
            "${google_storage_bucket.backups.soft_delete_policy[0].retention_duration_seconds >= 7 * 24 * 60 * 60}"
          ]),
      ]
    ),
    ("The metadata service.", [.advice]),
    (
      "It hands these rights to whoever reaches it, and containers do not.",
      [
        .line("aws.resource.aws_instance.machine.iam_instance_profile = ${aws_iam_instance_profile.machine.name}"),
        .line(
          "gcp.resource.google_compute_instance.machine.service_account.email = ${google_service_account.machine.email}"
        ),
      ]
    ),
    (
      "At Amazon it wants a token, and its answer does not survive the hop into a container.",
      [
        .line("aws.resource.aws_instance.machine.metadata_options.http_tokens = required"),
        .line("aws.resource.aws_instance.machine.metadata_options.http_put_response_hop_limit = 1"),
        .line("aws.resource.aws_instance.machine.metadata_options.http_protocol_ipv6 = disabled"),
      ]
    ),
    (
      "At Google a rule in the machine drops what containers send there, but for DNS, and is in place before Docker starts.",
      [
        .only(
          "gcp.resource.google_compute_instance.machine.metadata_startup_script",
          ["${file(\"${path.module}/metadata.sh\")}"]),
        .words("RequiredBy=docker.service", in: "deploy/terraform/gcp/metadata.sh"),
        .words("Before=docker.service", in: "deploy/terraform/gcp/metadata.sh"),
        .line("gcp.resource.google_compute_subnetwork.machine.stack_type = IPV4_ONLY"),
        .test("containersDoNotReachTheMetadataService", in: "IntegrationTests/TerraformTests.swift"),
      ]
    ),
    (
      "The machine's own programs reach it, and so do containers that share its network: nodes that run as processes, and Goud's helper containers.",
      [
        .words("\"NetworkMode\": \"host\"", in: "Sources/Runtime/Docker/HelperContainer.swift"),
        .test("containersDoNotReachTheMetadataService", in: "IntegrationTests/TerraformTests.swift"),
      ]
    ),
    (
      "`volume_id` and `volume_zone` of the output are `VOLUME_IDS` and `VOLUME_ZONE` of the environment ([configuration](configuration.md)); `goud volume expand` needs them.",
      [
        .line("aws.output.volume_id.value = ${aws_ebs_volume.volumes.id}"),
        .line("aws.output.volume_zone.value = ${var.region}"),
        .line("gcp.output.volume_id.value = ${google_compute_disk.volumes.name}"),
        .line("gcp.output.volume_zone.value = ${var.zone}"),
      ]
    ),
    (
      "Give the disk a file system once, `mkfs.xfs DEVICE` with `device` of the output, and mount it at `$GOUD_HOME/<environment>/volumes`.",
      [
        .only(
          "aws.output.device.value",
          [
            "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${replace(aws_ebs_volume.volumes.id, \"-\", \"\")}"
          ]),
        .line("gcp.output.device.value = /dev/disk/by-id/google-goud-volumes"),
        .line("gcp.resource.google_compute_attached_disk.volumes.device_name = goud-volumes"),
      ]
    ),
    (
      "How far nodes have come is then noted on another disk than their volumes are on, so that an old copy of this one is recognised ([replication](replication.md#old-disks)).",
      [
        .words("\"\\(network)/progress/\\(node)\"", in: "Sources/Layout/NetworkHome.swift"),
        .words("\"\\(path)/volumes\"", in: "Sources/Layout/NetworkHome.swift"),
        .test("theAuthorityWaitsForWhoHasWhatItsOldDiskLacks", in: "IntegrationTests/NetworkOldDiskTests.swift"),
      ]
    ),
    (
      "Nodes serve 127.0.0.1 until `BIND_ADDRESS` says otherwise.",
      [.words("| `BIND_ADDRESS` | address | `127.0.0.1` |", in: "docs/configuration.md")]
    ),
    (
      "Amazon's is applied to a server that answers as Amazon does in every test run.",
      [
        .test(
          "amazonsMakesAMachineADiskAndABucketThatOnlyTheMachineReaches", in: "IntegrationTests/TerraformTests.swift")
      ]
    ),
    (
      "Google's provider was not to be had where this is built: its variables and the rule of its machine are tried, the rest is read.",
      [
        .test("nothingIsLetInFromEverywhere", in: "IntegrationTests/TerraformTests.swift"),
        .test("containersDoNotReachTheMetadataService", in: "IntegrationTests/TerraformTests.swift"),
      ]
    ),
    (
      "Every sentence of this page has its line there, held by a test.",
      [.test("everySentenceHasItsLine", in: "IntegrationTests/DeploymentDocumentTests.swift")]
    ),
    (
      "`goud network install --systemd` has systemd start the network at boot, as a user of its own ([network](network.md#with-the-machine)); `goud schedule install --systemd` its backups.",
      [
        .words("WantedBy=multi-user.target", in: "Sources/Agent/ManagerUnit.swift"),
        .test("theUnitsCommandsRunTheNetworkAsItsUser", in: "IntegrationTests/NetworkInstallTests.swift"),
        .test("aScheduleIsInstalledListedAndRemoved", in: "IntegrationTests/ScheduleVerbTests.swift"),
      ]
    ),
    (
      "Both run the program that calls them, which therefore lies where only root can write: `/usr/local/bin/goud`.",
      [
        .test("whatOthersCanReplaceAndWhatDoesNotFitIsRefused", in: "IntegrationTests/NetworkInstallTests.swift"),
        .test("rootsTimerRunsNothingThatOthersCanReplace", in: "IntegrationTests/ScheduleVerbTests.swift"),
      ]
    ),
    (
      "A machine that has nothing knows nobody: before it restores, `deploy.sh` asks who vouches for the backup (at a terminal; otherwise it ends with 64), unless `TRUSTED_KEYS` is set.",
      [
        .words("fail 64 'nobody vouches for the backup'", in: "scripts/deploy.sh"),
        .test("fromNothingToAHealthyNetworkOutOfABucket", in: "IntegrationTests/NetworkDeployTests.swift"),
      ]
    ),
    (
      "Take `goud.pub` and the id of the chain along on another way than the bucket ([who vouches for a backup](disaster-recovery.md#who-vouches-for-a-backup)).",
      [.advice]
    ),
    (
      "`FROM scratch`: the binary and its libraries, user 10001, no shell.",
      [
        .words("user=10001", in: "scripts/build-image"),
        .words("\"Entrypoint\":[\"/usr/bin/goud\"]", in: "scripts/build-image"),
      ]
    ),
    (
      "The same binary makes the same image id (`--print-id`); `--output FILE` writes it as a file for `docker load`.",
      [.words("--sort=name --mtime=$epoch --numeric-owner", in: "scripts/build-image")]
    ),
    (
      "The manager runs on the machine, not in a container: it makes and watches the nodes' containers ([network](network.md#in-containers)).",
      [.test("theSameCommandsDoTheSame", in: "IntegrationTests/NetworkDockerTests.swift")]
    ),
    (
      "`deploy/docker` has the files of `local` and `gcp`, written by `goud network compose --env NAME` out of the configuration; a test holds them to it.",
      [.test("theComposeFilesAreTheConfigurations", in: "IntegrationTests/NetworkDockerTests.swift")]
    ),
    (
      "By their labels, Goud manages these containers like its own.",
      [.test("aNetworkThatComposeStartedIsManagedLikeOnesOwn", in: "IntegrationTests/NetworkDockerTests.swift")]
    ),
  ]

  // MARK: The page

  /// Sentences in order, their white space made one blank; without headings, blocks of commands and bold marks.
  static func sentences(_ page: String) -> [String] {
    var prose: [String] = []
    var inBlock = false
    for line in page.components(separatedBy: "\n") {
      if line.hasPrefix("```") { inBlock.toggle() }
      let skipped = inBlock || line.hasPrefix("```") || line.hasPrefix("#")
      prose.append(skipped ? "" : line.hasPrefix("* ") ? "\n" + line.dropFirst(2) : line)
    }
    return prose.joined(separator: "\n").components(separatedBy: "\n\n").flatMap { paragraph in
      let text = paragraph.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        .replacingOccurrences(of: "**", with: "")
      return text.replacingOccurrences(of: "(?<=[.!?]) (?=[A-Z`])", with: "\n", options: .regularExpression)
        .split(separator: "\n").map(String.init)
    }
  }

  // MARK: The lines

  /// What of the evidence is not there.
  static func missing(_ evidence: [Evidence], _ facts: [String]) throws -> [String] {
    try evidence.compactMap { piece in
      switch piece {
      case .line(let line): facts.contains(line) ? nil : "no line \(line)"
      case .only(let path, let values):
        values.sorted() == found(path, facts).sorted() ? nil : "\(path) is \(found(path, facts)), not \(values)"
      case .none(let start):
        facts.first { matches($0, start, toTheEnd: false) }.map { "there is \($0)" }
      case .words(let words, let file):
        try text(file).components(separatedBy: "\n").contains { $0.contains(words) } ? nil : "no \(words) in \(file)"
      case .test(let name, let file):
        try text("Tests/\(file)").contains("func \(name)(") ? nil : "no test \(name) in \(file)"
      case .advice: nil
      }
    }
  }

  private static func text(_ file: String) throws -> String {
    try String(contentsOfFile: Checkout.path(file), encoding: .utf8)
  }

  private static func found(_ path: String, _ facts: [String]) -> [String] {
    facts.filter { matches($0, path, toTheEnd: true) }
      .map { $0.components(separatedBy: " = ").dropFirst().joined(separator: " = ") }
  }

  /// - Parameter path: with `*` for one name.
  private static func matches(_ fact: String, _ path: String, toTheEnd: Bool) -> Bool {
    let pattern = NSRegularExpression.escapedPattern(for: path).replacingOccurrences(
      of: "\\.\\*\\.", with: "\\.[^.]+\\.")
    return fact.range(of: "^\(pattern)\(toTheEnd ? " = " : "")", options: .regularExpression) != nil
  }

  private func unheld(_ directory: String) async throws -> [String: [String]] {
    let facts = try await TerraformFacts.read(directory)
    let found = try Self.held.map { ($0.sentence, try Self.missing($0.evidence, facts)) }
    return Dictionary(uniqueKeysWithValues: found).filter { !$0.value.isEmpty }
  }

  @Test func everySentenceHasItsLine() async throws {
    let page = try String(contentsOfFile: Checkout.path("docs/deployment.md"), encoding: .utf8)
    let said = Self.sentences(page)
    for sentence in said where !Self.held.contains(where: { $0.sentence == sentence }) {
      Issue.record("a sentence of docs/deployment.md that nothing here holds: \(sentence)")
    }
    for (sentence, _) in Self.held where !said.contains(sentence) {
      Issue.record("docs/deployment.md does not say: \(sentence)")
    }
    for (sentence, missing) in try await unheld(Checkout.path("deploy/terraform")) {
      Issue.record("\(sentence): \(missing)")
    }
  }

  /// What is changed, and words of the sentence that is then no longer true.
  @Test(arguments: [
    ("gcp/main.tf", "prevent_destroy = true", "prevent_destroy = false", "another zone"),
    ("aws/main.tf", "prevent_destroy = true", "", "another zone"),
    ("aws/main.tf", "http_put_response_hop_limit = 1", "http_put_response_hop_limit = 2", "survive the hop"),
    ("gcp/main.tf", "metadata_startup_script = file(\"${path.module}/metadata.sh\")", "", "before Docker starts"),
    ("gcp/main.tf", "source_ranges = var.clients", "source_ranges = [\"0.0.0.0/0\"]", "both are empty"),
    ("gcp/main.tf", "auto_create_subnetworks = false", "auto_create_subnetworks = true", "network of its own"),
    (
      "gcp/bucket.tf", "\"storage.objects.list\",", "\"storage.objects.list\", \"storage.buckets.update\",",
      "about the bucket"
    ),
    ("gcp/bucket.tf", "var.deleted_days * 24 * 60 * 60", "0", "soft delete"),
    ("aws/bucket.tf", "\"s3:DeleteObject\",", "\"s3:DeleteObject\", \"s3:DeleteObjectVersion\",", "delete versions"),
    ("aws/bucket.tf", "status = \"Enabled\"\n  }", "status = \"Suspended\"\n  }", "versioned"),
  ])
  func aSentenceWithoutItsLineIsFound(_ file: String, _ line: String, _ other: String, _ words: String) async throws {
    try await withTemporaryDirectory { root in
      let copy = "\(root)/terraform"
      try FileManager.default.copyItem(atPath: Checkout.path("deploy/terraform"), toPath: copy)
      let text = try String(contentsOfFile: "\(copy)/\(file)", encoding: .utf8)
      try #require(text.contains(line), "\(file) has no \(line)")
      try Data(text.replacingOccurrences(of: line, with: other).utf8).write(to: URL(filePath: "\(copy)/\(file)"))
      let found = try await unheld(copy)
      #expect(found.keys.contains { $0.contains(words) }, "\(found)")
    }
  }
}
