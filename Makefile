# Each target is a line over the `lakehouse` command. What it needs is set up first, once.
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

# Engine: spark, or duckdb, which needs neither Java nor jars.
CHOSEN_ENGINE := $(or $(LAKEHOUSE_ENGINE),$(call dotenv,LAKEHOUSE_ENGINE))
ENGINE ?= $(or $(CHOSEN_ENGINE),spark)
# Batches of seconds are what DuckDB is for; whoever chose an engine has it.
LIVE_ENGINE = $(if $(filter file,$(origin ENGINE)),$(or $(CHOSEN_ENGINE),duckdb),$(ENGINE))
export LAKEHOUSE_ENGINE := $(ENGINE)
READY = $(VENV)/$(if $(filter duckdb,$(ENGINE)),lakehouse,jars).stamp

# Superset needs other versions of shared packages: it has an environment of its own.
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
E2E := e2e or crash or concurrency or notebook or serving or kafka
# What is asked of Spark after DuckDB answered: laws and definitions, crashes, writers side by side.
SPARK_TOO := spark_too or jvm or crash or concurrency or notebook
# Extra arguments of the command behind a target: `make generate-data ARGS="--users 100"`.
ARGS ?=

##@ Set up
.PHONY: help
help: ## List the targets
	@awk -v on="$$(test -t 1 && printf '\033[36m')" -v off="$$(test -t 1 && printf '\033[0m')" 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %s%-20s%s %s\n", on, $$1, off, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## Install everything now; otherwise each target installs what it needs

.PHONY: lock
lock: $(VENV)/uv.stamp ## Resolve the newest versions and pin them in the lock files
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
		echo "==> no landing files in $(RAW): generating sample data (a few seconds, once)"; \
		$(BIN)/python scripts/generate_synthetic_data.py --out '$(RAW)' --end yesterday; \
	fi

##@ Run the lakehouse
.PHONY: generate-data
generate-data: $(VENV)/lakehouse.stamp ## Generate synthetic landing files up to yesterday (ARGS="--users 1000 --days 90 …")
	@$(BIN)/python scripts/generate_synthetic_data.py --out '$(RAW)' \
		$(if $(filter --start% --end%,$(ARGS)),,--end yesterday) $(ARGS)

.PHONY: pipeline
pipeline: $(READY) sample-data ## Run all tables and write the report (ENGINE=duckdb: without Java)
	@$(BIN)/lakehouse run $(ARGS) && $(BIN)/lakehouse report

.PHONY: ingest-bronze
ingest-bronze: $(READY) sample-data ## Run the bronze tables
	@$(BIN)/lakehouse run bronze $(ARGS)

.PHONY: ingest-silver
ingest-silver: $(READY) ## Run the silver tables on the published bronze tables
	@$(BIN)/lakehouse run silver $(ARGS)

.PHONY: ingest-gold
ingest-gold: $(READY) ## Run the gold tables on the published silver tables
	@$(BIN)/lakehouse run gold $(ARGS)

##@ Airflow
.PHONY: airflow
airflow: $(READY) sample-data ## Start Airflow and the shared engine; prints URL and login
	@$(BIN)/python scripts/airflow_local.py up

.PHONY: airflow-stop
airflow-stop: $(VENV)/lakehouse.stamp ## Stop both
	@$(BIN)/python scripts/airflow_local.py down

.PHONY: airflow-init
airflow-init: $(VENV)/lakehouse.stamp ## Create or migrate Airflow's metadata database
	@$(BIN)/python scripts/airflow_local.py init

.PHONY: docker-up
docker-up: ## Start the same in containers, with Postgres; needs Docker Compose
	@docker compose version >/dev/null 2>&1 || { echo "Docker Compose is not installed; 'make airflow' does not need it" >&2; exit 1; }
	@$(PYTHON) scripts/docker_secrets.py
	@docker compose --file docker/compose.yaml up --build --detach --wait

.PHONY: docker-down
docker-down: ## Stop the containers and keep their data (ARGS=--volumes deletes it)
	@docker compose --file docker/compose.yaml down $(ARGS)

##@ Live
.PHONY: kafka
kafka: $(VENV)/lakehouse.stamp ## Start a Kafka of the lake's own, with the topics of the web domain
	@$(BIN)/lakehouse kafka up
	@$(BIN)/lakehouse kafka create topic_web_events --partitions 3
	@$(BIN)/lakehouse kafka create topic_web_events.dlq --partitions 1

