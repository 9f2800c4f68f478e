output "address" {
  value = aws_instance.machine.public_ip
}

output "bucket" {
  value = "s3://${aws_s3_bucket.backups.bucket}"
}

output "deleted_stays" {
  description = "For how many days what the machine deletes or replaces stays in the bucket, where the machine cannot end it."
  value       = aws_s3_bucket_lifecycle_configuration.backups.rule[0].noncurrent_version_expiration[0].noncurrent_days
}

# VOLUME_IDS and VOLUME_ZONE of the environment.
output "volume_id" {
  value = aws_ebs_volume.volumes.id
}

output "volume_zone" {
  value = var.region
}

output "device" {
  description = "Where the machine finds the disk, whatever the kernel calls it."
  value       = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${replace(aws_ebs_volume.volumes.id, "-", "")}"
}
