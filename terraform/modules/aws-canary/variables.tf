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

variable "secrets_url" {
  description = "MPESA_SECRETS_URL of the canary: where the pair is. It holds no password."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9+.-]*://", var.secrets_url)) && !can(regex("^(env|file)://", var.secrets_url))
    error_message = "The URL must name a store that a Lambda function reaches, such as aws://NAME or vault://MOUNT/PATH."
  }

  validation {
    condition     = !can(regex("://[^/?]*@", var.secrets_url))
    error_message = "The URL must not hold a password: it would stand in the state."
  }
}

variable "token_cache_url" {
  description = "MPESA_TOKEN_CACHE of the application, so that the canary uses its token instead of taking it away. It holds no password."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9+.-]*://", var.token_cache_url)) && !can(regex("^(memory|file)://", var.token_cache_url))
    error_message = "The cache must be one that the application shares, such as dynamodb://TABLE: each token request takes the token before it away."
  }

  validation {
    condition     = !can(regex("://[^/?]*@", var.token_cache_url))
    error_message = "The URL must not hold a password: it would stand in the state."
  }
}

variable "mpesa_environment" {
  description = "MPESA_ENVIRONMENT: production or sandbox."
  type        = string
  default     = "production"

  validation {
    condition     = contains(["production", "sandbox"], var.mpesa_environment)
    error_message = "The environment of Daraja is production or sandbox."
  }
}

variable "environment_variables" {
  description = "Further variables for the canary, such as VAULT_ADDR. No secrets: they would stand in the state."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([
      for name in keys(var.environment_variables) :
      !can(regex("(TOKEN|SECRET_ID|PASSWORD|CONSUMER_KEY|CONSUMER_SECRET|SECRET_ACCESS_KEY)$", upper(name)))
    ])
    error_message = "A secret does not belong into a variable of the function."
  }
}

variable "package_path" {
  description = "Zip with the function's own code: mpesa_secrets, or anything where a layer holds mpesa_secrets."
  type        = string

  validation {
    condition     = fileexists(var.package_path)
    error_message = "There is no such file. Build the package first."
  }
}

variable "layer_arns" {
  description = "Versions of Lambda layers, at most five, such as the one with mpesa_secrets."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.layer_arns) <= 5 && alltrue([for arn in var.layer_arns : can(regex("^arn:[a-z-]+:lambda:[^:]+:[0-9]{12}:layer:[^:]+:[0-9]+$", arn))])
    error_message = "Each layer must be the ARN of a version (arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION), at most five."
  }
}

variable "runtime" {
  description = "Lambda runtime; the layer must be built for it."
  type        = string
  default     = "python3.13"

  validation {
    condition     = contains(["python3.12", "python3.13"], var.runtime)
    error_message = "The runtime must be python3.12 or python3.13."
  }
}

variable "architecture" {
  description = "Processor of the function; the layer must be built for it."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture must be arm64 or x86_64."
  }
}

variable "policy_arns" {
  description = "IAM policies of the canary's role: the reader's of the secret and the token cache's. Their number must be known when planning."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.policy_arns : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", arn))])
    error_message = "Each policy must be the ARN of an IAM policy (arn:aws:iam::ACCOUNT:policy/NAME)."
  }
}

variable "interval_minutes" {
  description = "Minutes between two checks."
  type        = number
  default     = 5

  validation {
    condition     = var.interval_minutes >= 1 && var.interval_minutes <= 60 && floor(var.interval_minutes) == var.interval_minutes
    error_message = "The interval must be 1 to 60 whole minutes."
  }
}

variable "max_pair_age_days" {
  description = "Days after which the pair should be rotated: an older one rings."
  type        = number
  default     = 90

  validation {
    condition     = var.max_pair_age_days >= 1
    error_message = "The greatest age must be at least one day."
  }
}

variable "log_retention_days" {
  description = "Days for which the canary's log is kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "CloudWatch keeps logs 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731 days."
  }
}

variable "tags" {
  description = "Tags for everything that the module makes."
  type        = map(string)
  default     = {}
}
