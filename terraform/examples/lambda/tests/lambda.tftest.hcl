mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/mock" }
  }

  mock_resource "aws_lambda_layer_version" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:123456789012:layer:mpesa-prod-mpesa-secrets:1" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:mock" }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:123456789012:rule/mock" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:123456789012:mock" }
  }
}

override_resource {
  target = aws_iam_role.function
  values = { arn = "arn:aws:iam::123456789012:role/mpesa-prod-app" }
}

override_resource {
  target = aws_iam_role.rotator
  values = { arn = "arn:aws:iam::123456789012:role/mpesa-prod-rotator" }
}

override_resource {
  target = module.canary.aws_iam_role.this
  values = { arn = "arn:aws:iam::123456789012:role/mpesa-prod-canary" }
}

override_resource {
  target = module.secret.aws_iam_policy.reader
  values = { arn = "arn:aws:iam::123456789012:policy/reader" }
}

override_resource {
  target = module.secret.aws_iam_policy.rotator
  values = { arn = "arn:aws:iam::123456789012:policy/rotator" }
}

override_resource {
  target = module.token_cache.aws_iam_policy.this
  values = { arn = "arn:aws:iam::123456789012:policy/token-cache" }
}

variables {
  region             = "eu-west-1"
  environment        = "prod"
  administrator_arns = ["arn:aws:iam::123456789012:role/terraform"]
  operator_arns      = ["arn:aws:iam::123456789012:role/operators"]
  layer_path         = "handler.py" # any file: a mock uploads nothing
  function_path      = "handler.py"
}

run "the_function_finds_pair_and_token" {
  assert {
    condition = aws_lambda_function.app.environment[0].variables == tomap({
      MPESA_SECRETS_URL = "aws://mpesa/prod?region=eu-west-1"
      MPESA_TOKEN_CACHE = "dynamodb://mpesa-prod-tokens?region=eu-west-1"
      MPESA_ENVIRONMENT = "production"
    })
    error_message = "The function has the URLs, and nothing that is secret."
  }

  assert {
    condition     = length(aws_lambda_function.app.layers) == 1
    error_message = "Unless asked, there is no extension."
  }
}

run "each_role_has_its_rights" {
  assert {
    condition = { for name, attachment in aws_iam_role_policy_attachment.function : name => attachment.policy_arn } == {
      secret      = "arn:aws:iam::123456789012:policy/reader"
      token_cache = "arn:aws:iam::123456789012:policy/token-cache"
    }
    error_message = "The function reads the pair and shares the token."
  }

  assert {
    condition = { for name, attachment in aws_iam_role_policy_attachment.rotator : name => attachment.policy_arn } == {
      secret      = "arn:aws:iam::123456789012:policy/rotator"
      token_cache = "arn:aws:iam::123456789012:policy/token-cache"
    }
    error_message = "The rotator writes the pair and shares the token."
  }

  assert {
    condition     = jsondecode(aws_iam_role.rotator.assume_role_policy).Statement[0].Principal.AWS == ["arn:aws:iam::123456789012:role/operators"]
    error_message = "The operators take on the rotator's role, nobody else does."
  }
}

run "with_the_extension" {
  variables {
    extension_layer_arn = "arn:aws:lambda:eu-west-1:015030872274:layer:AWS-Parameters-and-Secrets-Lambda-Extension:1"
  }

  assert {
    condition     = length(aws_lambda_function.app.layers) == 2
    error_message = "The extension is a layer of its own."
  }
}

run "refuses_everybody_as_operator" {
  command = plan
  variables {
    operator_arns = ["*"]
  }
  expect_failures = [var.operator_arns]
}

run "refuses_a_layer_that_was_not_built" {
  command = plan
  variables {
    layer_path = "nowhere.zip"
  }
  expect_failures = [var.layer_path]
}

run "refuses_a_function_that_was_not_packed" {
  command = plan
  variables {
    function_path = "nowhere.zip"
  }
  expect_failures = [var.function_path]
}

run "refuses_an_unknown_mpesa_environment" {
  command = plan
  variables {
    mpesa_environment = "test"
  }
  expect_failures = [var.mpesa_environment]
}
