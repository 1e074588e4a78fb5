data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  prefix = "${var.name}-${var.environment}"
  region = data.aws_region.current.region

  # The root user can change the policy in any case; it stays able to mend one that locks everybody out.
  root = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"

  # What `token`, `exec` and `status` call, and what `rotate` and `rollback` call: tests compare this file with the code.
  actions = jsondecode(file("${path.module}/actions.json"))

  changes = [
    "secretsmanager:CancelRotateSecret",
    "secretsmanager:DeleteResourcePolicy",
    "secretsmanager:DeleteSecret",
    "secretsmanager:PutResourcePolicy",
    "secretsmanager:PutSecretValue",
    "secretsmanager:RemoveRegionsFromReplication",
    "secretsmanager:ReplicateSecretToRegions",
    "secretsmanager:RestoreSecret",
    "secretsmanager:RotateSecret",
    "secretsmanager:StopReplicationToReplica",
    "secretsmanager:TagResource",
    "secretsmanager:UntagResource",
    "secretsmanager:UpdateSecret",
    "secretsmanager:UpdateSecretVersionStage",
  ]

  readable_regions = concat([local.region], keys(var.replicas))
}

resource "aws_kms_key" "this" {
  description             = "Encrypts the M-Pesa credentials ${var.name}/${var.environment}"
  enable_key_rotation     = true
  deletion_window_in_days = var.recovery_window_days
  tags                    = var.tags

  # Hands the decision to IAM: the two policies below are what opens the key.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DecideInIam"
      Effect    = "Allow"
      Principal = { AWS = local.root }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.prefix}-secret"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_secretsmanager_secret" "this" {
  name                    = "${var.name}/${var.environment}"
  description             = "M-Pesa (Daraja) consumer key and secret; rotate with mpesa-secrets"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = var.recovery_window_days
  tags                    = var.tags

  dynamic "replica" {
    for_each = var.replicas
    content {
      region     = replica.key
      kms_key_id = replica.value.kms_key_arn
    }
  }
}

# Write-only: the value reaches neither plan nor state.
resource "aws_secretsmanager_secret_version" "first" {
  count = var.first_value_version

  secret_id                = aws_secretsmanager_secret.this.id
  secret_string_wo         = var.first_value
  secret_string_wo_version = var.first_value_version
}

resource "aws_secretsmanager_secret_policy" "this" {
  secret_arn          = aws_secretsmanager_secret.this.arn
  block_public_policy = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "RefusePlainHttp"
        Effect    = "Deny"
        Principal = "*"
        Action    = "secretsmanager:*"
        Resource  = "*"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "RefuseReadingToOthers"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue"]
        Resource  = "*"
        Condition = {
          ArnNotLike = { "aws:PrincipalArn" = sort(distinct(concat([local.root], var.reader_arns, var.rotator_arns))) }
          # Secrets Manager itself carries new versions to the replicas.
          BoolIfExists = { "aws:PrincipalIsAWSService" = "false" }
        }
      },
      {
        Sid       = "RefuseChangesByOthers"
        Effect    = "Deny"
        Principal = "*"
        Action    = local.changes
        Resource  = "*"
        Condition = {
          ArnNotLike   = { "aws:PrincipalArn" = sort(distinct(concat([local.root], var.administrator_arns, var.rotator_arns))) }
          BoolIfExists = { "aws:PrincipalIsAWSService" = "false" }
        }
      },
    ]
  })
}

resource "aws_iam_policy" "reader" {
  name        = "${local.prefix}-secret-reader"
  description = "Reads the M-Pesa credentials ${var.name}/${var.environment}"
  tags        = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "ReadSecret"
        Effect = "Allow"
        Action = local.actions.reader
        Resource = [
          for region in local.readable_regions : replace(aws_secretsmanager_secret.this.arn, ":${local.region}:", ":${region}:")
        ]
      },
      {
        Sid       = "DecryptThroughSecretsManager"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = concat([aws_kms_key.this.arn], compact([for replica in values(var.replicas) : replica.kms_key_arn]))
        Condition = { StringEquals = { "kms:ViaService" = [for region in local.readable_regions : "secretsmanager.${region}.amazonaws.com"] } }
      },
    ]
  })
}

resource "aws_iam_policy" "rotator" {
  name        = "${local.prefix}-secret-rotator"
  description = "Rotates the M-Pesa credentials ${var.name}/${var.environment} and rolls them back"
  tags        = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "RotateSecret"
        Effect   = "Allow"
        Action   = [for action in local.actions.rotator : action if action != "secretsmanager:TagResource"]
        Resource = [aws_secretsmanager_secret.this.arn]
      },
      {
        Sid       = "LeaveWhoAndWhen"
        Effect    = "Allow"
        Action    = ["secretsmanager:TagResource"]
        Resource  = [aws_secretsmanager_secret.this.arn]
        Condition = { "ForAllValues:StringLike" = { "aws:TagKeys" = ["mpesa-secrets:*"] } }
      },
      {
        Sid       = "UseKeyThroughSecretsManager"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = [aws_kms_key.this.arn]
        Condition = { StringEquals = { "kms:ViaService" = ["secretsmanager.${local.region}.amazonaws.com"] } }
      },
    ]
  })
}
