output "app_secrets_url" {
  description = "MPESA_SECRETS_URL of the application's pods."
  value       = "${module.secret.url}?auth=kubernetes&role=${module.secret.role_names.kubernetes.app}"
}

output "operator_secrets_url" {
  description = "MPESA_SECRETS_URL of the people who rotate."
  value       = "${module.secret.url}?auth=approle"
}

output "operator_role_id" {
  description = "VAULT_ROLE_ID of the people who rotate; it lets nobody in without a secret id."
  value       = module.secret.approle_role_ids.operators
}
