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
    subnetwork = google_compute_subnetwork.machine.id

    access_config {} # an address of its own, behind the rules below
  }

  service_account {
    email  = google_service_account.machine.email
    scopes = ["cloud-platform"] # what it may do is said by its roles alone
  }

  shielded_instance_config {
    enable_secure_boot = true
  }

  metadata = {
    enable-oslogin         = "TRUE"
    block-project-ssh-keys = "TRUE" # who may log in is said by OS Login, not by whoever added a key to the project
    serial-port-enable     = "FALSE"
  }

  # Containers do not reach the metadata service, which hands out the machine's rights.
  metadata_startup_script = file("${path.module}/metadata.sh")

  lifecycle {
    ignore_changes = [attached_disk, boot_disk[0].initialize_params[0].image]
  }
}

# The volumes: outlives the machine, and whatever would replace it (another zone, name or project) is refused. `goud volume
# expand` enlarges it, so its size is not taken back.
resource "google_compute_disk" "volumes" {
  name = "${local.name}-volumes"
  type = "pd-balanced"
  zone = var.zone
  size = var.disk_gb

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [size]
  }
}

resource "google_compute_attached_disk" "volumes" {
  disk        = google_compute_disk.volumes.id
  instance    = google_compute_instance.machine.id
  device_name = "goud-volumes"
}

# --- Who may reach it ------------------------------------------------------------------------------------------------

# A network of its own: no rule of the project's network `default` holds here, and what no rule lets in stays out.
resource "google_compute_network" "machine" {
  name                    = local.name
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "machine" {
  name          = local.name
  network       = google_compute_network.machine.id
  region        = var.region
  ip_cidr_range = var.address_range
  stack_type    = "IPV4_ONLY"
}

resource "google_compute_firewall" "ssh" {
  count         = length(var.administrators) > 0 ? 1 : 0
  name          = "${local.name}-ssh"
  network       = google_compute_network.machine.id
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
  network       = google_compute_network.machine.id
  source_ranges = var.clients
  target_tags   = [local.name]

  allow {
    protocol = "tcp"
    ports    = ["8081-${8080 + var.nodes}"]
  }
}
