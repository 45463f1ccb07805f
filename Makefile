# `make` alone lists the targets. Everything is installed into .venv from hashed requirements; needed beforehand:
# Python 3.11 or newer, make, gcc.
.DEFAULT_GOAL := list
.DELETE_ON_ERROR:
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
BIN := .venv/bin
# Test processes side by side; each one may start servers of its own.
WORKERS ?= 2
# New releases wait a few days before we take them.
EXCLUDE_NEWER ?= $(shell $(PYTHON) -c 'import datetime as d; print((d.datetime.now(d.timezone.utc) - d.timedelta(days=5)).strftime("%Y-%m-%dT00:00:00Z"))')

REQUIREMENTS := .venv/.requirements-installed
PROJECT := .venv/.project-installed

.PHONY: list demo test check scan bench bench-identity bench-canonical bench-door fuzz-doors spark conformance drill golden docs format requirements install clean

list: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|' 2>/dev/null \
	  || grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST)

demo: $(PROJECT) ## two health plans exchange histories, told live in the terminal
	@$(BIN)/interpayer demo

test: $(PROJECT) ## the whole suite, without the long drill
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: $(PROJECT) ## style, types, import contracts, unit and architecture tests; under a minute
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q -n $(WORKERS) tests/unit tests/architecture

scan: $(PROJECT) ## known holes: in what we use (asks an advisory service), in what we write, in what builds it
	@$(BIN)/bandit --quiet --recursive src -lll
	@$(BIN)/zizmor --quiet --offline --no-progress .github
	@$(BIN)/python requirements/audit.py

bench: $(PROJECT) ## ratios against a baseline of the same run
	@$(BIN)/python -m bench

bench-identity: $(PROJECT) ## the right person or nobody, beside Splink and the draft rules of CMS; about half an hour
	@$(BIN)/python -m bench.identity --members 100000 --queries 33000 --growth 1000000 $(ARGS)

bench-canonical: $(PROJECT) ## reading, mapping and checking many sources, each beside a baseline
	@$(BIN)/python -m bench canonical $(ARGS)

bench-door: $(PROJECT) ## the full door beside the bare framework, and an honest client among 200 slow ones
	@$(BIN)/python -m bench door $(ARGS)

fuzz-doors: $(PROJECT) ## 20,000 generated calls at both doors; no answer may be a fault of ours
	@FUZZ_CALLS=20000 $(BIN)/python -m pytest -q -s -m "" --timeout 3600 tests/conformance/test_fuzzed_doors.py

spark: $(PROJECT) ## candidates found on Spark's local mode; needs Java
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/spark.txt
	@$(BIN)/python -m pytest -q tests/store/identity/test_spark.py

conformance: $(PROJECT) ## our verdicts on FHIR resources beside HAPI's validator, fetched by Maven; needs Java 17
	@$(BIN)/python -m pytest -q -m long -s tests/conformance/test_java_validator.py

drill: $(PROJECT) ## the long drills: processes killed at random, disks lost
	@$(BIN)/python -m pytest tests/drills -m "" -s --timeout 3600

golden: $(PROJECT) ## rewrite the golden cases; read the diff
	@REWRITE_GOLDEN=1 $(BIN)/python -m pytest -q tests/golden && git diff --stat tests/golden

docs: $(PROJECT) ## rebuild docs/reference from the code
	@$(BIN)/python docs/build.py

format: $(PROJECT) ## put the source into the house's layout
	@$(BIN)/ruff check --fix-only -q .
	@$(BIN)/ruff format -q .

install: $(PROJECT) ## make .venv and put everything into it

requirements: $(PROJECT) ## resolve the pinned versions anew, with hashes, a few days behind the newest
	@for name in uv run test spark; do \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	    --exclude-newer $(EXCLUDE_NEWER) --custom-compile-command "make requirements" --constraint requirements/limits.in \
	    requirements/$$name.in -o requirements/$$name.txt; \
	done

clean: ## remove what the targets made
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Interpayer needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv .venv

$(REQUIREMENTS): requirements/uv.txt requirements/test.txt | .venv/bin/python
	@echo "Installing the pinned requirements into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/test.txt
	@touch $@

$(PROJECT): pyproject.toml $(REQUIREMENTS)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
