mock_provider "vault" {}

variables {
  environment = "prod"
}

run "a_mount_with_versions" {
  command = plan

  assert {
    condition     = vault_mount.this[0].path == "kv" && vault_mount.this[0].type == "kv" && vault_mount.this[0].options.version == "2"
    error_message = "The mount is KV version 2."
  }

  assert {
    condition     = vault_kv_secret_backend_v2.this[0].max_versions == 10 && vault_kv_secret_backend_v2.this[0].cas_required
    error_message = "The mount keeps earlier versions and asks writers which one they replace."
  }

  assert {
    condition     = output.url == "vault://kv/mpesa/prod"
    error_message = "The URL is what MPESA_SECRETS_URL takes."
  }

  assert {
    condition = alltrue([
      for roles in [
        vault_approle_auth_backend_role.this, vault_kubernetes_auth_backend_role.this,
        vault_jwt_auth_backend_role.this, vault_aws_auth_backend_role.this,
      ] : length(roles) == 0
    ])
    error_message = "No role unless it is wanted."
  }
}

run "an_existing_mount" {
  command = plan

  variables {
    mount        = "team/kv"
    create_mount = false
    path         = "payments/mpesa.prod"
  }

  assert {
    condition     = length(vault_mount.this) == 0 && length(vault_kv_secret_backend_v2.this) == 0
    error_message = "A mount that is there is left alone."
  }

  assert {
    condition     = output.url == "vault://team/kv/payments/mpesa.prod"
    error_message = "The URL names mount and path as given."
  }

  assert {
    condition     = regexall("path \"([^\"]+)\"", vault_policy.reader.policy) == tolist([["team/kv/data/payments/mpesa.prod"], ["team/kv/metadata/payments/mpesa.prod"]])
    error_message = "The policy names mount and path as given."
  }
}

run "the_readers_policy" {
  assert {
    condition = regexall("path \"([^\"]+)\" \\{\\s+capabilities = (\\[[^\\]]+\\])", vault_policy.reader.policy) == tolist([
      ["kv/data/mpesa/prod", "[\"read\"]"],
      ["kv/metadata/mpesa/prod", "[\"read\"]"],
    ])
    error_message = "A reader reads the secret and its metadata, nothing more."
  }
}

run "the_rotators_policy" {
  assert {
    condition = regexall("path \"([^\"]+)\" \\{\\s+capabilities = (\\[[^\\]]+\\])", vault_policy.rotator.policy) == tolist([
      ["kv/data/mpesa/prod", "[\"create\", \"read\", \"update\"]"],
      ["kv/metadata/mpesa/prod", "[\"patch\", \"read\", \"update\"]"],
    ])
    error_message = "A rotator writes new versions and metadata, and deletes nothing."
  }

  assert {
    condition     = regexall("\"([a-z_]+)\" = \\[\\]", vault_policy.rotator.policy) == tolist([["custom_metadata"]])
    error_message = "A rotator cannot change how many versions are kept."
  }
}

run "a_role_for_each_login_method" {
  variables {
    approle_roles = {
      app   = { bound_cidrs = ["10.0.0.0/8"] }
      admin = { grant = "rotator", secret_id_ttl_seconds = 600 }
    }
    kubernetes_roles = { pods = { service_accounts = ["payments"], namespaces = ["shop"], audience = "vault" } }
    jwt_roles        = { ci = { grant = "rotator", audiences = ["vault"], subject = "repo:shop/payments:ref:refs/heads/main" } }
    aws_roles        = { lambda = { principal_arns = ["arn:aws:iam::123456789012:role/payments"] } }
  }

  assert {
    condition = { for name, role in vault_approle_auth_backend_role.this : name => one(role.token_policies) } == {
      admin = "mpesa-prod-rotator"
      app   = "mpesa-prod-reader"
    }
    error_message = "Each AppRole role has the one policy that it is granted."
  }

  assert {
    condition     = vault_approle_auth_backend_role.this["app"].secret_id_bound_cidrs == toset(["10.0.0.0/8"]) && vault_approle_auth_backend_role.this["admin"].secret_id_ttl == 600
    error_message = "Secret ids end, and are good in their networks."
  }

  assert {
    condition = (
      vault_kubernetes_auth_backend_role.this["pods"].token_policies == toset(["mpesa-prod-reader"]) &&
      vault_kubernetes_auth_backend_role.this["pods"].bound_service_account_names == toset(["payments"]) &&
      vault_kubernetes_auth_backend_role.this["pods"].bound_service_account_namespaces == toset(["shop"])
    )
    error_message = "The service account reads."
  }

  assert {
    condition = (
      vault_jwt_auth_backend_role.this["ci"].token_policies == toset(["mpesa-prod-rotator"]) &&
      vault_jwt_auth_backend_role.this["ci"].bound_audiences == toset(["vault"]) &&
      vault_jwt_auth_backend_role.this["ci"].bound_subject == "repo:shop/payments:ref:refs/heads/main"
    )
    error_message = "The subject rotates."
  }

  assert {
    condition = (
      vault_aws_auth_backend_role.this["lambda"].token_policies == toset(["mpesa-prod-reader"]) &&
      vault_aws_auth_backend_role.this["lambda"].auth_type == "iam" &&
      vault_aws_auth_backend_role.this["lambda"].bound_iam_principal_arns == toset(["arn:aws:iam::123456789012:role/payments"])
    )
    error_message = "The IAM role reads."
  }

  assert {
    condition     = output.role_names.kubernetes.pods == "mpesa-prod-pods" && output.role_names.aws.lambda == "mpesa-prod-lambda"
    error_message = "The roles' names are given for ?role=."
  }

  assert {
    condition     = keys(output.approle_role_ids) == ["admin", "app"]
    error_message = "The role ids are given for VAULT_ROLE_ID."
  }
}

