terraform {
  # As the modules, where write-only arguments need Terraform 1.11.
  required_version = ">= 1.11"

  required_providers {
    vault = {
      source  = "hashicorp/vault"
      version = ">= 5.0, < 6.0"
    }
  }
}

# VAULT_ADDR and VAULT_TOKEN come from the environment.
provider "vault" {}
