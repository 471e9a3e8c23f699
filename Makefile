PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/installed-demo ## install into .venv, then run the whole line on the demo shop
	$(BIN)/gnn-search demo

test: $(VENV)/installed-dev ## install into .venv, then lint, types and tests
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/pytest -q

docs: $(VENV)/installed-dev ## write docs/commands.md anew from the help texts
	$(BIN)/python -m docs.commands

clean: ## remove the environment and what the tools left behind
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
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
