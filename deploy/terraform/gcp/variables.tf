variable "environment" {
  description = "The environment of config/environments."
  type        = string
  default     = "gcp"
}

variable "project" {
  type = string
}

variable "region" {
  type    = string
  default = "europe-west1"
}

variable "zone" {
  description = "Where machine and disk are; of the region."
  type        = string
  default     = "europe-west1-b"
}

variable "address_range" {
  description = "The addresses of the machine's own network, as CIDR."
  type        = string
  default     = "10.90.0.0/24"
}

variable "machine_type" {
  type    = string
  default = "e2-standard-2"
}

variable "disk_gb" {
  description = "The disk for the volumes: 50 to 200 GB and more for each node."
  type        = number
  default     = 100
}

variable "nodes" {
  description = "How many nodes run on the machine."
  type        = number
  default     = 2

  validation {
    condition     = var.nodes >= 1 && var.nodes <= 64 && floor(var.nodes) == var.nodes
    error_message = "1 to 64."
  }
}

variable "bucket" {
  description = "The bucket for the backups; its name is unique in the world."
  type        = string
  default     = "goud-chain-backups"
}

variable "kms_key" {
  description = "A key of Cloud KMS for the bucket; null for Google's own."
  type        = string
  default     = null
}

variable "deleted_days" {
  description = "How long the bucket keeps what was replaced or deleted."
  type        = number
  default     = 30

  validation {
    condition     = var.deleted_days >= 7 && var.deleted_days <= 90 && floor(var.deleted_days) == var.deleted_days
    error_message = "A whole number of days from 7 to 90, which is what Google's soft delete can do."
  }
}

variable "administrators" {
  description = "From where ssh is let in, as CIDR; nobody by default."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([
      for range in var.administrators : can(cidrhost(range, 0)) && !strcontains(range, ":") && try(tonumber(split("/", range)[1]), 0) >= 8
    ])
    error_message = "Each is a range of IPv4 addresses like 192.0.2.0/24, of /8 at the most: nothing is let in from everywhere."
  }
}

variable "clients" {
  description = "From where the nodes' HTTP is let in, as CIDR; nobody by default."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([
      for range in var.clients : can(cidrhost(range, 0)) && !strcontains(range, ":") && try(tonumber(split("/", range)[1]), 0) >= 8
    ])
    error_message = "Each is a range of IPv4 addresses like 192.0.2.0/24, of /8 at the most: nothing is let in from everywhere."
  }
}
