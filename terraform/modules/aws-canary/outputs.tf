output "role_arn" {
  description = "ARN of the canary's role, for reader_arns of the secret."
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "Name of the canary's role."
  value       = aws_iam_role.this.name
}

output "function_name" {
  description = "Name of the canary's function, and the dimension FunctionName of its metrics."
  value       = aws_lambda_function.this.function_name
}

output "log_group_name" {
  description = "Name of the canary's log group."
  value       = aws_cloudwatch_log_group.this.name
}

output "topic_arn" {
  description = "ARN of the SNS topic that the alarms write to; subscribe whoever is to be woken."
  value       = aws_sns_topic.this.arn
}
