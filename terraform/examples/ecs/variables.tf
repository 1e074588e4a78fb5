variable "region" {
  description = "AWS region, such as eu-west-1."
  type        = string
}

variable "environment" {
  description = "Deployment environment, such as prod or staging; part of every name."
  type        = string
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

variable "administrator_arns" {
  description = "IAM roles that may change the secret but not read it; the one that runs Terraform must be among them."
  type        = list(string)
}

variable "operator_arns" {
  description = "IAM roles and users of the people who rotate; they take on the role rotator."
  type        = list(string)

  validation {
    condition     = length(var.operator_arns) > 0 && alltrue([for arn in var.operator_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "Each operator must be the ARN of an IAM role or user (arn:aws:iam::ACCOUNT:role/NAME), and there must be one."
  }
}

variable "image" {
  description = "Container image of the application, with mpesa-secrets[aws,shared] installed."
  type        = string
}

variable "vpc_id" {
  description = "VPC of the tasks."
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "The VPC must be an id (vpc-…)."
  }
}

variable "subnet_ids" {
  description = "Private subnets of the tasks, with a way out to AWS and to Daraja."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) > 0 && alltrue([for id in var.subnet_ids : startswith(id, "subnet-")])
    error_message = "At least one subnet is needed, by its id (subnet-…)."
  }
}

variable "desired_count" {
  description = "Tasks that run; they share one token."
  type        = number
  default     = 2

  validation {
    condition     = var.desired_count >= 0 && floor(var.desired_count) == var.desired_count
    error_message = "The number of tasks must be whole."
  }
}

variable "layer_path" {
  description = "Zip of the layer with mpesa-secrets, as `make layer LAYER='--shared x86_64 --python-version 3.13'` builds it."
  type        = string
  default     = "../../../dist/mpesa-secrets-layer.zip"

  validation {
    condition     = fileexists(var.layer_path)
    error_message = "There is no such file. Run `make layer LAYER='--shared x86_64 --python-version 3.13'` first."
  }
}

variable "canary_path" {
  description = "Any zip: Lambda wants one of the canary's own, though the layer holds all its code."
  type        = string
  default     = "canary.zip"

  validation {
    condition     = fileexists(var.canary_path)
    error_message = "There is no such file. Run `python3 -m zipfile -c canary.zip README.md` first."
  }
}

variable "tags" {
  description = "Tags for everything that the module makes."
  type        = map(string)
  default     = {}
}
