#!/bin/sh
# Adds to .venv what the tests of the GPU engine need on a CPU: torch, and exllamav2's Python side.
# Only a CPU build of torch will do, as any other brings gigabytes of CUDA. Where the package index has none those
# tests are skipped, except in CI, where that is a failure.
set -eu
cd "$(dirname "$0")/.."
torch=2.13.0
[ "$(uname -s)" = Linux ] && torch=$torch+cpu

has() { .venv/bin/python -c 'import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))' "$@"; }
install() { .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"; }

has torch exllamav2 tokenizers PIL gguf && exit 0
echo "Installing torch for CPUs and exllamav2 into .venv ..."
# exllamav2 asks for more than inference needs (pandas and fastparquet are for conversions), so its needs are named here.
if has torch || install "torch==$torch"; then
  install tokenizers safetensors numpy pillow rich pyyaml
  install --no-deps gguf exllamav2==0.3.2
  exit 0
fi
echo "No CPU build of torch $torch can be had here: the tests of the GPU engine are skipped." >&2
[ -z "${CI:-}" ]
