# Everything runs from .venv, which these targets make and keep current.
PYTHON ?= python3
# The pinned torch. With an NVIDIA card, name the CUDA build instead (README, "With a GPU").
TORCH ?= torch==2.13.0
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
.DEFAULT_GOAL := help
REQUEST ?= Describe what is in examples/scene.png and count the objects in it.

.PHONY: help run test check-all studio examples demo measure bench docs clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 12

run: .venv/installed ## plan, choose, run and answer the demo request
	@HUGGINGGRAPH_OFFLINE=1 $(BIN)/hugginggraph run "$(REQUEST)"

examples: .venv/installed ## the README's other examples
	@HUGGINGGRAPH_OFFLINE=1 $(BIN)/hugginggraph run "Which of these is about sport: 'The home team won in the last minute', 'Parliament passed the budget', 'She ran her first marathon'?"
	@echo
	@HUGGINGGRAPH_OFFLINE=1 $(BIN)/hugginggraph run "Summarize examples/article.txt and tell me whether it is about science, business or sport."

demo: .venv/installed ## the original's demo requests, with pictures of every result in docs/demo.md
	@$(BIN)/hugginggraph starter demo docs

test: .venv/dev ## lint, types and the tests, two files at once: ten minutes on two quick cores
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -m "not slow" -n 2 --dist loadfile

check-all: test .venv/ray ## everything, with the slow tests
	$(BIN)/python -m pytest -q -m slow

measure: .venv/installed ## measure the starter checkpoints on freshly drawn pictures
	$(BIN)/python -m hugginggraph.starter.measure

bench: .venv/installed ## measure what running costs, beside its targets
	@$(BIN)/python -m hugginggraph.evals.bench

docs: .venv/installed ## write the pages that are made from the code
	@$(BIN)/python -m hugginggraph.serve.docs docs

studio: .venv/studio ## LangGraph Studio's server, without a key and without calling out
	LANGGRAPH_CLI_NO_ANALYTICS=1 LANGGRAPH_NO_VERSION_CHECK=true LANGSMITH_TRACING=false \
	  $(BIN)/langgraph dev --no-browser

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "HuggingGraph needs Python 3.11 or newer; try: make PYTHON=python3.11"; exit 1; }
	@echo "Installing into .venv; this takes a few minutes the first time."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet -c constraints.txt $(TORCH)
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	@touch $@

.venv/dev: .venv/installed
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	@touch $@

.venv/ray: .venv/installed
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[ray,studio]"
	@touch $@

.venv/studio: .venv/installed
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[studio]"
	@touch $@

clean: ## remove the environment and caches (artifacts and registry stay)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build *.egg-info
