# One machine with a disk of its own for the volumes, a bucket for the backups, and the right to write there.

terraform {
  required_version = ">= 1.5"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
  zone    = var.zone
}

locals {
  name = "goud-${var.environment}"
}

# --- The machine -----------------------------------------------------------------------------------------------------

resource "google_compute_instance" "machine" {
  name         = local.name
  machine_type = var.machine_type
  zone         = var.zone
  tags         = [local.name]

  boot_disk {
    initialize_params {
      image = "debian-cloud/debian-12"
      size  = 20
    }
  }

  network_interface {
    subnetwork = var.subnet

    access_config {}
  }

  service_account {
    email  = google_service_account.machine.email
    scopes = ["cloud-platform"] # what it may do is said by its roles alone
  }

  shielded_instance_config {
    enable_secure_boot = true
  }

  metadata = {
    enable-oslogin = "TRUE"
  }

  lifecycle {
    ignore_changes = [attached_disk, boot_disk[0].initialize_params[0].image]
  }
}

# The volumes: outlives the machine. `goud volume expand` enlarges it, so its size is not taken back.
resource "google_compute_disk" "volumes" {
  name = "${local.name}-volumes"
  type = "pd-balanced"
  zone = var.zone
  size = var.disk_gb

  lifecycle {
    ignore_changes = [size]
  }
}

resource "google_compute_attached_disk" "volumes" {
  disk        = google_compute_disk.volumes.id
  instance    = google_compute_instance.machine.id
  device_name = "goud-volumes"
}

# --- Who may reach it ------------------------------------------------------------------------------------------------

resource "google_compute_firewall" "ssh" {
  count         = length(var.administrators) > 0 ? 1 : 0
  name          = "${local.name}-ssh"
  network       = var.network
  source_ranges = var.administrators
  target_tags   = [local.name]

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}

resource "google_compute_firewall" "clients" {
  count         = length(var.clients) > 0 ? 1 : 0
  name          = "${local.name}-clients"
  network       = var.network
  source_ranges = var.clients
  target_tags   = [local.name]

  allow {
    protocol = "tcp"
    ports    = ["8081-${8080 + var.nodes}"]
  }
}
