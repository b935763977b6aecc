"""`python -m bench.vscode`: what Turnout costs in a real VS Code, beside what VS Code costs by itself in the same run.

Two editors, one after the other: one with nothing but an inline provider that answers at once, which is the floor of
any ghost text in VS Code, and one with Turnout and its fake engine.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.report import Row, percentile, table
from clients.install import vscode
from clients.vscode.conftest import (
    EXTENSION,
    build,
    write_launcher,
    write_machine_settings,
    write_user_settings,
)
from clients.vscode.editor import Driver, Editor, start_driver, wait_until

FLOOR_MANIFEST = {
    "name": "floor",
    "publisher": "turnout",
    "version": "1.0.0",
    "license": "Apache-2.0",
    "engines": {"vscode": "^1.100.0"},
    "main": "./main.js",
    "activationEvents": ["onStartupFinished"],
}
FLOOR_PROGRAM = """
const { InlineCompletionItem, Range, languages } = require("vscode");
exports.activate = () => languages.registerInlineCompletionItemProvider({ scheme: "file" }, {
  provideInlineCompletionItems: (_document, at) => [new InlineCompletionItem("_from_floor(42)", new Range(at, at))],
});
"""


@dataclass
class Figures:
    """What was measured in one editor."""

    key_to_ghost_ms: list[float] = field(default_factory=list)
    host_mb: list[float] = field(default_factory=list)
    """Resident memory of the extension host, one figure for each window."""
    activation_ms: list[float] = field(default_factory=list)
    loading_ms: list[float] = field(default_factory=list)
    """Processor time of loading and starting in the extension host, as the extension logs it."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.vscode", description=__doc__)
    parser.add_argument("--keys", type=int, default=40, help="keys in each window")
    parser.add_argument("--windows", type=int, default=3, help="windows of each editor")
    options = parser.parse_args()
    install = vscode.ensure()
    with TemporaryDirectory(prefix="turnout-") as root:
        floor_vsix, our_vsix = build_floor(install, Path(root)), build(install)
        floor = measured(install, floor_vsix, Path(root) / "floor", "floor", options)
        ours = measured(install, our_vsix, Path(root) / "ours", "turnout", options)
    print(table(rows(ours, floor)))
    return 0


def rows(ours: Figures, floor: Figures) -> list[Row]:
    """The figures with their limits."""
    name, against = "key to ghost text on the screen", "a provider that answers at once"
    return [
        *(
            Row(
                f"{name}, p{share * 100:.0f}",
                "ms",
                percentile(ours.key_to_ghost_ms, share),
                percentile(floor.key_to_ghost_ms, share),
                against,
                limit,
                "difference",
            )
            for share, limit in ((0.5, 60.0), (0.95, None))
        ),
        Row(
            "activation of the extension",
            "ms",
            median(ours.activation_ms),
            median(floor.activation_ms),
            "an extension of ten lines",
            50.0,
            "difference",
        ),
        Row(
            "processor time of loading and starting, with nothing compiled yet",
            "ms",
            ours.loading_ms[0],
            against="the first start of a version",
        ),
        Row("processor time of loading and starting", "ms", median(ours.loading_ms[1:]), limit=50.0),
        Row(
            "memory of the extension host",
            "MB",
            median(ours.host_mb),
            median(floor.host_mb),
            "without Turnout",
            30.0,
            "difference",
        ),
    ]


def measured(
    install: vscode.Install, vsix: Path, home: Path, name: str, options: argparse.Namespace
) -> Figures:
    """Open windows one after the other and type in each."""
    figures = Figures()
    with editor_with(install, vsix, home, name) as driver:
        for number in range(options.windows):
            print(f"measuring: {name}, window {number + 1} ...", file=sys.stderr, flush=True)
            measure_window(driver, home / f"folder{number}", options.keys, name, figures)
    return figures


