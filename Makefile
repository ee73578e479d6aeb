# One line a target, over the `lakehouse` command. What a target lacks is set up first, once.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
# The first Python on this machine that will do; `make PYTHON=python3.12 …` chooses.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c $(PYTHON_OK) 2>/dev/null && echo $$p && break; done)
PYTHON_OK := 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'

# Where the lake is: the environment, then .env, then the defaults of lakehouse/settings.py.
dotenv = $(shell sed -n 's/^$(1)=//p' .env 2>/dev/null | tail -n 1)
ROOT := $(or $(LAKEHOUSE_ROOT),$(call dotenv,LAKEHOUSE_ROOT),data)
RAW := $(or $(LAKEHOUSE_RAW),$(call dotenv,LAKEHOUSE_RAW),$(ROOT)/raw)

# What computes: spark, or duckdb, which needs neither Java nor jars.
ENGINE ?= $(or $(LAKEHOUSE_ENGINE),$(call dotenv,LAKEHOUSE_ENGINE),spark)
export LAKEHOUSE_ENGINE := $(ENGINE)
READY = $(VENV)/$(if $(filter duckdb,$(ENGINE)),lakehouse,jars).stamp

# Superset wants other versions of what we use, too: it lives in an environment of its own.
SUPERSET_VENV := .venv-superset
# Newer flask-caching and cachetools break 6.1; rich is missing from its own list.
SUPERSET_PACKAGES := 'apache-superset==6.1.*' 'flask-caching<2.4' 'cachetools<6' rich psycopg2-binary gunicorn

# Polars is for comparison alone.
BENCHMARK_VENV := .venv-benchmark
BENCHMARK_PACKAGES := polars

# Test processes side by side; each Spark session takes about 1.5 GB. `make test WORKERS=0`: one.
WORKERS ?= 2
# In the order of conftest.py: heavy files first.
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder
ON_DUCKDB := LAKEHOUSE_ENGINE=duckdb
ON_SPARK := LAKEHOUSE_ENGINE=spark
# In order: the tests of a server share its history.
TEST_AIRFLOW := $(BIN)/pytest -p no:randomly airflow/tests
# What runs the whole pipeline, mostly in processes of its own.
E2E := e2e or crash or concurrency or notebook or serving
COVERAGE := --cov --cov-report=term
# Extra arguments of the command behind a target: `make generate-data ARGS="--users 100"`.
ARGS ?=

##@ Set up
.PHONY: help
help: ## This list
	@awk -v on="$$(test -t 1 && printf '\033[36m')" -v off="$$(test -t 1 && printf '\033[0m')" 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %s%-20s%s %s\n", on, $$1, off, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/jars.stamp ## Everything a target may need; each target does its part by itself

.PHONY: lock
lock: $(VENV)/uv.stamp ## Choose the newest versions again and pin them in the locks
	@echo "==> resolving versions (about 10 s)"
	@$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 \
		--group build --group dev --group notebooks --group airflow \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--output-file requirements.lock
	@printf '%s\n' $(SUPERSET_PACKAGES) | $(BIN)/uv pip compile - --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--output-file requirements-superset.lock
	@printf '%s\n' $(BENCHMARK_PACKAGES) | $(BIN)/uv pip compile - --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--output-file requirements-benchmark.lock
	@! grep -nE '://|^-|^/| @ ' requirements*.lock || { echo "a lock names a place, see above"; exit 1; }

$(VENV)/uv.stamp: requirements.lock
	@test -n '$(PYTHON)' && $(PYTHON) -c $(PYTHON_OK) 2>/dev/null || { \
		echo "Need Python 3.11, 3.12 or 3.13 with its venv module (Debian: apt-get install python3-venv); name it with 'make PYTHON=python3.12 …'." >&2; exit 1; }
	@echo "==> virtual environment in $(VENV) with $$($(PYTHON) --version) (about 10 s, once)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.txt
	@touch $@

$(VENV)/packages.stamp: $(VENV)/uv.stamp requirements.lock
	@echo "==> installing $$(grep -c == requirements.lock) locked packages (about 1.5 min, once)"
	@quiet=--quiet; test -t 2 && quiet=; \
		$(BIN)/uv pip sync $$quiet --python $(BIN)/python --compile-bytecode requirements.lock
	@touch $@

$(VENV)/lakehouse.stamp: $(VENV)/packages.stamp pyproject.toml
	@echo "==> installing the lakehouse command (about 2 s, once)"
	@$(BIN)/uv pip install --quiet --offline --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

$(VENV)/jars.stamp: $(VENV)/lakehouse.stamp spark/lakehouse/engines/spark/jars.py spark/lakehouse/engines/spark/archive.py
	@echo "==> resolving Spark's jars and archiving their classes (about 1.5 min, once)"
	@$(BIN)/lakehouse jars
	@touch $@

