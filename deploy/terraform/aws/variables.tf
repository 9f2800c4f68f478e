variable "environment" {
  description = "The environment of config/environments."
  type        = string
  default     = "aws"
}

variable "region" {
  type    = string
  default = "eu-west-1"
}

variable "zone" {
  description = "Where machine and disk are; of the region."
  type        = string
  default     = "eu-west-1a"
}

variable "network" {
  description = "The VPC."
  type        = string
}

variable "subnet" {
  description = "A subnet of the VPC, in the zone."
  type        = string
}

variable "image" {
  description = "An image of Debian 12."
  type        = string
}

variable "machine_type" {
  type    = string
  default = "t3.large"
}

variable "ssh_key" {
  description = "The name of a key pair; null for none."
  type        = string
  default     = null
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
}

variable "deleted_days" {
  description = "How long the bucket keeps what was replaced or deleted."
  type        = number
  default     = 30

  validation {
    condition     = var.deleted_days >= 7 && var.deleted_days <= 36500 && floor(var.deleted_days) == var.deleted_days
    error_message = "A whole number of days from 7 to 36500."
  }
}

variable "administrators" {
  description = "From where ssh is let in, as CIDR; nobody by default."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([
      for range in var.administrators :
      can(cidrhost(range, 0)) && try(tonumber(split("/", range)[1]), 0) >= (strcontains(range, ":") ? 32 : 8)
    ])
    error_message = "Each is a range like 192.0.2.0/24, of /8 (IPv6: /32) at the most: nothing is let in from everywhere."
  }
}

variable "clients" {
  description = "From where the nodes' HTTP is let in, as CIDR; nobody by default."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([
      for range in var.clients :
      can(cidrhost(range, 0)) && try(tonumber(split("/", range)[1]), 0) >= (strcontains(range, ":") ? 32 : 8)
    ])
    error_message = "Each is a range like 192.0.2.0/24, of /8 (IPv6: /32) at the most: nothing is let in from everywhere."
  }
}
