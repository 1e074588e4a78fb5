output "url" {
  description = "Value for MPESA_SECRETS_URL."
  value       = "aws://${aws_secretsmanager_secret.this.name}?region=${local.region}"
}

output "arn" {
  description = "ARN of the secret."
  value       = aws_secretsmanager_secret.this.arn
}

output "name" {
  description = "Name of the secret."
  value       = aws_secretsmanager_secret.this.name
}

output "kms_key_arn" {
  description = "ARN of the key that encrypts the secret."
  value       = aws_kms_key.this.arn
}

output "reader_policy_arn" {
  description = "ARN of the IAM policy that lets a role read the secret; its role must be in reader_arns too."
  value       = aws_iam_policy.reader.arn
}

output "rotator_policy_arn" {
  description = "ARN of the IAM policy that lets a role rotate and roll back; its role must be in rotator_arns too."
  value       = aws_iam_policy.rotator.arn
}
