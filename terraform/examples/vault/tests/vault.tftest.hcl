mock_provider "vault" {
  mock_resource "vault_auth_backend" {
    defaults = { path = "mock" }
  }
}

variables {
  environment     = "prod"
  namespace       = "shop"
  service_account = "payments"
}

run "pods_read_and_operators_rotate" {
  assert {
    condition     = output.app_secrets_url == "vault://kv/mpesa/prod?auth=kubernetes&role=mpesa-prod-app"
    error_message = "The pods log in with their service account."
  }

  assert {
    condition     = output.operator_secrets_url == "vault://kv/mpesa/prod?auth=approle"
    error_message = "The operators log in with a role id and a secret id."
  }

  assert {
    condition     = output.operator_role_id != ""
    error_message = "The operators get their role id."
  }

  assert {
    condition     = vault_kubernetes_auth_backend_config.this.kubernetes_host == "https://kubernetes.default.svc" && vault_kubernetes_auth_backend_config.this.token_reviewer_jwt == null
    error_message = "Vault asks the cluster that it runs in, with no credential in the state."
  }
}

run "refuses_every_namespace" {
  command = plan
  variables {
    namespace = "*"
  }
  expect_failures = [var.namespace]
}

run "refuses_every_service_account" {
  command = plan
  variables {
    service_account = "*"
  }
  expect_failures = [var.service_account]
}

run "refuses_plain_http" {
  command = plan
  variables {
    kubernetes_host = "http://kubernetes.default.svc"
  }
  expect_failures = [var.kubernetes_host]
}
