"""`turnout models prepare`: compile exllamav2's extension now, so that no first keystroke waits for it."""

import argparse
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from turnout.worker.engines import prepared, process_tree

# -P: a package called turnout in the folder that this is run in must not be taken for ours.
_BUILD = ("-P", "-m", "turnout.worker.engines.exllama_build", "--json-lines")
_INTERRUPTED = 130
_END_TIMEOUT_S = 10.0
"""Longer than the build itself waits for its compilers before it kills them."""

_READY = "The extension of exllamav2 is ready."
_RESTART = "Editors that are open use it once their language server is started anew."


def run(_args: argparse.Namespace) -> int:
    """Compile what is missing; 0 when everything is ready."""
    state = prepared.state()
    if state.ready:
        print(_READY)
        return 0
    try:
        with _shown() as show:
            return build([sys.executable, *_BUILD], show, _say)
    except KeyboardInterrupt:
        _say("\nStopped. What is compiled is kept; the next run goes on from there.")
        return _INTERRUPTED


def build(command: Sequence[str], show: Callable[[int, int, str], None], say: Callable[[str], None]) -> int:
    """Run a build that reports in JSON lines; `show` hears done, of and the line, `say` how it ended."""
    problem = ""
    with subprocess.Popen(  # noqa: S603 - our own command line
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        **process_tree.apart(),
    ) as process:
        try:
            for line in process.stdout or ():
                report = _report(line)
                if "error" in report:
                    problem = f"{report['error']} {report.get('advice', '')}".strip()
                elif "done" in report:
                    show(int(report["done"]), int(report.get("of", 0)), str(report.get("line", "")))
            code = process.wait()
        except BaseException:
            process_tree.end(process, _END_TIMEOUT_S)
            raise
    if code == 0 and not problem:
        say(f"{_READY} {_RESTART}")
        return 0
    say(f"turnout: {problem or f'the build ended with status {code}; run it again to see more.'}")
    return 1


def _report(line: str) -> dict[str, Any]:
    """One line of the build; what is not a report is the compiler's own talk."""
    try:
        report = json.loads(line)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


@contextlib.contextmanager
def _shown() -> Iterator[Callable[[int, int, str], None]]:
    """A bar on a terminal, a line for each step elsewhere."""
    if not sys.stderr.isatty():
        yield lambda done, of, line: _say(f"[{done}/{of}] {line}" if of else line)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("compiling exllamav2"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, of, _line: bar.update(task, completed=done, total=of or None)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
