locals {
  name = "mpesa-${var.environment}"
}

module "secret" {
  source = "../../modules/aws-secret"

  environment        = var.environment
  administrator_arns = var.administrator_arns
  reader_arns        = [aws_iam_role.function.arn, module.canary.role_arn]
  rotator_arns       = [aws_iam_role.rotator.arn]
  tags               = var.tags
}

module "token_cache" {
  source = "../../modules/aws-token-cache"

  environment = var.environment
  tags        = var.tags
}

module "canary" {
  source = "../../modules/aws-canary"

  environment       = var.environment
  mpesa_environment = var.mpesa_environment
  secrets_url       = module.secret.url
  token_cache_url   = module.token_cache.url
  policy_arns       = [module.secret.reader_policy_arn, module.token_cache.policy_arn]
  package_path      = var.function_path # Lambda wants a zip; the canary's code is in the layer.
  layer_arns        = [aws_lambda_layer_version.mpesa_secrets.arn]
  tags              = var.tags
}

# The application.

resource "aws_lambda_layer_version" "mpesa_secrets" {
  layer_name          = "${local.name}-mpesa-secrets"
  filename            = var.layer_path
  source_code_hash    = filebase64sha256(var.layer_path)
  compatible_runtimes = ["python3.13"]
}

resource "aws_lambda_function" "app" {
  function_name    = "${local.name}-app"
  role             = aws_iam_role.function.arn
  runtime          = "python3.13"
  handler          = "handler.handler"
  filename         = var.function_path
  source_code_hash = filebase64sha256(var.function_path)
  layers           = compact([aws_lambda_layer_version.mpesa_secrets.arn, var.extension_layer_arn])
  memory_size      = 256
  timeout          = 30
  tags             = var.tags

  environment {
    variables = {
      MPESA_SECRETS_URL = module.secret.url
      MPESA_TOKEN_CACHE = module.token_cache.url
      MPESA_ENVIRONMENT = var.mpesa_environment
    }
  }

  depends_on = [aws_iam_role_policy.function_log, aws_iam_role_policy_attachment.function]
}

resource "aws_cloudwatch_log_group" "app" {
  name              = "/aws/lambda/${local.name}-app"
  retention_in_days = 30
  tags              = var.tags
}

resource "aws_iam_role" "function" {
  name = "${local.name}-app"
  tags = var.tags

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "function" {
  for_each = { secret = module.secret.reader_policy_arn, token_cache = module.token_cache.policy_arn }

  role       = aws_iam_role.function.name
  policy_arn = each.value
}

resource "aws_iam_role_policy" "function_log" {
  name = "log"
  role = aws_iam_role.function.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.app.arn}:*"]
    }]
  })
}

# The people who rotate.

resource "aws_iam_role" "rotator" {
  name = "${local.name}-rotator"
  tags = var.tags

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = var.operator_arns } }]
  })
}

resource "aws_iam_role_policy_attachment" "rotator" {
  for_each = { secret = module.secret.rotator_policy_arn, token_cache = module.token_cache.policy_arn }

  role       = aws_iam_role.rotator.name
  policy_arn = each.value
}
