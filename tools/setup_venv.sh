#!/bin/sh
# Makes .venv with Turnout and the extras named; does nothing when they are there already.
# usage: setup_venv.sh EXTRAS      for example: setup_venv.sh local,dev
set -eu
cd "$(dirname "$0")/.."
extras=$1
# A stamp for each set of extras holds the dependencies that it was installed from.
wanted=$(cksum <pyproject.toml)

has_all() {
  for extra in $(echo "$extras" | tr ',' ' '); do
    case ",$1," in *",$extra,"*) ;; *) return 1 ;; esac
  done
}

if [ -x .venv/bin/turnout ]; then
  for stamp in .venv/.installed-*; do
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && has_all "${stamp#.venv/.installed-}" && exit 0
  done
fi

for python in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python; do
  [ -n "$python" ] && command -v "$python" >/dev/null 2>&1 || continue
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && found=$python && break
done
if [ -z "${found:-}" ]; then
  echo "Turnout needs Python 3.11 or newer and found none." >&2
  echo "Install it, or say where it is: make PYTHON=/path/to/python3.11" >&2
  exit 1
fi
if ! "$found" -c 'import ensurepip' 2>/dev/null; then
  # Debian splits venv from Python.
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
  else
    echo "This Python has no venv module; run: sudo apt-get install python3-venv" >&2
    exit 1
  fi
fi
[ -x .venv/bin/python ] || "$found" -m venv .venv
echo "Installing Turnout with [$extras] into .venv ..."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$extras]"
rm -f .venv/.installed-*
printf '%s' "$wanted" >".venv/.installed-$extras"
