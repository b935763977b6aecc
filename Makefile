# The two that matter: `make demo` shows Turnout at work, `make test` runs every check.
# Both set up .venv by themselves, and a second run installs and downloads nothing.

PYTHON ?=
export PYTHON
VENV := .venv/bin

.PHONY: help demo test lint types unit peers model torch bench bench-gpu soak clean

help:
	@echo "make demo    set up, fetch the default model and show the main job on a sample project"
	@echo "make test    lint, types and all tests, in real editors and with the real model"
	@echo "make lint    ruff: rules and format"
	@echo "make types   mypy --strict, tests and all"
	@echo "make unit    the tests that need neither a model nor an editor"
	@echo "make peers   against the LiteLLM proxy and the providers' own packages, installed into .cache"
	@echo "make bench   figures: start-up, keystroke, memory, each beside a bare pygls server"
	@echo "make bench-gpu  the GPU engine on an NVIDIA GPU: is it right, and how fast"
	@echo "make soak    half an hour of six editors typing while models are killed under them"
	@echo "make clean   remove .venv and caches of this checkout (downloaded models stay)"

demo:
	@tools/setup_venv.sh local
	@$(VENV)/turnout demo

# The editors that the tests drive are installed meanwhile; tests wait for those that are not there yet.
test:
	@tools/setup_venv.sh local,dev
	@PYTHONPATH=tests $(VENV)/python -m clients.install & \
	  $(MAKE) --no-print-directory lint types model torch && $(VENV)/pytest; \
	  outcome=$$?; wait; exit $$outcome

lint:
	@tools/setup_venv.sh local,dev
	@$(VENV)/ruff check
	@$(VENV)/ruff format --check

types:
	@tools/setup_venv.sh local,dev
	@$(VENV)/mypy

model:
	@tools/setup_venv.sh local,dev
	@$(VENV)/turnout models pull qwen2.5-coder-0.5b

torch:
	@tools/setup_venv.sh local,dev
	@tools/setup_torch.sh

unit:
	@tools/setup_venv.sh local,dev
	@$(VENV)/pytest -m "not real_model and not editor and not gpu"

peers:
	@tools/setup_venv.sh local,dev
	@tools/setup_peers.sh
	@TURNOUT_TEST_LITELLM="$(CURDIR)/.cache/peers/bin/litellm" TURNOUT_TEST_SDKS="$(CURDIR)/.cache/peers/bin/python" \
	  $(VENV)/pytest tests/remote/test_litellm.py tests/remote/test_sdks.py

bench: model
	@PYTHONPATH=tests $(VENV)/python -m bench

soak:
	@tools/setup_venv.sh local,dev
	@PYTHONPATH=tests $(VENV)/python -m bench.soak

bench-gpu:
	@tools/setup_venv.sh local,dev,gpu
	@$(VENV)/python -m pip install --quiet --no-deps gguf
	@PYTHONPATH=tests $(VENV)/python -m bench.gpu --write docs/measurements/gpu.md

clean:
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis artifacts
