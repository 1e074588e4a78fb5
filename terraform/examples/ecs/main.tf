locals {
  name = "mpesa-${var.environment}"
}

module "secret" {
  source = "../../modules/aws-secret"

  environment        = var.environment
  administrator_arns = var.administrator_arns
  reader_arns        = [aws_iam_role.task.arn, module.canary.role_arn]
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
  package_path      = var.canary_path
  layer_arns        = [aws_lambda_layer_version.mpesa_secrets.arn]
  tags              = var.tags
}

resource "aws_lambda_layer_version" "mpesa_secrets" {
  layer_name          = "${local.name}-mpesa-secrets"
  filename            = var.layer_path
  source_code_hash    = filebase64sha256(var.layer_path)
  compatible_runtimes = ["python3.13"]
}

# The application.

resource "aws_ecs_cluster" "this" {
  name = local.name
  tags = var.tags
}

resource "aws_ecs_task_definition" "app" {
  family                   = "${local.name}-app"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  task_role_arn            = aws_iam_role.task.arn
  execution_role_arn       = aws_iam_role.execution.arn
  tags                     = var.tags

  container_definitions = jsonencode([{
    name       = "app"
    image      = var.image
    essential  = true
    entryPoint = ["mpesa-secrets", "exec", "--"]
    command    = ["python", "app.py"]

    environment = [
      { name = "MPESA_SECRETS_URL", value = module.secret.url },
      { name = "MPESA_TOKEN_CACHE", value = module.token_cache.url },
      { name = "MPESA_ENVIRONMENT", value = var.mpesa_environment },
    ]

    # Ten misses: while the store is down, a running application goes on with what it read.
    healthCheck = {
      command     = ["CMD", "mpesa-secrets", "check"]
      interval    = 60
      timeout     = 30
      retries     = 10
      startPeriod = 30
    }

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.app.name
        awslogs-region        = var.region
        awslogs-stream-prefix = "app"
      }
    }
  }])
}

resource "aws_ecs_service" "app" {
  name            = "${local.name}-app"
  cluster         = aws_ecs_cluster.this.arn
  task_definition = aws_ecs_task_definition.app.arn
  desired_count   = var.desired_count
  launch_type     = "FARGATE"
  propagate_tags  = "SERVICE"
  tags            = var.tags

  network_configuration {
    subnets         = var.subnet_ids
    security_groups = [aws_security_group.app.id]
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  depends_on = [aws_iam_role_policy_attachment.task, aws_iam_role_policy_attachment.execution]
}

resource "aws_security_group" "app" {
  name        = "${local.name}-app"
  description = "Lets the tasks out to AWS and Daraja"
  vpc_id      = var.vpc_id
  tags        = var.tags

  egress {
    description = "HTTPS"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_cloudwatch_log_group" "app" {
  name              = "/ecs/${local.name}-app"
  retention_in_days = 30
  tags              = var.tags
}

locals {
  assumed_by_tasks = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ecs-tasks.amazonaws.com" } }]
  })
}

# What the application may do: read the pair and share the token.
resource "aws_iam_role" "task" {
  name               = "${local.name}-app"
  assume_role_policy = local.assumed_by_tasks
  tags               = var.tags
}

resource "aws_iam_role_policy_attachment" "task" {
  for_each = { secret = module.secret.reader_policy_arn, token_cache = module.token_cache.policy_arn }

  role       = aws_iam_role.task.name
  policy_arn = each.value
}

# What ECS itself may do: pull the image and write the log.
resource "aws_iam_role" "execution" {
  name               = "${local.name}-execution"
  assume_role_policy = local.assumed_by_tasks
  tags               = var.tags
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
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
