# Everything that a target needs it makes itself, in .venv: Python 3.11 or newer and make are enough.
PYTHON ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
PIP := -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES := pyproject.toml constraints.txt
RUN := .venv/bin/python

help:  ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

demo: .venv/program-$(VERSION)  ## Show the main job on this machine alone; no account anywhere.
	$(RUN) -m mpesa_secrets demo

test: .venv/dev-$(VERSION)  ## Run every test, and the Terraform check where Terraform is installed.
	$(RUN) -m pytest --numprocesses 2 --dist worksteal
	sh scripts/terraform-check

lint: .venv/dev-$(VERSION)  ## Check style and types.
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

bench: .venv/bench/installed-$(VERSION) .venv/mpesakit  ## Measure against the straightforward script, and mpesakit.
	$(RUN) -m tests.benchmarks.bench --python .venv/bench/bin/python --mpesakit .venv/mpesakit/bin/python $(BENCH)

fleet: .venv/dev-$(VERSION)  ## Let many processes and machines share one token.
	$(RUN) scripts/fleet.py $(FLEET)

layer: .venv/program-$(VERSION)  ## Build the AWS Lambda layer.
	$(RUN) scripts/layer.py $(LAYER)

terraform:  ## Format, validate and test the Terraform modules and examples.
	sh scripts/terraform-check

clean:  ## Remove what the targets made.
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps' names hold the version, so that another PYTHON gets another environment.
.venv/program-$(VERSION): $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=…")'
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(RUN) $(PIP) --editable .
	touch $@

.venv/dev-$(VERSION): .venv/program-$(VERSION)
	$(RUN) $(PIP) --editable '.[dev]'
	touch $@

# As a user installs it: neither an editable install's import hook nor the development packages beside it.
.venv/bench/installed-$(VERSION): .venv/dev-$(VERSION) $(shell find mpesa_secrets backends -name '*.py')
	rm -rf .venv/bench build
	$(PYTHON) -m venv .venv/bench
	.venv/bench/bin/python $(PIP) '.[all]' awslambdaric
	touch $@

# A peer to compare with; without it the comparison is left out.
.venv/mpesakit: .venv/dev-$(VERSION)
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check mpesakit==2.2.0 || rm -rf $@/bin

.PHONY: help demo test lint bench fleet layer terraform clean