.PHONY: live
live: $(VENV)/lakehouse.stamp ## Let synthetic visitors come and watch them (RATE=200 events a second)
	@LAKEHOUSE_ENGINE=$(LIVE_ENGINE) $(BIN)/lakehouse live --rate $(or $(RATE),200) $(ARGS)

.PHONY: kafka-stop
kafka-stop: $(VENV)/lakehouse.stamp ## Stop it; its data stays
	@$(BIN)/lakehouse kafka down

##@ Explore
.PHONY: api
api: $(VENV)/lakehouse.stamp ## Answer over HTTP from the marts; prints URL, description and how to make a key
	@case '$(ROOT)' in *://*) ;; *) test -d '$(ROOT)/ops/published' || { \
		$(MAKE) sample-data && LAKEHOUSE_ENGINE=$(LIVE_ENGINE) $(BIN)/lakehouse run; };; esac
	@$(BIN)/lakehouse api serve $(ARGS)

.PHONY: dashboards
dashboards: $(VENV)/lakehouse.stamp $(SUPERSET_VENV)/packages.stamp ## Publish the marts and start Superset; prints URL and login
	@$(BIN)/lakehouse database up
	@$(BIN)/lakehouse publish
	@$(BIN)/python scripts/superset_local.py up

.PHONY: dashboards-stop
dashboards-stop: $(VENV)/lakehouse.stamp ## Stop Superset and its database
	@$(BIN)/python scripts/superset_local.py down
	@$(BIN)/lakehouse database down

.PHONY: notebook
notebook: $(READY) ## Open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir notebooks $(ARGS)

.PHONY: docs
docs: $(VENV)/lakehouse.stamp ## Write the catalogue of tables, columns, checks and lineage
	@$(BIN)/lakehouse docs $(ARGS)

.PHONY: data-docs
data-docs: $(READY) ## Write the Great Expectations pages of the latest gates
	@$(BIN)/lakehouse data-docs $(ARGS)

# With SCALE (100k, 1m, 10m, 30m) other peers do the same work; PEERS=ours-spark,ours-duckdb,duckdb,
# ONLY=W3,W4 and ROUNDS select.
.PHONY: benchmark
benchmark: $(VENV)/jars.stamp $(if $(SCALE),$(BENCHMARK_VENV)/packages.stamp) ## Measure the sample on both engines (SCALE=1m: against DuckDB, Polars and textbook Spark)
	@$(BIN)/python -m benchmarks$(if $(SCALE), --scale $(SCALE) $(PEERS:%=--peers %) $(ONLY:%=--only %) $(ROUNDS:%=--rounds %),.sample) $(ARGS)

.PHONY: benchmark-history
benchmark-history: $(VENV)/jars.stamp ## Measure one more day on growing histories (ARGS="--sizes 1m,30m --engine duckdb")
	@$(BIN)/python -m benchmarks.history $(ARGS)

.PHONY: benchmark-web
benchmark-web: $(VENV)/jars.stamp ## Measure the web domain on both engines (ARGS="--events 10m --engine duckdb")
	@$(BIN)/python -m benchmarks.web $(ARGS)

.PHONY: benchmark-live
benchmark-live: $(VENV)/jars.stamp ## Measure events from Kafka to live marts (ARGS="--engine duckdb --rate 5000 --minutes 10")
	@$(BIN)/python -m benchmarks.live $(ARGS)

.PHONY: benchmark-api
benchmark-api: $(VENV)/lakehouse.stamp ## Measure the API under load; needs wrk (ARGS="--rate 200 --seconds 15")
	@$(BIN)/python -m benchmarks.api $(ARGS)

.PHONY: benchmark-detection
benchmark-detection: $(VENV)/lakehouse.stamp ## Measure recall and false alarms of the anomaly detectors (ARGS="--seeds 1,2,3")
	@$(BIN)/python -m benchmarks.detection $(ARGS)

##@ Develop
.PHONY: format
format: $(VENV)/packages.stamp ## Fix and format the code with ruff
	@$(BIN)/ruff check --fix --quiet --exit-zero && $(BIN)/ruff format

.PHONY: lint
lint: $(VENV)/lakehouse.stamp ## Check style, formatting and import contracts
	@$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/lint-imports --cache-dir .cache/import-linter

.PHONY: check-dashboards
check-dashboards: $(VENV)/lakehouse.stamp ## Check that every chart can be drawn from the served tables
	@$(BIN)/lakehouse dashboards check

.PHONY: assert-typing
assert-typing: $(VENV)/lakehouse.stamp ## Check types (mypy, strict)
	@$(BIN)/mypy