run "two_environments_share_a_vault" {
  command = plan

  variables {
    name          = "b2c"
    environment   = "staging"
    create_mount  = false
    approle_roles = { app = {} }
  }

  assert {
    condition = [
      vault_policy.reader.name, vault_policy.rotator.name, vault_approle_auth_backend_role.this["app"].role_name, output.url
    ] == ["b2c-staging-reader", "b2c-staging-rotator", "b2c-staging-app", "vault://kv/b2c/staging"]
    error_message = "Every name holds the purpose and the environment."
  }
}

run "refuses_a_name_with_a_slash" {
  command = plan
  variables {
    name = "mpesa/prod"
  }
  expect_failures = [var.name]
}

run "refuses_an_environment_in_capitals" {
  command = plan
  variables {
    environment = "PROD"
  }
  expect_failures = [var.environment]
}

run "refuses_a_mount_that_is_a_pattern" {
  command = plan
  variables {
    mount = "+"
  }
  expect_failures = [var.mount]
}

run "refuses_a_path_that_is_a_pattern" {
  command = plan
  variables {
    path = "mpesa/*"
  }
  expect_failures = [var.path]
}

run "refuses_a_path_that_leaves_its_quotes" {
  command = plan
  variables {
    path = "mpesa\" {} path \"sys"
  }
  expect_failures = [var.path]
}

run "refuses_to_keep_no_earlier_version" {
  command = plan
  variables {
    max_versions = 1
  }
  expect_failures = [var.max_versions]
}

run "refuses_tokens_without_end" {
  command = plan
  variables {
    token_ttl_seconds = 0
  }
  expect_failures = [var.token_ttl_seconds]
}

run "refuses_an_unknown_grant" {
  command = plan
  variables {
    approle_roles    = { app = { grant = "admin" } }
    kubernetes_roles = { app = { grant = "admin", service_accounts = ["a"], namespaces = ["b"] } }
    jwt_roles        = { app = { grant = "admin", audiences = ["a"], subject = "b" } }
    aws_roles        = { app = { grant = "admin", principal_arns = ["arn:aws:iam::123456789012:role/payments"] } }
  }
  expect_failures = [var.approle_roles, var.kubernetes_roles, var.jwt_roles, var.aws_roles]
}

run "refuses_secret_ids_without_end" {
  command = plan
  variables {
    approle_roles = { app = { secret_id_ttl_seconds = 0 } }
  }
  expect_failures = [var.approle_roles]
}

run "refuses_a_network_that_is_none" {
  command = plan
  variables {
    approle_roles = { app = { bound_cidrs = ["anywhere"] } }
  }
  expect_failures = [var.approle_roles]
}

run "refuses_every_service_account" {
  command = plan
  variables {
    kubernetes_roles = { app = { service_accounts = ["*"], namespaces = ["shop"] } }
  }
  expect_failures = [var.kubernetes_roles]
}

run "refuses_everybody_whom_an_issuer_knows" {
  command = plan
  variables {
    jwt_roles = { ci = { audiences = ["vault"] } }
  }
  expect_failures = [var.jwt_roles]
}

run "refuses_every_principal" {
  command = plan
  variables {
    aws_roles = { app = { principal_arns = ["*"] } }
  }
  expect_failures = [var.aws_roles]
}
