# One machine with a disk of its own for the volumes, a bucket for the backups, and the right to write there.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = "goud", Environment = var.environment }
  }
}

locals {
  name = "goud-${var.environment}"
}

# --- The machine -----------------------------------------------------------------------------------------------------

resource "aws_instance" "machine" {
  ami                    = var.image
  instance_type          = var.machine_type
  availability_zone      = var.zone
  subnet_id              = var.subnet
  vpc_security_group_ids = [aws_security_group.machine.id]
  iam_instance_profile   = aws_iam_instance_profile.machine.name
  key_name               = var.ssh_key

  # The metadata service hands out the machine's rights. A request that was smuggled in does not get them (tokens), and
  # an answer does not survive the hop into a container.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    http_protocol_ipv6          = "disabled"
  }

  root_block_device {
    encrypted   = true
    volume_size = 20
  }

  tags = { Name = local.name }

  lifecycle {
    ignore_changes = [ami] # a newer image is no reason to replace the machine
  }
}

# The volumes: outlives the machine, and whatever would replace it (another zone) is refused. `goud volume expand` enlarges
# it, so its size is not taken back.
resource "aws_ebs_volume" "volumes" {
  availability_zone = var.zone
  size              = var.disk_gb
  type              = "gp3"
  encrypted         = true
  tags              = { Name = "${local.name}-volumes" }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [size]
  }
}

resource "aws_volume_attachment" "volumes" {
  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.volumes.id
  instance_id = aws_instance.machine.id
}

# --- Who may reach it ------------------------------------------------------------------------------------------------

# The machine's only group: what none of its rules lets in stays out.
resource "aws_security_group" "machine" {
  name        = local.name
  description = "Nodes of Goud, and the administrators"
  vpc_id      = var.network
}

resource "aws_vpc_security_group_ingress_rule" "ssh" {
  for_each          = toset(var.administrators)
  security_group_id = aws_security_group.machine.id
  description       = "ssh"
  cidr_ipv4         = strcontains(each.value, ":") ? null : each.value
  cidr_ipv6         = strcontains(each.value, ":") ? each.value : null
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each          = toset(var.clients)
  security_group_id = aws_security_group.machine.id
  description       = "the nodes' HTTP"
  cidr_ipv4         = strcontains(each.value, ":") ? null : each.value
  cidr_ipv6         = strcontains(each.value, ":") ? each.value : null
  ip_protocol       = "tcp"
  from_port         = 8081
  to_port           = 8080 + var.nodes
}

resource "aws_vpc_security_group_egress_rule" "everywhere" {
  security_group_id = aws_security_group.machine.id
  description       = "the bucket, and updates"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}
