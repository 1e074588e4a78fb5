output "url" {
  description = "Value for MPESA_TOKEN_CACHE."
  value       = "dynamodb://${aws_dynamodb_table.this.name}?region=${data.aws_region.current.region}"
}

output "table_name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.this.name
}

output "table_arn" {
  description = "ARN of the table."
  value       = aws_dynamodb_table.this.arn
}

output "policy_arn" {
  description = "ARN of the IAM policy that lets a role share the token: for every reader and rotator."
  value       = aws_iam_policy.this.arn
}
