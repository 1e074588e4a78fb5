output "url" {
  description = "Value for MPESA_SECRETS_URL; add ?auth= and ?role= where no token is at hand."
  value       = "vault://${local.mount}/${local.path}"
}

output "reader_policy" {
  description = "Name of the policy that lets a token read the secret."
  value       = vault_policy.reader.name
}

output "rotator_policy" {
  description = "Name of the policy that lets a token rotate and roll back."
  value       = vault_policy.rotator.name
}

output "approle_role_ids" {
  description = "Role id of each AppRole role, for VAULT_ROLE_ID; it lets nobody in without a secret id."
  value       = { for name, role in vault_approle_auth_backend_role.this : name => role.role_id }
}

output "role_names" {
  description = "Name of each role in Vault, by login method and by the key given for it; for ?role=."
  value = {
    approle    = { for name, role in vault_approle_auth_backend_role.this : name => role.role_name }
    kubernetes = { for name, role in vault_kubernetes_auth_backend_role.this : name => role.role_name }
    jwt        = { for name, role in vault_jwt_auth_backend_role.this : name => role.role_name }
    aws        = { for name, role in vault_aws_auth_backend_role.this : name => role.role }
  }
}
