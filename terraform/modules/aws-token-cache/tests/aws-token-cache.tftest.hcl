mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }

  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/mpesa-prod-tokens" }
  }
}

variables {
  environment = "prod"
}

run "the_table" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.this.hash_key == "id" && aws_dynamodb_table.this.range_key == null
    error_message = "The key is id alone."
  }

  assert {
    condition     = [for attribute in aws_dynamodb_table.this.attribute : "${attribute.name}:${attribute.type}"] == ["id:S"]
    error_message = "The key is a string."
  }

  assert {
    condition     = aws_dynamodb_table.this.ttl[0].enabled && aws_dynamodb_table.this.ttl[0].attribute_name == "expires_at"
    error_message = "Items end at expires_at."
  }

  assert {
    condition     = aws_dynamodb_table.this.server_side_encryption[0].enabled
    error_message = "The table is encrypted."
  }

  assert {
    condition     = !aws_dynamodb_table.this.point_in_time_recovery[0].enabled
    error_message = "Tokens are not backed up."
  }

  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    error_message = "Requests are what is paid."
  }

  assert {
    condition     = output.url == "dynamodb://mpesa-prod-tokens?region=eu-west-1"
    error_message = "The URL is what MPESA_TOKEN_CACHE takes."
  }
}

run "the_policy" {
  assert {
    condition = jsondecode(aws_iam_policy.this.policy).Statement == [{
      Sid      = "ShareToken"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
      Resource = ["arn:aws:dynamodb:eu-west-1:123456789012:table/mpesa-prod-tokens"]
    }]
    error_message = "Four actions on this table, nothing more."
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
    condition     = [aws_dynamodb_table.this.name, aws_iam_policy.this.name] == ["b2c-staging-tokens", "b2c-staging-token-cache"]
    error_message = "Every name holds the purpose and the environment."
  }

  assert {
    condition     = aws_dynamodb_table.this.tags.team == "payments" && aws_iam_policy.this.tags.team == "payments"
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
