mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_region" {
    defaults = { region = "eu-west-1" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:123456789012:key/0000", key_id = "0000" }
  }

  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mpesa/prod-AbCdEf" }
  }
}

variables {
  # Each run has one, for `terraform test` cannot apply with an ephemeral variable unset.
  first_value        = "{\"consumer_key\":\"key\",\"consumer_secret\":\"hunter2\"}"
  environment        = "prod"
  administrator_arns = ["arn:aws:iam::123456789012:role/terraform"]
  reader_arns        = ["arn:aws:iam::123456789012:role/payments"]
  rotator_arns       = ["arn:aws:iam::123456789012:role/rotator"]
}

run "a_shell_without_a_value" {
  command = plan

  assert {
    condition     = length(aws_secretsmanager_secret_version.first) == 0
    error_message = "Unless asked, no value is written."
  }

  assert {
    condition     = aws_secretsmanager_secret.this.name == "mpesa/prod" && aws_kms_alias.this.name == "alias/mpesa-prod-secret"
    error_message = "Names hold the environment."
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_secretsmanager_secret.this.recovery_window_in_days == 30
    error_message = "The key rotates and a deleted secret can be brought back."
  }

  assert {
    condition     = output.url == "aws://mpesa/prod?region=eu-west-1"
    error_message = "The URL is what MPESA_SECRETS_URL takes."
  }
}

run "the_readers_policy" {
  assert {
    condition = [for statement in jsondecode(aws_iam_policy.reader.policy).Statement : statement.Action] == [
      ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
      ["kms:Decrypt"],
    ]
    error_message = "A reader reads and decrypts, nothing more."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_policy.reader.policy).Statement : statement.Resource] == [
      ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:mpesa/prod-AbCdEf"],
      ["arn:aws:kms:eu-west-1:123456789012:key/0000"],
    ]
    error_message = "A reader reads this secret with this key."
  }

  assert {
    condition     = jsondecode(aws_iam_policy.reader.policy).Statement[1].Condition.StringEquals["kms:ViaService"] == ["secretsmanager.eu-west-1.amazonaws.com"]
    error_message = "The key opens through Secrets Manager only."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_policy.reader.policy).Statement : statement.Effect == "Allow"])
    error_message = "The policy allows."
  }
}

run "the_rotators_policy" {
  assert {
    condition = [for statement in jsondecode(aws_iam_policy.rotator.policy).Statement : statement.Action] == [
      [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecretVersionIds",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
      ],
      ["secretsmanager:TagResource"],
      ["kms:Decrypt", "kms:GenerateDataKey"],
    ]
    error_message = "A rotator does what rotate and rollback call, nothing more."
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_policy.rotator.policy).Statement : statement.Resource] == [
      ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:mpesa/prod-AbCdEf"],
      ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:mpesa/prod-AbCdEf"],
      ["arn:aws:kms:eu-west-1:123456789012:key/0000"],
    ]
    error_message = "A rotator writes this secret with this key."
  }

  assert {
    condition     = jsondecode(aws_iam_policy.rotator.policy).Statement[2].Condition.StringEquals["kms:ViaService"] == ["secretsmanager.eu-west-1.amazonaws.com"]
    error_message = "The key opens through Secrets Manager only."
  }

  assert {
    condition     = jsondecode(aws_iam_policy.rotator.policy).Statement[1].Condition["ForAllValues:StringLike"]["aws:TagKeys"] == ["mpesa-secrets:*"]
    error_message = "A rotator sets its own tags, not those that others decide by."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_iam_policy.rotator.policy).Statement : statement.Effect == "Allow"])
    error_message = "The policy allows."
  }
}

run "the_secrets_own_policy" {
  assert {
    condition     = alltrue([for statement in jsondecode(aws_secretsmanager_secret_policy.this.policy).Statement : statement.Effect == "Deny" && statement.Principal == "*"])
    error_message = "The secret's policy only refuses."
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_secretsmanager_secret_policy.this.policy).Statement : statement.Action
      if try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
    ]) == "secretsmanager:*"
    error_message = "Plain HTTP is refused."
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_secretsmanager_secret_policy.this.policy).Statement : statement.Condition.ArnNotLike["aws:PrincipalArn"]
      if contains(flatten([statement.Action]), "secretsmanager:GetSecretValue")
      ]) == [
      "arn:aws:iam::123456789012:role/payments",
      "arn:aws:iam::123456789012:role/rotator",
      "arn:aws:iam::123456789012:root",
    ]
    error_message = "Readers and rotators read, administrators do not."
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_secretsmanager_secret_policy.this.policy).Statement : statement.Condition.ArnNotLike["aws:PrincipalArn"]
      if contains(flatten([statement.Action]), "secretsmanager:PutSecretValue")
      ]) == [
      "arn:aws:iam::123456789012:role/rotator",
      "arn:aws:iam::123456789012:role/terraform",
      "arn:aws:iam::123456789012:root",
    ]
    error_message = "Rotators and administrators write, readers do not."
  }

  assert {
    condition     = aws_secretsmanager_secret_policy.this.block_public_policy
    error_message = "AWS refuses a policy that opens the secret to the public."
  }
}

