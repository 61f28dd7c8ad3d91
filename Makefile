# Three variables, all optional:
#   ARGS="..."   arguments for the app (make run), for pytest (make test, make soak) or for the
#                benchmark (make bench); the folder for screenshots (make test-web) or for pictures
#                (make pictures)
#   PART=name    the part of the soak to run, a folder of tests/soak
#   EXTRA=cuda12 the MLX back end or other extras to install, separated by commas

.DEFAULT_GOAL := help
.PHONY: help run test test-web soak bench pictures lint clean setup setup-dev

SETUP = scripts/setup.sh $(if $(EXTRA),--extra '$(EXTRA)')

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

run: setup ## install what is missing and open the app: make run ARGS="--preset mlx-wide"
	@exec .venv/bin/mnist-tui $(ARGS)

# Three at a time on two cores, since some wait for a terminal or a process.
test: setup-dev ## run every test, repeated ones in their short form
ifeq ($(strip $(ARGS)),)
	.venv/bin/python -m pytest -n 3 --dist worksteal
else
	.venv/bin/python -m pytest $(ARGS)
endif

test-web: setup-dev ## walk through the page of `mnist-tui serve` in headless Chromium, if it is there
	PYTHONPATH=tests .venv/bin/python -m helpers.walk_in_chromium $(ARGS)

soak: setup-dev ## run every test, repeated ones in full: hours; PART=faults runs one part of tests/soak
	.venv/bin/python -m pytest --soak --timeout 3600 $(if $(PART),tests/soak/$(PART)) $(ARGS)

REAL_MNIST = ../shared/mnist
BENCH_DATA = $(if $(wildcard $(REAL_MNIST)/train-images-idx3-ubyte.gz),$(REAL_MNIST),synthetic)
BENCH = .venv/bin/mnist-tui bench --data $(BENCH_DATA)

bench: setup ## compare training with other engines, and measure what watching it costs
	@$(BENCH) --preset mlx-docs,mlx-wide,torch-sigmoid --rounds 7 --stock-batches 100 $(ARGS)
	@$(BENCH) --task monitor $(ARGS)

pictures: setup ## draw the pictures in docs with the app itself, from real runs
	@.venv/bin/python scripts/pictures.py --data $(BENCH_DATA) $(ARGS)

lint: setup-dev ## check style, types and the direction of imports
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

clean: ## remove .venv and everything else that was generated
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist
	rm -f snapshot_report.html
	find core tui tests -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	@$(SETUP)

setup-dev:
	@$(SETUP) --dev
