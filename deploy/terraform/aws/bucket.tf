# The bucket: private, encrypted, versioned. The machine may add and read backups, and take away those that its retention
# lets go; versions that were replaced or deleted stay for `deleted_days`, out of the machine's reach.

resource "aws_s3_bucket" "backups" {
  bucket        = var.bucket
  force_destroy = false
}

resource "aws_s3_bucket_public_access_block" "backups" {
  bucket                  = aws_s3_bucket.backups.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "backups" {
  bucket = aws_s3_bucket.backups.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm = "aws:kms"
    }
  }
}

resource "aws_s3_bucket_versioning" "backups" {
  bucket = aws_s3_bucket.backups.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "backups" {
  bucket     = aws_s3_bucket.backups.id
  depends_on = [aws_s3_bucket_versioning.backups]

  rule {
    id     = "what-was-replaced-or-deleted"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.deleted_days
    }

    # What an upload that was cut off has left.
    abort_incomplete_multipart_upload {
      days_after_initiation = 2
    }
  }
}

# --- The machine's rights ----------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "machine_may_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "backups" {
  statement {
    sid       = "FindBackups"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]
    resources = [aws_s3_bucket.backups.arn]
  }

  # Not s3:DeleteObjectVersion: whoever takes over the machine cannot destroy the backups for good.
  statement {
    sid       = "KeepBackups"
    actions   = ["s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = ["${aws_s3_bucket.backups.arn}/*"]
  }

  # `goud volume expand`.
  statement {
    sid       = "SeeDisks"
    actions   = ["ec2:DescribeVolumes", "ec2:DescribeVolumesModifications"]
    resources = ["*"] # these two know no narrower resource
  }

  statement {
    sid       = "EnlargeTheDisk"
    actions   = ["ec2:ModifyVolume"]
    resources = [aws_ebs_volume.volumes.arn]
  }
}

resource "aws_iam_role" "machine" {
  name               = local.name
  assume_role_policy = data.aws_iam_policy_document.machine_may_assume.json
}

resource "aws_iam_role_policy" "backups" {
  name   = "backups"
  role   = aws_iam_role.machine.id
  policy = data.aws_iam_policy_document.backups.json

  lifecycle {
    precondition {
      condition     = aws_s3_bucket_versioning.backups.versioning_configuration[0].status == "Enabled"
      error_message = "The machine may delete only where the bucket keeps what was deleted."
    }
  }
}

resource "aws_iam_instance_profile" "machine" {
  name = local.name
  role = aws_iam_role.machine.name
}
