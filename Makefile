# Each target builds .venv on first use; it needs git, make and Python 3.11 or newer.
PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test check perf perf-readme

demo: $(INSTALLED)
	@$(BIN)/python examples/demo.py

test: $(INSTALLED)
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

perf: $(INSTALLED)
	@$(BIN)/python -m perf $(or $(ARGS),all)

perf-readme: $(INSTALLED)
	@$(BIN)/python -m perf readme --write

# The stamp is written last. Where it is missing, an install was interrupted: start from an empty environment.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "tkeras needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@test -e $@ || $(PYTHON) -m venv --clear .venv
	@rm -f $@
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@
