mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mpesa-prod-canary" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/mpesa-prod-canary" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:mpesa-prod-canary" }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:123456789012:rule/mpesa-prod-canary" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:123456789012:mpesa-prod-canary-alarms" }
  }
}

variables {
  environment     = "prod"
  secrets_url     = "aws://mpesa/prod?region=eu-west-1"
  token_cache_url = "dynamodb://mpesa-prod-tokens?region=eu-west-1"
  package_path    = "README.md" # any file: a mock uploads nothing
  layer_arns      = ["arn:aws:lambda:eu-west-1:123456789012:layer:mpesa-secrets:1"]
  policy_arns     = ["arn:aws:iam::123456789012:policy/reader", "arn:aws:iam::123456789012:policy/token-cache"]
}

run "the_function" {
  command = plan

  assert {
    condition     = aws_lambda_function.this.handler == "mpesa_secrets.canary.handler" && aws_lambda_function.this.runtime == "python3.13"
    error_message = "The handler is the package's own."
  }

  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      MPESA_SECRETS_URL = "aws://mpesa/prod?region=eu-west-1"
      MPESA_TOKEN_CACHE = "dynamodb://mpesa-prod-tokens?region=eu-west-1"
      MPESA_ENVIRONMENT = "production"
    })
    error_message = "The function knows where the pair and the application's token are."
  }

  assert {
    condition     = aws_lambda_function.this.layers == tolist(["arn:aws:lambda:eu-west-1:123456789012:layer:mpesa-secrets:1"])
    error_message = "The layers are those given."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/lambda/mpesa-prod-canary" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The log is the function's and ends."
  }

  assert {
    condition     = aws_cloudwatch_event_rule.this.schedule_expression == "rate(5 minutes)"
    error_message = "The canary runs every five minutes."
  }
}

run "the_role" {
  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
    error_message = "Lambda alone takes the role."
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.log.policy).Statement == [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/mpesa-prod-canary:*"]
    }]
    error_message = "The role writes this log, nothing more."
  }

  assert {
    condition     = tolist(aws_iam_role_policy_attachment.this[*].policy_arn) == var.policy_arns
    error_message = "The role has the policies given."
  }

  assert {
    condition = (
      aws_lambda_permission.this.principal == "events.amazonaws.com" &&
      aws_lambda_permission.this.source_arn == "arn:aws:events:eu-west-1:123456789012:rule/mpesa-prod-canary" &&
      aws_cloudwatch_event_target.this.arn == "arn:aws:lambda:eu-west-1:123456789012:function:mpesa-prod-canary"
    )
    error_message = "The schedule runs the function, nobody else does."
  }
}

run "the_alarms" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.token_not_fetched.metric_name == "TokenFetched" &&
      aws_cloudwatch_metric_alarm.token_not_fetched.comparison_operator == "LessThanThreshold" &&
      aws_cloudwatch_metric_alarm.token_not_fetched.threshold == 1 &&
      aws_cloudwatch_metric_alarm.token_not_fetched.treat_missing_data == "breaching" &&
      aws_cloudwatch_metric_alarm.token_not_fetched.period == 300
    )
    error_message = "No token, or no word of one, rings."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.pair_too_old.metric_name == "PairAgeDays" &&
      aws_cloudwatch_metric_alarm.pair_too_old.comparison_operator == "GreaterThanThreshold" &&
      aws_cloudwatch_metric_alarm.pair_too_old.threshold == 90
    )
    error_message = "An old pair rings."
  }

  assert {
    condition = alltrue([
      for alarm in [aws_cloudwatch_metric_alarm.token_not_fetched, aws_cloudwatch_metric_alarm.pair_too_old] :
      alarm.namespace == "MpesaSecrets" && alarm.dimensions == tomap({ FunctionName = "mpesa-prod-canary" }) &&
      alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:123456789012:mpesa-prod-canary-alarms"])
    ])
    error_message = "The alarms watch this canary's metrics and write to its topic."
  }

  assert {
    condition = jsondecode(aws_sns_topic_policy.this.policy).Statement == [{
      Sid       = "AlarmsOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = "arn:aws:sns:eu-west-1:123456789012:mpesa-prod-canary-alarms"
      Condition = { StringEquals = { "aws:SourceAccount" = "123456789012" } }
    }]
    error_message = "Alarms of this account write to the topic, nobody else does."
  }
}

