# Each target sets up what it needs. PYTHON and VENV may be given: make test PYTHON=python3.12
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
OUTPUT ?= demo_output
ARGS ?=
WORKERS ?= 2
BENCH ?= $(sort $(shell grep -l '^if __name__ == ' benchmarks/*.py 2>/dev/null))

# On Linux, pytest-xvfb gives Qt an X display of its own, whatever the desktop is.
TEST_PLATFORM := $(if $(filter Linux,$(shell uname -s)),QT_QPA_PLATFORM=xcb)

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench clean install system-libraries

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install system-libraries ## the pixel classifier on a real image; results go to demo_output/
	$(BIN)/segmotif demo --output $(OUTPUT) $(ARGS)

test: install system-libraries ## every test, under a virtual display (ARGS="-k name" for some, WORKERS=0 in one process)
	$(TEST_PLATFORM) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

lint: install ## style, types, who may import whom, module sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_module_sizes.py

format: install ## let ruff put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install ## measure against other tools (BENCH=benchmarks/pixel.py ARGS=--quick for one)
	@set -e; for script in $(BENCH); do echo "== $$script"; $(BIN)/python $$script $(ARGS); done

clean: ## remove the environment, caches and results
	rm -rf $(VENV) build dist $(OUTPUT) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf src/napari_segmotif/napari.yaml src/napari_segmotif/sample_data
	find src tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

install: $(INSTALLED)

# An editable install links the manifest into src/; where the link is gone (git clean), it is made again.
RELINK := $(if $(wildcard src/napari_segmotif/napari.yaml),,relink)
.PHONY: relink
relink:

$(INSTALLED): pyproject.toml constraints.txt hatch_build.py scripts/create_environment.sh $(RELINK)
	@sh scripts/create_environment.sh $(PYTHON) $(VENV)
	@touch $@

system-libraries:
	@sh scripts/install_system_libraries.sh
