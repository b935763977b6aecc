#!/bin/sh
# Installs what Turnout is tried against but never depends on into .cache/peers: the LiteLLM proxy, which brings OpenAI's
# package, and Anthropic's package. That is 740 MB and takes a minute or two; a second run does nothing.
set -eu
cd "$(dirname "$0")/.."
litellm=1.106.2
anthropic=2.12.0
stamp=".cache/peers/installed-$litellm-$anthropic"

[ -f "$stamp" ] && exit 0
echo "Installing the LiteLLM proxy $litellm and Anthropic's package into .cache/peers ..."
[ -x .cache/peers/bin/python ] || .venv/bin/python -m venv .cache/peers
.cache/peers/bin/python -m pip install --quiet --disable-pip-version-check "litellm[proxy]==$litellm" "anthropic==$anthropic"
touch "$stamp"
