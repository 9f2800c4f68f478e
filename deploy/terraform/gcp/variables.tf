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

variable "network" {
  type    = string
  default = "default"
}

variable "subnet" {
  type    = string
  default = "default"
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
}

variable "administrators" {
  description = "From where ssh is let in, as CIDR; nobody by default."
  type        = list(string)
  default     = []
}

variable "clients" {
  description = "From where the nodes' HTTP is let in, as CIDR; nobody by default."
  type        = list(string)
  default     = []
}
