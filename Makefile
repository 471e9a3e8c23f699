PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast coverage docs architecture clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/installed-demo ## install into .venv, then run the whole line on the demo shop
	$(BIN)/gnn-search demo

test: $(VENV)/installed-dev ## install into .venv, then lint, types and tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/pytest -q

test-fast: $(VENV)/installed-dev ## the tests that take neither long nor a browser or server, in under two minutes
	$(BIN)/pytest -q -m 'not (slow or browser or server)'

coverage: $(VENV)/installed-dev ## all tests, and which lines of the package they don't reach
	$(BIN)/pytest -q --cov --cov-report=term-missing

docs: $(VENV)/installed-dev ## write docs/commands.md and docs/architecture.* anew from the code
	$(BIN)/python -m docs.commands
	$(BIN)/python -m docs.architecture

architecture: $(VENV)/installed-dev ## check that docs/architecture.* show the code as it is
	$(BIN)/python -m docs.architecture --check

clean: ## remove the environment and what the tools left behind
	rm -rf $(VENV) .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find gnn_search tests -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written last, so an interrupted step is done again.
$(VENV)/created:
	$(PYTHON) -m venv --clear $(VENV)
	touch $@

$(VENV)/installed-demo: pyproject.toml constraints.txt | $(VENV)/created
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[demo]'
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/created
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[demo,dev]'
	touch $(VENV)/installed-demo $@