.PHONY: test
test: $(VENV)/lakehouse.stamp ## Run unit, table and law tests on DuckDB; needs no Java
	@$(ON_DUCKDB) $(PYTEST) -m 'not slow and not jvm and not dashboards and not ($(E2E))' $(ARGS)

.PHONY: test-laws
test-laws: $(VENV)/jars.stamp ## Run the law and definition tests on Spark, and Spark's own tests
	@$(ON_SPARK) $(PYTEST) -m '(spark_too or jvm) and not slow and not ($(E2E))' $(ARGS)

.PHONY: test-e2e
test-e2e: $(VENV)/jars.stamp ## Run the end-to-end tests: commands, bad input, crashes, concurrency, publishing, notebooks
	@$(ON_DUCKDB) $(PYTEST) -m '($(E2E)) and not slow and not jvm and not dashboards' $(ARGS)
	@$(ON_SPARK) $(PYTEST) -m '((crash or concurrency) and spark or (jvm or spark_too) and ($(E2E))) and not slow' $(ARGS)

.PHONY: test-slow
test-slow: $(VENV)/jars.stamp ## Run the slow tests (TEST_DEPTH=sample: fewer rounds, as in CI)
	@$(ON_SPARK) $(PYTEST) -m 'slow and not dashboards' $(ARGS)

.PHONY: test-all
test-all: $(VENV)/jars.stamp ## Run every test at full depth, and what computes on Spark, too
	@TEST_DEPTH=full $(ON_DUCKDB) $(PYTEST) -m 'not jvm and not dashboards' $(ARGS)
	@TEST_DEPTH=full $(ON_SPARK) $(PYTEST) -m '($(SPARK_TOO) or slow) and not dashboards' $(ARGS)
	@TEST_DEPTH=full $(TEST_AIRFLOW)
	@$(MAKE) test-dashboards
	@$(MAKE) coverage

.PHONY: coverage
coverage: $(VENV)/jars.stamp ## Run the tests of `make test` and `make test-e2e`, and insist on 90 % of lines
	@rm -rf .cache/coverage
	@TEST_DEPTH=sample $(ON_DUCKDB) $(PYTEST) -m 'not slow and not jvm and not dashboards' \
		--cov --cov-report= --cov-fail-under=0 $(ARGS)
	@TEST_DEPTH=sample $(ON_SPARK) $(PYTEST) -m '(spark_too or jvm) and not slow' \
		--cov --cov-append --cov-report= --cov-fail-under=0 $(ARGS)
	@$(BIN)/coverage report --format=total

.PHONY: test-airflow
test-airflow: $(VENV)/jars.stamp ## Run the Airflow tests, with a real Airflow (ARGS="-m 'not server'": DAGs only)
	@$(TEST_AIRFLOW) $(ARGS)

.PHONY: test-dashboards
test-dashboards: $(READY) $(SUPERSET_VENV)/packages.stamp sample-data ## Test every dashboard in a real Superset and browser
	@$(BIN)/lakehouse run
	@$(BIN)/lakehouse database up
	@$(BIN)/lakehouse publish
	@$(BIN)/pytest -p no:randomly -m dashboards spark/tests/serving $(ARGS)

.PHONY: pre-commit-install
pre-commit-install: $(VENV)/lakehouse.stamp ## Check each commit with the commands that CI uses
	@$(BIN)/pre-commit install

.PHONY: pre-commit-run
pre-commit-run: $(VENV)/lakehouse.stamp ## Run the commit checks on all files
	@$(BIN)/pre-commit run --all-files

.PHONY: pre-commit-update
pre-commit-update: $(VENV)/lakehouse.stamp ## Update the third-party commit checks (ours: `make lock`)
	@$(BIN)/pre-commit autoupdate

##@ Clean up
.PHONY: clean
clean: ## Delete tables, reports and caches; keep landing files and .venv
	@case '$(ROOT)' in *://*) echo "$(ROOT) is not on this machine; its tables were not deleted";; \
		*) for made in bronze silver gold ops quarantine docs data_docs report.html; do \
			rm -rf '$(ROOT)'/$$made; done;; esac
	@rm -rf .cache .hypothesis .ruff_cache spark-warehouse metastore_db derby.log
	@find spark scripts notebooks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

.PHONY: clean-all
clean-all: clean ## Delete the environments, too
	@rm -rf $(VENV) $(SUPERSET_VENV) $(BENCHMARK_VENV)
