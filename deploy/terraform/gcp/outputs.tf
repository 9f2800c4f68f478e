output "address" {
  value = google_compute_instance.machine.network_interface[0].access_config[0].nat_ip
}

output "bucket" {
  value = "gs://${google_storage_bucket.backups.name}"
}

output "deleted_stays" {
  description = "For how many days what the machine deletes or replaces stays in the bucket, where the machine cannot end it."
  value       = google_storage_bucket.backups.soft_delete_policy[0].retention_duration_seconds / (24 * 60 * 60)
}

# VOLUME_IDS and VOLUME_ZONE of the environment.
output "volume_id" {
  value = google_compute_disk.volumes.name
}

output "volume_zone" {
  value = var.zone
}

output "device" {
  description = "Where the machine finds the disk, whatever the kernel calls it."
  value       = "/dev/disk/by-id/google-goud-volumes"
}
