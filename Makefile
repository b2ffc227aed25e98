# One word each; the README says when to use which.
PYTHON ?= $(shell for p in python3 python3.12 python3.11 /usr/bin/python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && echo $$p && break; done)
ARGS ?=

.PHONY: help install demo test lint app image bench
.DEFAULT_GOAL := help

help:            ## say what each word does
	@sed -n 's/^\([a-z]*\): *[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

install: .venv/installed  ## make the environment .venv with the command tunedeck in it

.venv/installed: pyproject.toml desktop/core/dataset/lines.c desktop/core/steps.c desktop/core/long_curves.c
	@test -n "$(PYTHON)" || { echo "Tunedeck needs Python 3.11 or 3.12: sudo apt install python3 python3-venv."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "Python cannot make environments here: sudo apt install python3-venv."; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@# Qt's core needs GLib, which the smallest of systems lack; root may have it installed on the way.
	@.venv/bin/python -c 'import PySide6.QtCore' 2>/dev/null || test "$$(id -u)" != 0 || \
	  { apt-get update -qq && apt-get install -y -qq libglib2.0-0; } >/dev/null 2>&1 || true
	@.venv/bin/python -c 'import PySide6.QtCore' || { echo "Qt lacks a library: sudo apt install libglib2.0-0."; exit 1; }
	@touch $@

demo: install    ## run the built-in example (ARGS=--headless for the terminal)
	.venv/bin/tunedeck demo $(ARGS)

# In CI, whose cores are taken away at times, what fails is asked once more, and named in the summary.
AGAIN = $(if $(CI),--reruns 1 -r fER)
# Pytest's 5 says that nothing was chosen, which is no failure where words choose.
NONE = $(if $(ARGS),|| test $$? = 5)

test: lint       ## run every check and every test (ARGS='-k word' for some of them)
	.venv/bin/python -m pytest tests/desktop tests/trainer_image -n logical --dist worksteal --durations 10 $(AGAIN) $(ARGS) $(NONE)
	@# One after the other: real runs want the whole machine.
	.venv/bin/python -m pytest tests/story --durations 30 $(AGAIN) $(ARGS) $(NONE)

lint: install    ## check style, types and import rules
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

app: install     ## open the window
	.venv/bin/tunedeck

image: install   ## build the trainer image
	.venv/bin/tunedeck image build

bench: install   ## measure: start-up, and what our reporting costs
	.venv/bin/python -m tests.benchmarks.start_up $(ARGS)
