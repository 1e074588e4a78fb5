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

variable "layer_path" {
  description = "Zip of the layer with mpesa-secrets, as `make layer LAYER='--shared x86_64 --python-version 3.13'` builds it."
  type        = string
  default     = "../../../dist/mpesa-secrets-layer.zip"

  validation {
    condition     = fileexists(var.layer_path)
    error_message = "There is no such file. Run `make layer LAYER='--shared x86_64 --python-version 3.13'` first."
  }
}

variable "function_path" {
  description = "Zip with handler.py."
  type        = string
  default     = "function.zip"

  validation {
    condition     = fileexists(var.function_path)
    error_message = "There is no such file. Run `python3 -m zipfile -c function.zip handler.py` first."
  }
}

variable "extension_layer_arn" {
  description = "Layer of the AWS Parameters and Secrets Lambda Extension in this region; with it the secret is read without boto3, in a fifth of the time."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags for everything that the module makes."
  type        = map(string)
  default     = {}
}
