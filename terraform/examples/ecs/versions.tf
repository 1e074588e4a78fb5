terraform {
  # As the modules, where write-only arguments need Terraform 1.11.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.30, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region

  # Who rotated and when stands in the secret's tags; Terraform leaves it there.
  ignore_tags {
    key_prefixes = ["mpesa-secrets:"]
  }
}
