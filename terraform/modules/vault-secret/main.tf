locals {
  prefix = "${var.name}-${var.environment}"
  path   = coalesce(var.path, "${var.name}/${var.environment}")
  mount  = var.create_mount ? vault_mount.this[0].path : var.mount

  policies = {
    reader  = vault_policy.reader.name
    rotator = vault_policy.rotator.name
  }
}

resource "vault_mount" "this" {
  count = var.create_mount ? 1 : 0

  path        = var.mount
  type        = "kv"
  options     = { version = "2" }
  description = "Credentials; rotate M-Pesa pairs with mpesa-secrets"
}

resource "vault_kv_secret_backend_v2" "this" {
  count = var.create_mount ? 1 : 0

  mount        = vault_mount.this[0].path
  max_versions = var.max_versions
  cas_required = var.cas_required
}

resource "vault_policy" "reader" {
  name   = "${local.prefix}-reader"
  policy = templatefile("${path.module}/policies/reader.hcl.tftpl", { mount = local.mount, path = local.path })
}

resource "vault_policy" "rotator" {
  name   = "${local.prefix}-rotator"
  policy = templatefile("${path.module}/policies/rotator.hcl.tftpl", { mount = local.mount, path = local.path })
}

# The role only: a secret id made here would stand in the state.
resource "vault_approle_auth_backend_role" "this" {
  for_each = var.approle_roles

  backend               = each.value.auth_mount
  role_name             = "${local.prefix}-${each.key}"
  bind_secret_id        = true
  secret_id_ttl         = each.value.secret_id_ttl_seconds
  secret_id_bound_cidrs = each.value.bound_cidrs
  token_bound_cidrs     = each.value.bound_cidrs
  token_policies        = [local.policies[each.value.grant]]
  token_ttl             = var.token_ttl_seconds
}

resource "vault_kubernetes_auth_backend_role" "this" {
  for_each = var.kubernetes_roles

  backend                          = each.value.auth_mount
  role_name                        = "${local.prefix}-${each.key}"
  bound_service_account_names      = each.value.service_accounts
  bound_service_account_namespaces = each.value.namespaces
  audience                         = each.value.audience
  token_policies                   = [local.policies[each.value.grant]]
  token_ttl                        = var.token_ttl_seconds
}

resource "vault_jwt_auth_backend_role" "this" {
  for_each = var.jwt_roles

  backend         = each.value.auth_mount
  role_name       = "${local.prefix}-${each.key}"
  role_type       = "jwt"
  user_claim      = each.value.user_claim
  bound_audiences = each.value.audiences
  bound_subject   = each.value.subject
  bound_claims    = each.value.bound_claims
  token_policies  = [local.policies[each.value.grant]]
  token_ttl       = var.token_ttl_seconds
}

resource "vault_aws_auth_backend_role" "this" {
  for_each = var.aws_roles

  backend                  = each.value.auth_mount
  role                     = "${local.prefix}-${each.key}"
  auth_type                = "iam"
  bound_iam_principal_arns = each.value.principal_arns
  token_policies           = [local.policies[each.value.grant]]
  token_ttl                = var.token_ttl_seconds
}
