variable "name" {
  description = "What the credentials are for; the first part of every name that the module gives."
  type        = string
  default     = "mpesa"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "The name must be 2 to 31 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "environment" {
  description = "Deployment environment, such as prod or staging; the second part of every name, so that two can share an account."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.environment))
    error_message = "The environment must be 2 to 21 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "reader_arns" {
  description = "IAM roles and users that may read the secret. `*` and `?` stand for any characters."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.reader_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", arn))])
    error_message = "Each reader must be the ARN of an IAM role or user (arn:aws:iam::ACCOUNT:role/NAME)."
  }
}

variable "rotator_arns" {
  description = "IAM roles and users that may read and write the secret. `*` and `?` stand for any characters."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.rotator_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", arn))])
    error_message = "Each rotator must be the ARN of an IAM role or user (arn:aws:iam::ACCOUNT:role/NAME)."
  }
}

variable "administrator_arns" {
  description = "IAM roles and users that may change the secret but not read it. Whoever runs Terraform must be one, or it locks itself out."
  type        = list(string)

  validation {
    condition     = length(var.administrator_arns) > 0
    error_message = "At least one administrator is needed: the role that runs Terraform."
  }

  validation {
    condition     = alltrue([for arn in var.administrator_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", arn))])
    error_message = "Each administrator must be the ARN of an IAM role or user (arn:aws:iam::ACCOUNT:role/NAME)."
  }
}

variable "replicas" {
  description = "Regions that get a copy to read from, each with a KMS key there; without a key, the one that AWS manages."
  type        = map(object({ kms_key_arn = optional(string) }))
  default     = {}

  validation {
    condition     = alltrue([for region in keys(var.replicas) : can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", region))])
    error_message = "Each replica must be named by its region, such as eu-central-1."
  }

  validation {
    condition = alltrue([
      for region, replica in var.replicas : replica.kms_key_arn == null ||
      can(regex("^arn:[a-z-]+:kms:${region}:[0-9]{12}:key/.+$", replica.kms_key_arn))
    ])
    error_message = "A replica's KMS key must be the ARN of a key in the replica's region (arn:aws:kms:REGION:ACCOUNT:key/ID)."
  }
}

variable "recovery_window_days" {
  description = "Days in which a deleted secret, or its key, can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.recovery_window_days >= 7 && var.recovery_window_days <= 30
    error_message = "The recovery window must be 7 to 30 days."
  }
}

variable "first_value" {
  description = "The secret's first value, a JSON object with the pair. Written once, kept nowhere; later pairs come by `mpesa-secrets rotate`."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true

  validation {
    condition = var.first_value == null || alltrue([
      for field in ["consumer_key", "consumer_secret"] : can(regex("^[!-~]+$", jsondecode(var.first_value)[field]))
    ])
    error_message = "The first value must be a JSON object with consumer_key and consumer_secret, without white space."
  }
}

variable "first_value_version" {
  description = "1 to write first_value; 0 (nothing is written) again before the first rotation."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 1], var.first_value_version)
    error_message = "The version must be 0 or 1: Terraform writes the first value only."
  }
}

variable "tags" {
  description = "Tags for everything that the module makes."
  type        = map(string)
  default     = {}
}
