variable "environment" {
  description = "Deployment environment, such as prod or staging; part of every name."
  type        = string
}

variable "namespace" {
  description = "Kubernetes namespace of the application."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", var.namespace))
    error_message = "The namespace must be lower-case letters, digits and hyphens."
  }
}

variable "service_account" {
  description = "Kubernetes service account of the application."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", var.service_account))
    error_message = "The service account must be lower-case letters, digits, hyphens and dots."
  }
}

variable "kubernetes_host" {
  description = "URL of the Kubernetes API, as Vault reaches it."
  type        = string
  default     = "https://kubernetes.default.svc"

  validation {
    condition     = startswith(var.kubernetes_host, "https://")
    error_message = "The URL must begin with https://."
  }
}
