# The login methods; where the platform has them already, leave these three out.

resource "vault_auth_backend" "kubernetes" {
  type = "kubernetes"
}

# Vault runs in the cluster and reviews tokens with its own service account: no credential stands here.
resource "vault_kubernetes_auth_backend_config" "this" {
  backend         = vault_auth_backend.kubernetes.path
  kubernetes_host = var.kubernetes_host
}

resource "vault_auth_backend" "approle" {
  type = "approle"
}

module "secret" {
  source = "../../modules/vault-secret"

  environment = var.environment

  kubernetes_roles = {
    app = {
      auth_mount       = vault_auth_backend.kubernetes.path
      service_accounts = [var.service_account]
      namespaces       = [var.namespace]
    }
  }

  approle_roles = {
    operators = {
      grant                 = "rotator"
      auth_mount            = vault_auth_backend.approle.path
      secret_id_ttl_seconds = 3600
    }
  }
}
