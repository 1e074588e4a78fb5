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
  description = "Deployment environment, such as prod or staging; the second part of every name, so that two can share a Vault."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.environment))
    error_message = "The environment must be 2 to 21 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "mount" {
  description = "Path of the KV version 2 mount."
  type        = string
  default     = "kv"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", var.mount))
    error_message = "The mount must be letters, digits, `-` and `_` with single slashes between: a policy reads `*` and `+` as patterns."
  }
}

variable "create_mount" {
  description = "Whether the module makes the mount; otherwise it is there already."
  type        = bool
  default     = true
}

variable "path" {
  description = "Path of the secret in the mount; NAME/ENVIRONMENT unless given."
  type        = string
  default     = null

  validation {
    condition     = var.path == null || can(regex("^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", var.path))
    error_message = "The path must be letters, digits, `.`, `-` and `_` with single slashes between: a policy reads `*` and `+` as patterns."
  }
}

variable "max_versions" {
  description = "Versions that a mount of the module's own keeps of each secret; rollback needs at least 2."
  type        = number
  default     = 10

  validation {
    condition     = var.max_versions >= 2 && floor(var.max_versions) == var.max_versions
    error_message = "At least 2 whole versions are needed: the pair and the one before it."
  }
}

variable "cas_required" {
  description = "Whether a mount of the module's own refuses writes that do not name the version they replace."
  type        = bool
  default     = true
}

variable "token_ttl_seconds" {
  description = "Seconds that a Vault token lives after a login, in every role."
  type        = number
  default     = 3600

  validation {
    condition     = var.token_ttl_seconds >= 60 && var.token_ttl_seconds <= 86400
    error_message = "A token must live 60 to 86400 seconds."
  }
}

variable "approle_roles" {
  description = "AppRole roles: what each is granted (reader or rotator), its auth mount, the life of its secret ids in seconds and the networks they are good for."
  type = map(object({
    grant                 = optional(string, "reader")
    auth_mount            = optional(string, "approle")
    secret_id_ttl_seconds = optional(number, 86400)
    bound_cidrs           = optional(list(string), [])
  }))
  default = {}

  validation {
    condition     = alltrue([for role in values(var.approle_roles) : contains(["reader", "rotator"], role.grant)])
    error_message = "A grant is reader or rotator."
  }

  validation {
    condition     = alltrue([for role in values(var.approle_roles) : role.secret_id_ttl_seconds > 0])
    error_message = "A secret id must end at some time: more than 0 seconds."
  }

  validation {
    condition     = alltrue(flatten([for role in values(var.approle_roles) : [for cidr in role.bound_cidrs : can(cidrhost(cidr, 0))]]))
    error_message = "A network is written as 10.0.0.0/8."
  }
}

variable "kubernetes_roles" {
  description = "Kubernetes roles: what each is granted, its auth mount, and the service accounts, namespaces and audience that may log in."
  type = map(object({
    grant            = optional(string, "reader")
    auth_mount       = optional(string, "kubernetes")
    service_accounts = list(string)
    namespaces       = list(string)
    audience         = optional(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for role in values(var.kubernetes_roles) : contains(["reader", "rotator"], role.grant)])
    error_message = "A grant is reader or rotator."
  }

  validation {
    condition = alltrue([
      for role in values(var.kubernetes_roles) : length(role.service_accounts) > 0 && length(role.namespaces) > 0 &&
      !strcontains(join(",", concat(role.service_accounts, role.namespaces)), "*")
    ])
    error_message = "Service accounts and namespaces must be named, without `*`."
  }
}

variable "jwt_roles" {
  description = "JWT roles: what each is granted, its auth mount, and the audiences, subject and claims that may log in."
  type = map(object({
    grant        = optional(string, "reader")
    auth_mount   = optional(string, "jwt")
    audiences    = list(string)
    subject      = optional(string)
    bound_claims = optional(map(string), {})
    user_claim   = optional(string, "sub")
  }))
  default = {}

  validation {
    condition     = alltrue([for role in values(var.jwt_roles) : contains(["reader", "rotator"], role.grant)])
    error_message = "A grant is reader or rotator."
  }

  validation {
    condition = alltrue([
      for role in values(var.jwt_roles) : length(role.audiences) > 0 && (role.subject != null || length(role.bound_claims) > 0)
    ])
    error_message = "An audience is needed, and a subject or claims: otherwise everybody whom the issuer knows gets in."
  }
}

variable "aws_roles" {
  description = "AWS (IAM) roles: what each is granted, its auth mount, and the IAM principals that may log in."
  type = map(object({
    grant          = optional(string, "reader")
    auth_mount     = optional(string, "aws")
    principal_arns = list(string)
  }))
  default = {}

  validation {
    condition     = alltrue([for role in values(var.aws_roles) : contains(["reader", "rotator"], role.grant)])
    error_message = "A grant is reader or rotator."
  }

  validation {
    condition = alltrue([
      for role in values(var.aws_roles) : length(role.principal_arns) > 0 &&
      alltrue([for arn in role.principal_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/.+$", arn))])
    ])
    error_message = "Each principal must be the ARN of an IAM role or user (arn:aws:iam::ACCOUNT:role/NAME)."
  }
}
