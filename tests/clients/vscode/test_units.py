"""The logic of the extension that needs no editor, by node's own test runner."""

import subprocess
from pathlib import Path

import pytest

from clients.install import vscode
from clients.vscode.conftest import EXTENSION, run

UNITS = Path(__file__).with_name("unit")

pytestmark = pytest.mark.editor


def test_units(install: vscode.Install, dependencies: None, tmp_path: Path) -> None:
    """Every test of `unit/` passes."""
    tests = sorted(UNITS.glob("*.test.ts"))
    esbuild = str(EXTENSION / "node_modules/esbuild/bin/esbuild")
    bundle = ["--bundle", "--platform=node", "--external:vscode", "--log-level=warning"]
    run([str(install.node), esbuild, *map(str, tests), *bundle, f"--outdir={tmp_path}"], install)
    built = sorted(map(str, tmp_path.glob("*.js")))
    assert len(built) == len(tests) > 0
    done = subprocess.run([install.node, "--test", *built], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
