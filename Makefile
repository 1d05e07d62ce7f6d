# Everything sets itself up in .venv. A fresh machine needs make and Python 3.11 or newer, nothing else.

PYTHON ?= python3
BIN := .venv/bin
TORCH := 2.13.0
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

export OMP_WAIT_POLICY = passive
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: demo test check docs format lint types imports house clean distclean
.DEFAULT_GOAL := demo

demo: .venv/.core
	$(BIN)/zerosum train auto digits --rounds 2000 --evaluate
	@echo "The report: $$(ls -td runs/*/ | head -n 1)report.html"

test: .venv/.dev
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2

check: format lint types imports house docs

format: .venv/.dev
	$(BIN)/ruff format --check

lint: .venv/.dev
	$(BIN)/ruff check

types: .venv/.dev
	$(BIN)/basedpyright

imports: .venv/.dev
	$(BIN)/lint-imports --no-logo

house: .venv/.dev
	$(BIN)/python -m tools.house
	$(BIN)/python -m tools.zoo --check
	$(BIN)/python -m tools.claims --check
	$(BIN)/python -m tools.bench --check
	$(BIN)/python -m tools.doctor --check
	$(BIN)/python -m tools.reliability --check
	$(BIN)/python -m tools.anomaly --check

docs: .venv/.dev
	$(ONE_THREAD) $(BIN)/sphinx-build -W --keep-going -q docs docs/_build/html
	@echo "The docs: docs/_build/html/index.html"

clean:
	rm -rf docs/_build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests tools docs -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv

# Torch goes first and by an exact version: a looser requirement may choose a build many times the size.
.venv/.torch-$(TORCH):
	@command -v $(PYTHON) > /dev/null || { echo "zerosum needs Python 3.11 or newer, and there is no $(PYTHON) here"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("zerosum needs Python 3.11 or newer; $(PYTHON) is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12")'
	@echo "Making .venv and installing PyTorch $(TORCH) there (once; minutes)"
	@$(PYTHON) -m venv .venv
	@$(PIP) torch==$(TORCH)
	@touch $@

.venv/.core: .venv/.torch-$(TORCH) pyproject.toml
	@echo "Installing zerosum and what it needs"
	@$(PIP) --editable .
	@touch $@

.venv/.dev: .venv/.torch-$(TORCH) pyproject.toml
	@echo "Installing zerosum and what its tests and checks need"
	@$(PIP) --editable '.[dev,docs]'
	@touch .venv/.core $@