$(SUPERSET_VENV)/packages.stamp: $(VENV)/uv.stamp requirements-superset.lock
	@echo "==> installing Superset, $$(grep -c == requirements-superset.lock) locked packages, in $(SUPERSET_VENV) (about 1.5 min, once)"
	@test -x $(SUPERSET_VENV)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(SUPERSET_VENV)
	@quiet=--quiet; test -t 2 && quiet=; \
		$(BIN)/uv pip sync $$quiet --python $(SUPERSET_VENV)/bin/python --compile-bytecode requirements-superset.lock
	@touch $@

$(BENCHMARK_VENV)/packages.stamp: $(VENV)/uv.stamp requirements-benchmark.lock
	@echo "==> installing Polars in $(BENCHMARK_VENV) (about 10 s, once)"
	@test -x $(BENCHMARK_VENV)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(BENCHMARK_VENV)
	@$(BIN)/uv pip sync --quiet --python $(BENCHMARK_VENV)/bin/python --compile-bytecode requirements-benchmark.lock
	@touch $@

.PHONY: sample-data
sample-data: $(VENV)/lakehouse.stamp
	@case '$(RAW)' in *://*) exit 0;; esac; \
	if [ -z "$$(find '$(RAW)' -type f -print -quit 2>/dev/null)" ]; then \
		echo "==> no landing files in $(RAW): making sample data (a few seconds, once)"; \
		$(BIN)/python scripts/generate_synthetic_data.py --out '$(RAW)'; \
	fi

##@ Run the lakehouse
.PHONY: generate-data
generate-data: $(VENV)/lakehouse.stamp ## Make synthetic landing files (ARGS="--users 1000 --days 90 …")
	@$(BIN)/python scripts/generate_synthetic_data.py --out '$(RAW)' $(ARGS)

.PHONY: pipeline
pipeline: $(READY) sample-data ## Landing files to marts, behind their gates (ENGINE=duckdb: without Java)
	@$(BIN)/lakehouse run $(ARGS) && $(BIN)/lakehouse report

.PHONY: ingest-bronze
ingest-bronze: $(READY) sample-data ## Run the bronze tables
	@$(BIN)/lakehouse run bronze $(ARGS)

.PHONY: ingest-silver
ingest-silver: $(READY) ## Run the silver tables on what bronze has published
	@$(BIN)/lakehouse run silver $(ARGS)

.PHONY: ingest-gold
ingest-gold: $(READY) ## Run the gold tables on what silver has published
	@$(BIN)/lakehouse run gold $(ARGS)

##@ Orchestrate it
.PHONY: airflow
airflow: $(VENV)/jars.stamp sample-data ## Start a real Airflow and the shared engine; prints URL and login
	@$(BIN)/python scripts/airflow_local.py up

.PHONY: airflow-stop
airflow-stop: $(VENV)/lakehouse.stamp ## Stop both, every process of them
	@$(BIN)/python scripts/airflow_local.py down

.PHONY: airflow-init
airflow-init: $(VENV)/lakehouse.stamp ## Make or migrate Airflow's metadata database
	@$(BIN)/python scripts/airflow_local.py init

.PHONY: docker-up
docker-up: ## The same in containers, with Postgres; needs Docker and its compose plugin
	@docker compose version >/dev/null 2>&1 || { echo "Docker with its compose plugin is not here; 'make airflow' needs neither" >&2; exit 1; }
	@$(PYTHON) scripts/docker_secrets.py
	@docker compose --file docker/compose.yaml up --build --detach --wait

.PHONY: docker-down
docker-down: ## Stop the containers; their data stays (ARGS=--volumes removes it)
	@docker compose --file docker/compose.yaml down $(ARGS)

##@ Look at it
.PHONY: dashboards
dashboards: $(VENV)/lakehouse.stamp $(SUPERSET_VENV)/packages.stamp ## Publish the marts and show them in Superset; prints URL and login
	@$(BIN)/lakehouse database up
	@$(BIN)/lakehouse publish
	@$(BIN)/python scripts/superset_local.py up

.PHONY: dashboards-stop
dashboards-stop: $(VENV)/lakehouse.stamp ## Stop Superset and the database it reads, every process of them
	@$(BIN)/python scripts/superset_local.py down
	@$(BIN)/lakehouse database down

.PHONY: notebook
notebook: $(READY) ## Open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir notebooks $(ARGS)

.PHONY: docs
docs: $(VENV)/lakehouse.stamp ## Write the browsable catalogue of tables, columns, checks and lineage
	@$(BIN)/lakehouse docs $(ARGS)

.PHONY: data-docs
data-docs: $(READY) ## Write Great Expectations' pages of the latest gates
	@$(BIN)/lakehouse data-docs $(ARGS)

# With SCALE (100k, 1m, 10m, 30m) other peers do the same work; PEERS=ours-spark,ours-duckdb,duckdb,
# ONLY=W3,W4 and ROUNDS choose.
.PHONY: benchmark
benchmark: $(VENV)/jars.stamp $(if $(SCALE),$(BENCHMARK_VENV)/packages.stamp) ## Measure the sample on both engines; SCALE=1m: beside DuckDB, Polars and textbook Spark
	@$(BIN)/python -m benchmarks$(if $(SCALE), --scale $(SCALE) $(PEERS:%=--peers %) $(ONLY:%=--only %) $(ROUNDS:%=--rounds %),.sample) $(ARGS)

