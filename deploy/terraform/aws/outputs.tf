output "address" {
  value = aws_instance.machine.public_ip
}

output "bucket" {
  value = "s3://${aws_s3_bucket.backups.bucket}"
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
