output "secrets_url" {
  description = "MPESA_SECRETS_URL, for the people who rotate."
  value       = module.secret.url
}

output "token_cache_url" {
  description = "MPESA_TOKEN_CACHE, for the people who rotate."
  value       = module.token_cache.url
}

output "rotator_role_arn" {
  description = "Role that the people who rotate take on."
  value       = aws_iam_role.rotator.arn
}

output "topic_arn" {
  description = "SNS topic of the alarms; subscribe whoever is to be woken."
  value       = module.canary.topic_arn
}
