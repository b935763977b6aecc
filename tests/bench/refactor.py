"""A rename across three files by a real model on this machine, with the project's checks: does it come out verified?

It goes the whole way, as a user would have it: `turnout refactor --apply` in a trusted folder, the model in its worker,
checks on copies, files on disk, and `turnout undo`. Invariant: whatever the model answers, the files are all as before
or all as proposed, and an undo brings back every byte.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.report import Row
from support.home import TURNOUT, Home, short_directory
from turnout import models, paths
from turnout.errors import ModelMissing

MODEL = "qwen2.5-coder-1.5b"
FILES = {
    "shop/prices.py": '"""Prices."""\n\n\ndef total(prices: list[int]) -> int:\n'
    '    """The sum of prices."""\n    return sum(prices)\n',
    "shop/basket.py": '"""A basket."""\n\nfrom shop.prices import total\n\n\nclass Basket:\n'
    "    def __init__(self) -> None:\n        self.prices: list[int] = []\n\n"
    "    def pay(self) -> int:\n        return total(self.prices)\n",
    "shop/report.py": '"""A report."""\n\nfrom shop.prices import total\n\n\ndef report(prices: list[int]) -> str:\n'
    '    return f"{len(prices)} items, {total(prices)} in all"\n',
}
INSTRUCTION = "Rename the function total to grand_total."
_PROGRAM = (
    "import shop.prices, shop.basket, shop.report; "
    "assert shop.prices.grand_total([1, 2]) == 3; assert not hasattr(shop.prices, 'total'); "
    "assert shop.report.report([1, 2]) == '2 items, 3 in all'; assert shop.basket.Basket().pay() == 0"
)
_TIMEOUT_S = 1_200


def measure(model: Path | None, *, repeats: int = 1) -> list[Row]:
    """How long it takes and how often it is verified; SystemExit with the reason without the weights."""
    runs = [_run(_weights(model)) for _ in range(repeats)]
    verified = sum(run["verified"] for run in runs)
    whole = sum(run["whole"] for run in runs)
    seconds = sorted(run["seconds"] for run in runs)[len(runs) // 2]
    asked = max(run["tokens"] for run in runs)
    return [
        Row("rename in three files, real model: verified and applied", "of 1", verified / len(runs)),
        Row("the same: not whole, or not undone", "", float(len(runs) - whole), limit=0.0, fails_over=0.0),
        Row("the same: from the command to files on disk", "s", seconds),
        Row("the same: tokens read and written", "", float(asked)),
    ]


def _weights(given: Path | None) -> Path:
    if given:
        return given
    try:
        return models.locate(MODEL)
    except ModelMissing as missing:
        raise SystemExit(f"{missing}") from missing


def _run(weights: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as root, short_directory() as runtime:
        home = Home(Path(root), runtime)
        (home.root / "config").mkdir()
        checks = json.dumps([f'{sys.executable} -c "{_PROGRAM}"', f"{sys.executable} -m compileall -q shop"])
        home.configure(
            f'[models.near]\npath = {json.dumps(str(weights))}\nmodel = "{MODEL}"\n'
            f"[routes.refactor]\nchecks = {checks}\ndeadline_ms = 600000\n"
        )
        for name, text in FILES.items():
            home.write(name, text)
        _turnout(home, "trust", str(home.work))
        began = time.monotonic()
        done = _turnout(home, "refactor", INSTRUCTION, "shop", "--apply", "--json", "--allow-dirty")
        seconds = time.monotonic() - began
        return {"seconds": seconds, **_outcome(home, done)}


def _outcome(home: Home, done: "subprocess.CompletedProcess[str]") -> dict[str, float]:
    """What came of it; the answer is printed for whoever reads along."""
    print(done.stderr, file=sys.stderr)
    if not done.stdout:
        return {"verified": 0.0, "whole": float(_texts(home) == FILES), "tokens": 0.0}
    answer = json.loads(done.stdout)
    receipt = answer["receipt"]
    print(json.dumps({"receipt": receipt, "checks": answer["checks"]}, indent=2), file=sys.stderr)
    after = _texts(home)
    if answer["applied"]:
        _turnout(home, "undo", str(home.work))
    tokens = receipt["tokens"]["in"] + receipt["tokens"]["out"]
    changed = {name for name, text in after.items() if text != FILES[name]}
    proposed = {file["path"] for file in answer["files"]} if answer["applied"] else set()
    whole = changed == proposed and _texts(home) == FILES
    return {"verified": float(answer["applied"]), "whole": float(whole), "tokens": float(tokens)}


def _texts(home: Home) -> dict[str, str]:
    return {name: home.read(name) for name in FILES}


def _turnout(home: Home, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = home.environment(TURNOUT_ENGINE="", TURNOUT_CACHE_DIR=str(paths.cache_dir()))
    return subprocess.run(
        [TURNOUT, *arguments], cwd=home.work if home.work.exists() else home.root, env=environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
    )  # fmt: skip
