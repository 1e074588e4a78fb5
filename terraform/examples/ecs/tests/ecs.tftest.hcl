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
  target = aws_iam_role.execution
  values = { arn = "arn:aws:iam::123456789012:role/mpesa-prod-execution" }
}

override_resource {
  target = aws_iam_role.task
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
  image              = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1"
  vpc_id             = "vpc-1"
  subnet_ids         = ["subnet-1", "subnet-2"]
  layer_path         = "README.md" # any file: a mock uploads nothing
  canary_path        = "README.md"
}

run "the_task_starts_through_exec" {
  assert {
    condition     = jsondecode(aws_ecs_task_definition.app.container_definitions)[0].entryPoint == ["mpesa-secrets", "exec", "--"]
    error_message = "The entry point hands the pair to the application."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.app.container_definitions)[0].healthCheck.command == ["CMD", "mpesa-secrets", "check"]
    error_message = "The health check reads the store and takes no token."
  }

  assert {
    condition = { for variable in jsondecode(aws_ecs_task_definition.app.container_definitions)[0].environment : variable.name => variable.value } == {
      MPESA_SECRETS_URL = "aws://mpesa/prod?region=eu-west-1"
      MPESA_TOKEN_CACHE = "dynamodb://mpesa-prod-tokens?region=eu-west-1"
      MPESA_ENVIRONMENT = "production"
    }
    error_message = "The container has the URLs, and nothing that is secret."
  }

  assert {
    condition     = aws_ecs_service.app.desired_count == 2 && aws_ecs_service.app.network_configuration[0].subnets == toset(["subnet-1", "subnet-2"])
    error_message = "Two tasks run in the subnets given."
  }
}

run "each_role_has_its_rights" {
  assert {
    condition     = aws_ecs_task_definition.app.task_role_arn == "arn:aws:iam::123456789012:role/mpesa-prod-app" && aws_ecs_task_definition.app.execution_role_arn == "arn:aws:iam::123456789012:role/mpesa-prod-execution"
    error_message = "The application and ECS have roles of their own."
  }

  assert {
    condition = { for name, attachment in aws_iam_role_policy_attachment.task : name => attachment.policy_arn } == {
      secret      = "arn:aws:iam::123456789012:policy/reader"
      token_cache = "arn:aws:iam::123456789012:policy/token-cache"
    }
    error_message = "The task reads the pair and shares the token."
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

run "refuses_everybody_as_operator" {
  command = plan
  variables {
    operator_arns = ["*"]
  }
  expect_failures = [var.operator_arns]
}

run "refuses_a_vpc_by_name" {
  command = plan
  variables {
    vpc_id = "main"
  }
  expect_failures = [var.vpc_id]
}

run "refuses_to_run_nowhere" {
  command = plan
  variables {
    subnet_ids = []
  }
  expect_failures = [var.subnet_ids]
}

run "refuses_half_a_task" {
  command = plan
  variables {
    desired_count = 0.5
  }
  expect_failures = [var.desired_count]
}

run "refuses_a_layer_that_was_not_built" {
  command = plan
  variables {
    layer_path = "nowhere.zip"
  }
  expect_failures = [var.layer_path]
}

run "refuses_a_canary_that_was_not_packed" {
  command = plan
  variables {
    canary_path = "nowhere.zip"
  }
  expect_failures = [var.canary_path]
}

run "refuses_an_unknown_mpesa_environment" {
  command = plan
  variables {
    mpesa_environment = "test"
  }
  expect_failures = [var.mpesa_environment]
}
