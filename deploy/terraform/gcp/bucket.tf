# The bucket: private, versioned, and encrypted as every bucket of Google's is. What was replaced or deleted stays for
# `deleted_days`, out of the machine's reach.

resource "google_storage_bucket" "backups" {
  name                        = var.bucket
  location                    = var.region
  force_destroy               = false
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }

  # Also what is deleted by its generation, for which versions alone are no help.
  soft_delete_policy {
    retention_duration_seconds = var.deleted_days * 24 * 60 * 60
  }

  lifecycle_rule {
    condition {
      days_since_noncurrent_time = var.deleted_days
    }
    action {
      type = "Delete"
    }
  }

  # What an upload that was cut off has left.
  lifecycle_rule {
    condition {
      age = 2
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key == null ? [] : [var.kms_key]
    content {
      default_kms_key_name = encryption.value
    }
  }
}

# --- The machine's rights ----------------------------------------------------------------------------------------------

resource "google_service_account" "machine" {
  account_id   = local.name
  display_name = "Goud, ${var.environment}"
}

# Add, read and list objects of this bucket, and delete what retention lets go: nothing about the bucket itself, whose
# policies keep what was deleted, and no bringing back.
resource "google_project_iam_custom_role" "backups" {
  role_id = replace("${local.name}_backups", "-", "_")
  title   = "Keep backups of Goud"
  permissions = [
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.list",
  ]
}

resource "google_storage_bucket_iam_member" "backups" {
  bucket = google_storage_bucket.backups.name
  role   = google_project_iam_custom_role.backups.id
  member = "serviceAccount:${google_service_account.machine.email}"

  lifecycle {
    precondition {
      condition     = google_storage_bucket.backups.soft_delete_policy[0].retention_duration_seconds >= 7 * 24 * 60 * 60
      error_message = "The machine may delete only where the bucket keeps what was deleted."
    }
  }
}

# `goud volume expand`.
resource "google_project_iam_custom_role" "expand" {
  role_id     = replace("${local.name}_expand", "-", "_")
  title       = "Enlarge a disk of Goud"
  permissions = ["compute.disks.get", "compute.disks.resize"]
}

resource "google_compute_disk_iam_member" "expand" {
  name   = google_compute_disk.volumes.name
  zone   = var.zone
  role   = google_project_iam_custom_role.expand.id
  member = "serviceAccount:${google_service_account.machine.email}"
}
