#!/bin/sh
# Installs what Turnout is tried against but never depends on into .cache/peers: the LiteLLM proxy (740 MB, a minute or two).
# Does nothing when it is there already.
set -eu
cd "$(dirname "$0")/.."
litellm=1.106.2

[ -f ".cache/peers/litellm-$litellm" ] && exit 0
echo "Installing the LiteLLM proxy $litellm into .cache/peers ..."
[ -x .cache/peers/bin/python ] || .venv/bin/python -m venv .cache/peers
.cache/peers/bin/python -m pip install --quiet --disable-pip-version-check "litellm[proxy]==$litellm"
touch ".cache/peers/litellm-$litellm"
