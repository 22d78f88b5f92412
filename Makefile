# Verbs only: every recipe is one line of the `repro` command. `make` prints this help.
PYTHON ?= python3
PRESET ?= demo
SEEDS ?=
ARGS ?=
ARTEFACTS := $(basename $(notdir $(wildcard notebooks/*.ipynb)))

BIN := .venv/bin
REPRO := $(BIN)/repro
PYTEST := $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
OPTIONS = --preset $(PRESET) $(if $(SEEDS),-p seeds=$(SEEDS)) $(ARGS)
READY := .venv/ready

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup reproduce record publish book serve lab doctor bench data lint test test-fast clean

help: ## show this help
	@awk -F ':.*## ' '/^[a-z%<>-]+:.*## / {printf "  make %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables: PRESET=$(PRESET) (demo, pocket, gpu, paper)  SEEDS=0,1,2  ARGS='-p epochs=2'"
	@echo "  Artefacts: $(ARTEFACTS)"

setup: $(READY) ## make .venv with everything pinned (other targets do this themselves)

$(READY): requirements.txt build-constraints.txt pyproject.toml src/repro/compat.py
	@echo "Setting up .venv: one to four minutes, once."
	@$(PYTHON) -m venv .venv
	@PIP_CONSTRAINT=$(CURDIR)/build-constraints.txt PIP_BUILD_CONSTRAINT=$(CURDIR)/build-constraints.txt \
		$(BIN)/pip install --quiet --quiet --no-binary scikit-learn-extra -r requirements.txt
	@$(BIN)/pip install --quiet --quiet --no-deps -e .
	@$(BIN)/python -m repro.compat
	@touch $@

reproduce: $(READY) ## every artefact at PRESET, then the site of your own pages
	@$(REPRO) execute $(ARTEFACTS) $(OPTIONS)
	@$(REPRO) book --preset $(PRESET)

reproduce-%: $(READY) ## one artefact at PRESET: train what is missing, make its page
	@$(REPRO) execute $* $(OPTIONS)
	@$(REPRO) book --preset $(PRESET)

refresh-%: $(READY) ## the same, carrying every run out again
	@$(REPRO) run $* --refresh $(OPTIONS)
	@$(REPRO) execute $* $(OPTIONS)

record: $(READY) ## copy your finished runs at PRESET into book/results
	@$(REPRO) record $(ARTEFACTS) $(OPTIONS)

record-%: $(READY) ## the same for one artefact
	@$(REPRO) record $* $(OPTIONS)

publish: $(READY) ## renew the committed pages from the records alone
	@$(REPRO) publish

book: $(READY) ## build the published book from what is committed
	@$(REPRO) book

serve: book ## show the published book on http://localhost:8000
	@$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory build/published/_build/html

lab: $(READY) ## open JupyterLab on the notebooks
	@$(BIN)/jupyter lab notebooks

data: $(READY) ## download CIFAR-10, CIFAR-100 and AG News for the presets above demo
	@$(REPRO) data fetch cifar10 cifar100 ag_news

doctor: $(READY) ## what this machine can run, and how to mend what it cannot
	@$(REPRO) doctor

bench: $(READY) ## measure the speed targets and write book/results/bench.json (forty minutes on a quiet machine)
	@$(REPRO) bench

lint: $(READY) ## ruff and mypy
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

test-fast: $(READY) lint ## the tests of the inner loop
	@$(PYTEST) -m "not slow"

test: $(READY) lint ## all tests: every notebook executed at demo, the book built
	@$(PYTEST)

clean: ## remove pages, sites and caches; runs (.repro) and .venv stay
	rm -rf build .pytest_cache .mypy_cache .ruff_cache
