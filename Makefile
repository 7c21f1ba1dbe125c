# `make demo` and `make test` set up all they need. PYTHON=/path/to/python3 chooses the interpreter.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-newest upgrade lint bench clean
export PYTHON
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

help:
	@echo 'make demo    judge the programs of examples/demo.jsonl'
	@echo 'make test    all checks: lint, types, layers, tests'
	@echo 'make lint    ruff, vulture, pyright, import-linter'
	@echo 'make bench   how fast, against named rivals'
	@echo 'make setup   .venv with everything in it; the others do what they need of it'
	@echo 'make clean   remove what these made, .venv included'
	@echo
	@echo 'For maintainers:'
	@echo 'make test COVERAGE=1  also measures what the tests reach of the code'
	@echo 'make upgrade      newer releases of all dependencies into tools/locks'
	@echo 'make test-newest  the tests with the newest releases; says which of them breaks what'
	@echo
	@echo 'PYTHON=... chooses the interpreter, 3.11 or later (default: python3).'

setup:
	@tools/setup.sh dev

demo:
	@tools/setup.sh user
	.venv/bin/microcoder-eval doctor
	@mkdir -p build/demo
	.venv/bin/microcoder-eval run examples/demo.jsonl --json build/demo/summary.json -o build/demo/reports.jsonl --overwrite

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check -q .
	.venv/bin/vulture
	.venv/bin/pyright
	@if .venv/bin/python -c 'import importlib.util as u, sys; sys.exit(not u.find_spec("torch"))'; then \
		.venv/bin/pyright -p tools/pyright-train.json; fi
	.venv/bin/lint-imports

test: setup lint
ifndef COVERAGE
	.venv/bin/pytest
else
	.venv/bin/coverage erase
	.venv/bin/coverage run -m pytest -p microcoder.tools.inside_coverage
	.venv/bin/coverage combine -q
	.venv/bin/coverage report  # fails below the floor, fail_under in pyproject.toml
	@floor=$$(sed -n 's/^fail_under = \([0-9]*\).*/\1/p' pyproject.toml); \
	if .venv/bin/coverage report --fail-under=$$((floor + 1)) >/dev/null; then \
		echo "coverage: more than a point above the floor: raise fail_under in pyproject.toml"; fi
endif

test-newest: setup
	.venv/bin/python tools/newest.py

upgrade: setup
	tools/upgrade.sh

bench: setup
	.venv/bin/python -m microcoder.bench.speed

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
