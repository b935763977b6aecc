"""`turnout eval edits`: the last commits of a repository, with the model on this machine."""

import json
import subprocess
import sys

from support.git import commit, git, repository, stage
from support.home import TURNOUT, Home
from support.shop import FILES, SCRIPT, renamed
from turnout.store import edit_evidence

CHECKS = f"""[routes.refactor]
checks = ["{sys.executable} -c 'import shop.basket as b, shop.prices as p; assert p.grand_total is b.grand_total'"]
"""


def test_with_the_local_model(home: Home) -> None:
    """It costs nothing and so asks nothing, measures every commit, checks included, and leaves the repository alone.

    What was measured is kept, by model, form and size of files.
    """
    home.configure(CHECKS)
    subprocess.run(
        [TURNOUT, "trust", home.work], env=home.environment(), check=True, capture_output=True, timeout=60
    )
    texts = {name: text for name, text in FILES.items() if name != "shop/tests.py"}
    repository(home.work, texts)
    commit(home.work, "Begin with prices")
    stage(home.work, {name: renamed(text) for name, text in texts.items()})
    commit(home.work, "Rename total to grand_total")
    done = subprocess.run(
        [TURNOUT, "eval", "edits", "--commits", "3", "--json"], cwd=home.work,
        env=home.environment(TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    near = answer["models"]["near"]
    assert (answer["complete"], near["commits"], near["failed"]) == (True, 1, 0)
    assert (near["files"], near["same"], near["parses"], near["usd"]) == (1.0, 1.0, 1.0, 0.0)
    assert near["passes"] == 1.0
    [seen] = edit_evidence(home.state / "ledger.sqlite")
    assert (seen.size, seen.style, seen.tried, seen.usable) == ("small", "whole_file", 1, 1)
    assert "1 refactors: about $0.00" in done.stderr
    assert git(home.work, "status", "--porcelain") == ""