@contextmanager
def editor_with(install: vscode.Install, vsix: Path, home: Path, name: str) -> Iterator[Driver]:
    """An editor with one extension, and a server for it if it is ours."""
    driver = start_driver(install, vsix, home, install.environment)
    state = {part: str(home / part) for part in ("config", "state", "run")}
    variables = {f"TURNOUT_{part.upper()}_DIR": place for part, place in state.items() if part != "run"}
    variables |= {"TURNOUT_ENGINE": "fake", "TURNOUT_RUNTIME_DIR": state["run"], "TURNOUT_FAKE_SCRIPT": "{}"}
    for place in state.values():
        Path(place).mkdir()
    server = write_launcher(home / "server", [str(Path(sys.prefix) / "bin/turnout")], variables)
    write_machine_settings(driver, server)
    write_user_settings(driver, {})
    try:
        yield driver
    finally:
        driver.close()


def measure_window(driver: Driver, folder: Path, keys: int, name: str, figures: Figures) -> None:
    """One window: ghost text for each key, then the memory of its host, and how long activation took."""
    folder.mkdir()
    (folder / "a.py").write_text("")
    driver.do("open", folder=str(folder))
    editor = Editor(driver, folder)
    editor.open("a.py")
    if name == "turnout":
        editor.wait_ready()
        wait_until(lambda: list(driver.data.rglob("*.v8")), bool, "the compiled code to be kept")
    for _ in range(keys):
        took_ms = driver.do("keyToGhost", key="x")
        if took_ms is not None:
            figures.key_to_ghost_ms.append(took_ms)
        editor.press("Escape")
        editor.wait_no_ghost()
    figures.host_mb.append(host_memory_mb(driver))
    figures.activation_ms.append(activation_ms(editor, name))
    figures.loading_ms = loading_ms(driver)
    driver.do("close")


def host_memory_mb(driver: Driver) -> float:
    """Resident memory of the newest extension host of this editor."""
    hosts = [
        process
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and is_host(process, str(driver.data))
    ]
    newest = max(hosts, key=lambda process: process.stat().st_ctime)
    found = re.search(r"VmRSS:\s+(\d+) kB", (newest / "status").read_text())
    assert found
    return int(found[1]) / 1024


def is_host(process: Path, data: str) -> bool:
    """Whether a process is an extension host, of the editor that keeps its data there."""
    try:
        command = (process / "cmdline").read_bytes().decode()
        environment = (process / "environ").read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return False
    return "--type=extensionHost" in command and data in environment


def activation_ms(editor: Editor, name: str) -> float:
    """What VS Code itself says of the extension under Developer: Show Running Extensions."""
    editor.command("Developer: Show Running Extensions")
    row = f".runtime-extensions-editor .monaco-list-row:has-text('{name}')"
    shown = editor.wait_for(f"{row} .activation-time")
    found = re.search(r"(\d+)ms", shown)
    assert found, shown
    return float(found[1])


def loading_ms(driver: Driver) -> list[float]:
    """What the extension logged of its starts, oldest first."""
    logs = sorted((driver.data / "logs").rglob("*Turnout.log"), key=lambda log: log.stat().st_ctime)
    found = [re.search(r"Loaded in \d+ ms, (\d+) ms", log.read_text("utf-8")) for log in logs]
    return [float(line[1]) for line in found if line]


def build_floor(install: vscode.Install, root: Path) -> Path:
    """An extension that answers every request for ghost text at once."""
    folder = root / "floor-extension"
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps(FLOOR_MANIFEST))
    (folder / "main.js").write_text(FLOOR_PROGRAM)
    (folder / "README.md").write_text("The floor of ghost text in VS Code.\n")
    vsce = EXTENSION / "node_modules/@vscode/vsce/vsce"
    options = ["--no-dependencies", "--allow-missing-repository", "--skip-license", "--out", "floor.vsix"]
    command = [str(install.node), str(vsce), "package", *options]
    subprocess.run(command, cwd=folder, env={**os.environ}, check=True, capture_output=True)
    return folder / "floor.vsix"


if __name__ == "__main__":
    sys.exit(main())
