# The commands of the project. Needs Python >= 3.11 (PYTHON=...), make and a package registry; everything goes into .venv.
PYTHON ?= python3
# One more than two cores: some test always waits, for a disk, a server or a clock.
WORKERS ?= 3

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# A virtual environment knows its own path: the stamps carry it, so that a checkout that was moved builds a new one.
HERE := $(shell pwd | cksum | cut -d' ' -f1)
VENV := .venv/.created-$(HERE)
DEMO := .venv/.demo-$(HERE)
DEV := .venv/.dev-$(HERE)
BENCH := .venv/.bench-$(HERE)
SITE := .venv/.site-$(HERE)
EDITABLE := $(PIP) --no-deps --no-build-isolation --editable .

.PHONY: help demo install test lint types layers unit bench soak soak-release fix docs site lock clean
.DELETE_ON_ERROR:

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

demo: $(DEMO) ## the main job on real input, on an embedded SQLite
	$(BIN)/orderfsm demo

install: $(DEV) ## everything that developing takes, in .venv

test: lint types layers unit ## every check and every test

lint: $(DEV)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

types: $(DEV)
	$(BIN)/python -m mypy
	for example in shop rides importer; do $(BIN)/python -m mypy --exclude migrations examples/$$example || exit 1; done

layers: $(DEV)
	$(BIN)/lint-imports

unit: $(DEV)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

bench: $(BENCH) ## the figures, beside those of the peers: Markdown and JSON in benchmarks/results
	$(BIN)/python -m benchmarks

soak: $(DEV) ## every property test and every fault, for long
	ORDERFSM_SOAK=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --timeout 7200

soak-release: $(DEV) ## the faults alone, for hours: what a release has to survive
	ORDERFSM_SOAK=release $(BIN)/python -m pytest tests/faults --timeout 14400

fix: $(DEV) ## what ruff can mend by itself
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

docs: $(DEV) ## write the generated pages anew: charts, command line, errors, pictures
	$(BIN)/python -m orderfsm.docs

site: $(SITE) ## the documentation as a site, in site/; a broken link fails
	$(BIN)/zensical build --clean --strict
	$(BIN)/python -m tests.built_site

lock: ## pin requirements/*.txt anew (needs uv)
	for set in dev demo bench docs; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    $$([ $$set = dev ] || echo --constraints requirements/dev.txt) \
	    requirements/$$set.in --output-file requirements/$$set.txt || exit 1; \
	done

clean: ## remove what the commands above have made
	rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist site .cache

$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "orderfsm needs Python 3.11 or later; name one: make PYTHON=python3.13"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	@touch $@

$(DEMO): $(VENV) requirements/demo.txt pyproject.toml
	$(PIP) --require-hashes --requirement requirements/demo.txt
	$(EDITABLE)
	@touch $@

$(DEV): $(VENV) requirements/dev.txt pyproject.toml
	$(PIP) --require-hashes --requirement requirements/dev.txt
	$(EDITABLE)
	@touch $(DEMO) $@

$(BENCH): $(DEV) requirements/bench.txt
	$(PIP) --require-hashes --requirement requirements/bench.txt
	@touch $@

$(SITE): $(DEV) requirements/docs.txt
	$(PIP) --require-hashes --requirement requirements/docs.txt
	@touch $@
