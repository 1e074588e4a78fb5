data "aws_caller_identity" "current" {}

locals {
  prefix = "${var.name}-${var.environment}-canary"
  period = var.interval_minutes * 60
}

resource "aws_iam_role" "this" {
  name        = local.prefix
  description = "Role of the canary of the M-Pesa credentials ${var.name}/${var.environment}"
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "this" {
  count = length(var.policy_arns)

  role       = aws_iam_role.this.name
  policy_arn = var.policy_arns[count.index]
}

resource "aws_iam_role_policy" "log" {
  name = "log"
  role = aws_iam_role.this.name

  # The metrics too are lines in the log.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
    }]
  })
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${local.prefix}"
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  function_name    = local.prefix
  description      = "Asks whether the M-Pesa credentials ${var.name}/${var.environment} still bring a token"
  role             = aws_iam_role.this.arn
  runtime          = var.runtime
  architectures    = [var.architecture]
  handler          = "mpesa_secrets.canary.handler"
  filename         = var.package_path
  source_code_hash = filebase64sha256(var.package_path)
  layers           = var.layer_arns
  memory_size      = 256
  timeout          = 55
  tags             = var.tags

  environment {
    variables = merge(var.environment_variables, {
      MPESA_SECRETS_URL = var.secrets_url
      MPESA_TOKEN_CACHE = var.token_cache_url
      MPESA_ENVIRONMENT = var.mpesa_environment
    })
  }

  depends_on = [aws_iam_role_policy.log, aws_iam_role_policy_attachment.this]
}

resource "aws_cloudwatch_event_rule" "this" {
  name                = local.prefix
  description         = "Runs the canary of the M-Pesa credentials ${var.name}/${var.environment}"
  schedule_expression = var.interval_minutes == 1 ? "rate(1 minute)" : "rate(${var.interval_minutes} minutes)"
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "this" {
  rule = aws_cloudwatch_event_rule.this.name
  arn  = aws_lambda_function.this.arn
}

resource "aws_lambda_permission" "this" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this.arn
}

resource "aws_sns_topic" "this" {
  name = "${local.prefix}-alarms"
  tags = var.tags
}

resource "aws_sns_topic_policy" "this" {
  arn = aws_sns_topic.this.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AlarmsOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.this.arn
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_cloudwatch_metric_alarm" "token_not_fetched" {
  alarm_name        = "${local.prefix}-token-not-fetched"
  alarm_description = "The M-Pesa credentials ${var.name}/${var.environment} brought no token. Run `mpesa-secrets check --live`; the canary's log is ${aws_cloudwatch_log_group.this.name}."
  namespace         = "MpesaSecrets"
  metric_name       = "TokenFetched"
  dimensions        = { FunctionName = aws_lambda_function.this.function_name }

  statistic           = "Minimum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = local.period
  # Runs and periods drift against each other, so that one period may stay empty.
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "breaching"

  alarm_actions = [aws_sns_topic.this.arn]
  ok_actions    = [aws_sns_topic.this.arn]
  tags          = var.tags
}

resource "aws_cloudwatch_metric_alarm" "pair_too_old" {
  alarm_name        = "${local.prefix}-pair-too-old"
  alarm_description = "The M-Pesa credentials ${var.name}/${var.environment} are older than ${var.max_pair_age_days} days. Get a new pair in the portal and run `mpesa-secrets rotate`."
  namespace         = "MpesaSecrets"
  metric_name       = "PairAgeDays"
  dimensions        = { FunctionName = aws_lambda_function.this.function_name }

  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.max_pair_age_days
  period              = local.period
  evaluation_periods  = 1
  # A canary that is silent rings the other alarm; the age stays what it was.
  treat_missing_data = "ignore"

  alarm_actions = [aws_sns_topic.this.arn]
  ok_actions    = [aws_sns_topic.this.arn]
  tags          = var.tags
}