run "every_minute" {
  command = plan

  variables {
    interval_minutes  = 1
    max_pair_age_days = 30
  }

  assert {
    condition     = aws_cloudwatch_event_rule.this.schedule_expression == "rate(1 minute)" && aws_cloudwatch_metric_alarm.token_not_fetched.period == 60
    error_message = "One minute is written without an s, and the alarm keeps pace."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.pair_too_old.threshold == 30
    error_message = "The greatest age is the one given."
  }
}

run "variables_of_the_module_win" {
  command = plan

  variables {
    environment_variables = { VAULT_ADDR = "https://vault.example.com", MPESA_ENVIRONMENT = "nowhere" }
    mpesa_environment     = "sandbox"
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables.VAULT_ADDR == "https://vault.example.com"
    error_message = "Further variables get through."
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables.MPESA_ENVIRONMENT == "sandbox"
    error_message = "What the module sets is not overridden."
  }
}

run "two_environments_share_an_account" {
  command = plan

  variables {
    name        = "b2c"
    environment = "staging"
    tags        = { team = "payments" }
  }

  assert {
    condition = alltrue([
      for name in [
        aws_iam_role.this.name, aws_lambda_function.this.function_name, aws_cloudwatch_event_rule.this.name, aws_sns_topic.this.name,
        aws_cloudwatch_metric_alarm.token_not_fetched.alarm_name, aws_cloudwatch_metric_alarm.pair_too_old.alarm_name,
      ] : startswith(name, "b2c-staging-canary")
    ])
    error_message = "Every name holds the purpose and the environment."
  }

  assert {
    condition = alltrue([
      for tags in [
        aws_iam_role.this.tags, aws_lambda_function.this.tags, aws_cloudwatch_event_rule.this.tags, aws_sns_topic.this.tags,
        aws_cloudwatch_log_group.this.tags, aws_cloudwatch_metric_alarm.token_not_fetched.tags, aws_cloudwatch_metric_alarm.pair_too_old.tags,
      ] : tags.team == "payments"
    ])
    error_message = "Everything is tagged."
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

run "refuses_a_store_that_no_function_reaches" {
  command = plan
  variables {
    secrets_url = "env://"
  }
  expect_failures = [var.secrets_url]
}

run "refuses_a_password_in_the_stores_url" {
  command = plan
  variables {
    secrets_url = "vault://user:hunter2@kv/mpesa"
  }
  expect_failures = [var.secrets_url]
}

run "refuses_a_cache_of_its_own" {
  command = plan
  variables {
    token_cache_url = "memory://"
  }
  expect_failures = [var.token_cache_url]
}

run "refuses_a_password_in_the_caches_url" {
  command = plan
  variables {
    token_cache_url = "rediss://:hunter2@cache.example.com:6379/0"
  }
  expect_failures = [var.token_cache_url]
}

run "refuses_an_unknown_mpesa_environment" {
  command = plan
  variables {
    mpesa_environment = "test"
  }
  expect_failures = [var.mpesa_environment]
}

run "refuses_a_secret_in_a_variable" {
  command = plan
  variables {
    environment_variables = { MPESA_CONSUMER_SECRET = "hunter2" }
  }
  expect_failures = [var.environment_variables]
}

run "refuses_a_layer_without_a_version" {
  command = plan
  variables {
    layer_arns = ["arn:aws:lambda:eu-west-1:123456789012:layer:mpesa-secrets"]
  }
  expect_failures = [var.layer_arns]
}

run "refuses_an_old_runtime" {
  command = plan
  variables {
    runtime = "python3.9"
  }
  expect_failures = [var.runtime]
}

run "refuses_an_unknown_architecture" {
  command = plan
  variables {
    architecture = "riscv"
  }
  expect_failures = [var.architecture]
}

run "refuses_a_role_as_policy" {
  command = plan
  variables {
    policy_arns = ["arn:aws:iam::123456789012:role/reader"]
  }
  expect_failures = [var.policy_arns]
}

run "refuses_half_a_minute" {
  command = plan
  variables {
    interval_minutes = 0.5
  }
  expect_failures = [var.interval_minutes]
}

run "refuses_an_age_below_a_day" {
  command = plan
  variables {
    max_pair_age_days = 0
  }
  expect_failures = [var.max_pair_age_days]
}

run "refuses_a_retention_that_cloudwatch_lacks" {
  command = plan
  variables {
    log_retention_days = 31
  }
  expect_failures = [var.log_retention_days]
}

run "refuses_a_package_that_is_not_there" {
  command = plan
  variables {
    package_path = "nowhere.zip"
  }
  expect_failures = [var.package_path]
}