run "nobody_is_let_in_by_default" {
  variables {
    reader_arns  = []
    rotator_arns = []
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_secretsmanager_secret_policy.this.policy).Statement : statement.Condition.ArnNotLike["aws:PrincipalArn"]
      if contains(flatten([statement.Action]), "secretsmanager:GetSecretValue")
    ]) == ["arn:aws:iam::123456789012:root"]
    error_message = "Without readers and rotators nobody reads."
  }
}

run "replicas_are_read_where_they_are" {
  variables {
    replicas = {
      eu-central-1 = { kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/1111" }
      us-east-1    = {}
    }
  }

  assert {
    condition = tomap({ for replica in aws_secretsmanager_secret.this.replica : replica.region => replica.kms_key_id }) == tomap({
      eu-central-1 = "arn:aws:kms:eu-central-1:123456789012:key/1111"
      us-east-1    = null
    })
    error_message = "Each replica has the key that was given for it."
  }

  assert {
    condition = jsondecode(aws_iam_policy.reader.policy).Statement[0].Resource == [
      "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mpesa/prod-AbCdEf",
      "arn:aws:secretsmanager:eu-central-1:123456789012:secret:mpesa/prod-AbCdEf",
      "arn:aws:secretsmanager:us-east-1:123456789012:secret:mpesa/prod-AbCdEf",
    ]
    error_message = "A reader reads the replicas too."
  }

  assert {
    condition = jsondecode(aws_iam_policy.reader.policy).Statement[1].Resource == [
      "arn:aws:kms:eu-west-1:123456789012:key/0000",
      "arn:aws:kms:eu-central-1:123456789012:key/1111",
    ]
    error_message = "A reader decrypts with the replicas' keys."
  }

  assert {
    condition = jsondecode(aws_iam_policy.reader.policy).Statement[1].Condition.StringEquals["kms:ViaService"] == [
      "secretsmanager.eu-west-1.amazonaws.com",
      "secretsmanager.eu-central-1.amazonaws.com",
      "secretsmanager.us-east-1.amazonaws.com",
    ]
    error_message = "Through Secrets Manager there."
  }

  assert {
    condition     = length(jsondecode(aws_iam_policy.rotator.policy).Statement[0].Resource) == 1
    error_message = "Replicas cannot be written."
  }
}

run "the_first_value_is_written_and_not_kept" {
  variables {
    first_value         = "{\"consumer_key\":\"key\",\"consumer_secret\":\"hunter2\",\"shortcode\":174379}"
    first_value_version = 1
  }

  assert {
    condition     = aws_secretsmanager_secret_version.first[0].secret_string_wo_version == 1
    error_message = "The value is written."
  }

  assert {
    condition     = aws_secretsmanager_secret_version.first[0].secret_string_wo == null && aws_secretsmanager_secret_version.first[0].secret_string == null
    error_message = "The value is in the state."
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
    condition = [
      aws_secretsmanager_secret.this.name, aws_kms_alias.this.name, aws_iam_policy.reader.name, aws_iam_policy.rotator.name
    ] == ["b2c/staging", "alias/b2c-staging-secret", "b2c-staging-secret-reader", "b2c-staging-secret-rotator"]
    error_message = "Every name holds the purpose and the environment."
  }

  assert {
    condition = alltrue([
      for tags in [aws_secretsmanager_secret.this.tags, aws_kms_key.this.tags, aws_iam_policy.reader.tags, aws_iam_policy.rotator.tags] :
      tags.team == "payments"
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

run "refuses_everybody_as_reader" {
  command = plan
  variables {
    reader_arns = ["*"]
  }
  expect_failures = [var.reader_arns]
}

run "refuses_an_account_as_rotator" {
  command = plan
  variables {
    rotator_arns = ["arn:aws:iam::123456789012:root"]
  }
  expect_failures = [var.rotator_arns]
}

run "refuses_to_be_without_an_administrator" {
  command = plan
  variables {
    administrator_arns = []
  }
  expect_failures = [var.administrator_arns]
}

run "refuses_a_session_as_administrator" {
  command = plan
  variables {
    administrator_arns = ["arn:aws:sts::123456789012:assumed-role/terraform/session"]
  }
  expect_failures = [var.administrator_arns]
}

run "refuses_a_replica_that_is_no_region" {
  command = plan
  variables {
    replicas = { ireland = {} }
  }
  expect_failures = [var.replicas]
}

run "refuses_a_replicas_key_of_another_region" {
  command = plan
  variables {
    replicas = { eu-central-1 = { kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/0000" } }
  }
  expect_failures = [var.replicas]
}

run "refuses_a_short_recovery_window" {
  command = plan
  variables {
    recovery_window_days = 3
  }
  expect_failures = [var.recovery_window_days]
}

run "refuses_a_first_value_that_is_no_pair" {
  command = plan
  variables {
    first_value = "hunter2"
  }
  expect_failures = [var.first_value]
}

run "refuses_a_first_value_with_a_newline" {
  command = plan
  variables {
    first_value = "{\"consumer_key\":\"key\",\"consumer_secret\":\"hunter2\\n\"}"
  }
  expect_failures = [var.first_value]
}

run "refuses_to_write_a_second_value" {
  command = plan
  variables {
    first_value_version = 2
  }
  expect_failures = [var.first_value_version]
}