.PHONY: benchmark-history
benchmark-history: $(VENV)/jars.stamp ## Measure one more day on 1, 3 and 10 million rows of history (ARGS="--sizes 1m,30m --engine duckdb")
	@$(BIN)/python -m benchmarks.history $(ARGS)

.PHONY: benchmark-detection
benchmark-detection: $(VENV)/lakehouse.stamp ## Measure what the detectors of unusual days find, miss and invent (ARGS="--seeds 1,2,3")
	@$(BIN)/python -m benchmarks.detection $(ARGS)

##@ Change it
.PHONY: format
format: $(VENV)/packages.stamp ## Mend what ruff can mend, and lay out the code
	@$(BIN)/ruff check --fix --quiet --exit-zero && $(BIN)/ruff format

.PHONY: lint
lint: $(VENV)/lakehouse.stamp ## Rules, layout and import contracts
	@$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/lint-imports --cache-dir .cache/import-linter

.PHONY: check-dashboards
check-dashboards: $(VENV)/lakehouse.stamp ## Prove that every chart can be drawn from the tables there are
	@$(BIN)/lakehouse dashboards check

.PHONY: assert-typing
assert-typing: $(VENV)/lakehouse.stamp ## Types, strictly
	@$(BIN)/mypy

.PHONY: test
test: $(VENV)/lakehouse.stamp ## Every part, every table and every law, on DuckDB: needs no Java
	@$(ON_DUCKDB) $(PYTEST) -m 'not slow and not jvm and not dashboards and not ($(E2E))' $(ARGS)

.PHONY: test-laws
test-laws: $(VENV)/jars.stamp ## The laws and the definitions of every table on Spark, and what is Spark's own
	@$(ON_SPARK) $(PYTEST) -m '(spark_too or jvm) and not slow and not ($(E2E))' $(ARGS)

.PHONY: test-e2e
test-e2e: $(VENV)/jars.stamp ## The command line, bad input, upkeep, kills, writers side by side, publishing, notebooks
	@$(ON_DUCKDB) $(PYTEST) -m '($(E2E)) and not slow and not jvm and not dashboards' $(ARGS)
	@$(ON_SPARK) $(PYTEST) -m '(crash or concurrency or notebook or jvm and ($(E2E))) and not slow' $(ARGS)

.PHONY: test-slow
test-slow: $(VENV)/jars.stamp ## The slow suites; TEST_DEPTH=sample takes fewer rounds, as CI does
	@$(ON_SPARK) $(PYTEST) -m 'slow and not dashboards' $(ARGS)

.PHONY: test-all
test-all: $(VENV)/jars.stamp ## Every test on both engines, every round, with coverage
	@TEST_DEPTH=full $(ON_DUCKDB) $(PYTEST) -m 'not jvm and not dashboards' $(COVERAGE) --cov-fail-under=0 $(ARGS)
	@TEST_DEPTH=full $(ON_SPARK) $(PYTEST) -m 'not dashboards' $(COVERAGE) --cov-append $(ARGS)
	@TEST_DEPTH=full $(TEST_AIRFLOW)
	@$(MAKE) test-dashboards

.PHONY: test-airflow
test-airflow: $(VENV)/jars.stamp ## The DAGs, and a real Airflow from start to stop (ARGS="-m 'not server'": DAGs only)
	@$(TEST_AIRFLOW) $(ARGS)

.PHONY: test-dashboards
test-dashboards: $(VENV)/jars.stamp $(SUPERSET_VENV)/packages.stamp sample-data ## Every dashboard in a real Superset and browser, on this lake's marts
	@$(BIN)/lakehouse run
	@$(BIN)/lakehouse database up
	@$(BIN)/lakehouse publish
	@$(BIN)/pytest -p no:randomly -m dashboards spark/tests/serving $(ARGS)

.PHONY: pre-commit-install
pre-commit-install: $(VENV)/lakehouse.stamp ## Check every commit with the commands CI uses
	@$(BIN)/pre-commit install

.PHONY: pre-commit-run
pre-commit-run: $(VENV)/lakehouse.stamp ## The commit checks, now and on all files
	@$(BIN)/pre-commit run --all-files

.PHONY: pre-commit-update
pre-commit-update: $(VENV)/lakehouse.stamp ## Newest versions of the commit checks (ours come with `make lock`)
	@$(BIN)/pre-commit autoupdate

##@ Clean up
.PHONY: clean
clean: ## Remove tables, reports and caches; landing files and .venv stay
	@case '$(ROOT)' in *://*) echo "$(ROOT) is not on this machine: its tables stay";; \
		*) for made in bronze silver gold ops quarantine docs data_docs report.html; do \
			rm -rf '$(ROOT)'/$$made; done;; esac
	@rm -rf .cache .hypothesis .ruff_cache spark-warehouse metastore_db derby.log
	@find spark scripts notebooks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

.PHONY: clean-all
clean-all: clean ## The same and the environments
	@rm -rf $(VENV) $(SUPERSET_VENV) $(BENCHMARK_VENV)
