data "aws_region" "current" {}

resource "aws_dynamodb_table" "this" {
  name         = "${var.name}-${var.environment}-tokens"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  tags         = var.tags

  attribute {
    name = "id"
    type = "S"
  }

  ttl {
    enabled        = true
    attribute_name = "expires_at"
  }

  server_side_encryption {
    enabled = true
  }

  # A token lives for an hour: nothing here is worth keeping, and a backup would keep it.
  point_in_time_recovery {
    enabled = false
  }
}

resource "aws_iam_policy" "this" {
  name        = "${var.name}-${var.environment}-token-cache"
  description = "Shares the M-Pesa access token of ${var.name}/${var.environment}"
  tags        = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "ShareToken"
      Effect   = "Allow"
      Action   = jsondecode(file("${path.module}/actions.json"))["token-cache"]
      Resource = [aws_dynamodb_table.this.arn]
    }]
  })
}
