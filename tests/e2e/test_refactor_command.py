"""`turnout refactor`: the editor's refactor on files on disk, for scripts: what it prints, changes and returns."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.git import commit, repository
from support.home import TURNOUT, Home
from support.shop import FILES, SCRIPT, renamed

Run = Callable[..., "subprocess.CompletedProcess[str]"]

RENAME = "Rename total to grand_total"

WAITING = """
import os, socket
server = socket.create_connection(("127.0.0.1", {port}))
server.sendall(os.fsencode(os.getcwd()) + b"\\n")
server.recv(1)
"""
"""A check that says where it runs, and waits."""


@pytest.fixture
def turnout(home: Home) -> Run:
    """Runs the command in a repository with the sample project, without a terminal."""
    for name, text in FILES.items():
        home.write(name, text)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [TURNOUT, "refactor", *arguments], cwd=home.work,
            env=home.environment(TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return run


def undo(home: Home, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs `turnout undo` in the workspace."""
    return subprocess.run(
        [TURNOUT, "undo", *arguments], cwd=home.work, env=home.environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def texts(home: Home) -> list[str]:
    """The files as they are on disk."""
    return [home.read(name) for name in FILES]


def test_a_diff_changes_nothing(turnout: Run, home: Home) -> None:
    """Without --apply the change is printed, progress goes to stderr, and the files stay."""
    done = turnout(RENAME, "shop")
    assert (done.returncode, texts(home)) == (0, list(FILES.values()))
    assert "+def grand_total(prices):" in done.stdout
    assert done.stdout.startswith("diff --git a/shop/")
    assert "would change: edit shop/basket.py" in done.stderr
    assert "has no index yet (`turnout index` builds it)" in done.stderr
    assert "Refactoring" in done.stderr


def test_the_index_is_built_and_searched(turnout: Run, home: Home) -> None:
    """Where no path is named, the files are found in the index that editors share, which is built first."""
    done = turnout(RENAME)
    assert (done.returncode, "has no index yet: it is built first" in done.stderr) == (0, True)
    assert done.stdout.count("grand_total(prices):") == 1
    assert list(home.root.rglob("*.db"))


def test_apply(turnout: Run, home: Home) -> None:
    """With --apply every file is changed and keeps its mark and line endings; JSON says so."""
    repository(home.work, FILES)
    commit(home.work, "Begin")
    home.write("shop/basket.py", FILES["shop/basket.py"] + "\n")
    dirty = turnout(RENAME, "shop", "--apply", "--json")
    assert (dirty.returncode, "shop/basket.py has changes" in dirty.stderr) == (6, True)
    assert [found["path"] for found in json.loads(dirty.stdout)["conflicts"]] == ["shop/basket.py"]
    assert home.read("shop/prices.py") == FILES["shop/prices.py"]
    home.write("shop/basket.py", FILES["shop/basket.py"])
    done = turnout(RENAME, "shop", "--apply", "--json")
    assert (done.returncode, texts(home)) == (0, [renamed(text) for text in FILES.values()])
    answer = json.loads(done.stdout)
    assert answer["applied"] is True
    assert {file["path"] for file in answer["files"]} == set(FILES)
    assert all(check["ok"] and check["ran"] for check in answer["checks"])
    assert (answer["complete"], answer["verdict"]["state"]) == (True, "verified")
    assert answer["receipt"]["model"] == "near"
    undone = undo(home)
    assert (undone.returncode, undone.stdout, texts(home)) == (0, f"undone: {RENAME}\n", list(FILES.values()))
    again = undo(home, "--json")
    assert (again.returncode, "nothing to undo" in again.stderr.lower()) == (1, True)
    assert json.loads(again.stdout)["undone"] is False


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("x = 'same'\n", 4, "near"),
        ("x = 'breaks'\n", 3, "failed: syntax d/a.py"),
        ("x = 'elided'\n", 3, "failed: edits"),
    ],
)
def test_nothing_to_apply(turnout: Run, home: Home, text: str, status: int, said: str) -> None:
    """What changes nothing, or does not pass, is not applied, and has a status of its own."""
    home.write("d/a.py", text)
    done = turnout("Do something", "d/a.py", "--apply")
    assert (done.returncode, home.read("d/a.py"), done.stdout) == (status, text, "")
    assert said in done.stderr


def test_nobody_to_ask(turnout: Run, home: Home) -> None:
    """Without a terminal nothing leaves the machine that has to be asked for, and no plan is approved."""
    home.configure(
        '[models.far]\napi = "openai-chat"\nmodel = "m"\nbase_url = "http://127.0.0.1:9/v1"\nleaves_machine = true\n'
        '[routes.refactor]\nmodels = ["far"]\n'
    )
    done = turnout(RENAME, "shop")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no terminal to ask at" in done.stderr
    assert "you did not agree" in done.stderr
    home.configure("")
    planless = turnout(RENAME, "shop", "--plan", "ask", "--json")
    assert (planless.returncode, json.loads(planless.stdout)["applied"]) == (5, False)
    assert "Planning" not in planless.stderr  # nobody pays for a plan that nobody can approve
    assert texts(home) == list(FILES.values())


def test_a_path_outside(turnout: Run, home: Home) -> None:
    """A file outside of the workspace is refused by name."""
    outside = home.root / "outside.py"
    outside.write_text("x = 1\n")
    done = turnout(RENAME, str(outside), "--json")
    assert (done.returncode, "outside" in done.stderr) == (1, True)
    assert "outside" in json.loads(done.stdout)["error"]
    nowhere = turnout(RENAME, "--workspace", str(home.root / "gone"))
    assert (nowhere.returncode, "gone is not a folder" in nowhere.stderr) == (1, True)
    undone = undo(home, "gone")
    assert (undone.returncode, "gone is not a folder" in undone.stderr) == (1, True)
    assert "Traceback" not in done.stderr


def test_paths_that_name_nothing(turnout: Run, home: Home) -> None:
    """A folder without files never comes to mean every file there is."""
    (home.work / "empty").mkdir()
    done = turnout(RENAME, "empty", "--apply")
    assert (done.returncode, "no file to change in empty" in done.stderr) == (1, True)
    assert texts(home) == list(FILES.values())


def test_checks_that_did_not_run(turnout: Run, home: Home) -> None:
    """What was not looked at is not called passed, neither in words nor in JSON; it stops no --apply."""
    home.configure('[routes.refactor]\nchecks = ["lint --all"]\n')
    answer = json.loads(turnout(RENAME, "shop", "--json").stdout)
    assert answer["verdict"]["state"] == "partly"
    assert [check["name"] for check in answer["checks"] if not check["ran"]] == ["lint --all"]
    done = turnout(RENAME, "shop", "--apply")
    assert (done.returncode, texts(home)) == (0, [renamed(text) for text in FILES.values()])
    assert "not run: lint --all: " in done.stderr
    assert "Verified in part. Not checked: lint --all." in done.stderr


TYPING = """
path, line = {path!r}, {line!r}
with open(path, newline="") as file:
    text = file.read()
with open(path, "w", newline="") as file:
    file.write(text.replace(line, line + " # typed"))
"""
"""A check that finds nothing, while somebody edits the file."""


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("# Prices.", 0, "Take it back with: turnout undo"),
        ("def total(prices):", 1, "shop/prices.py:4: These lines have been edited since."),
    ],
)
def test_edits_meanwhile(turnout: Run, home: Home, line: str, status: int, said: str) -> None:
    """Lines that were edited elsewhere while the change was made stay, as in an editor; the same lines stop all."""
    repository(home.work, FILES)
    commit(home.work, "Begin")
    path = home.work / "shop/prices.py"
    (home.root / "check.py").write_text(TYPING.format(path=str(path), line=line))
    checks = json.dumps([f"{sys.executable} {home.root / 'check.py'}"])
    home.configure(f"[routes.refactor]\nchecks = {checks}\n")
    environment = home.environment()
    subprocess.run([TURNOUT, "trust", "."], cwd=home.work, env=environment, check=True, timeout=60)
    done = turnout(RENAME, "shop", "--apply")
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    became = {name: text if status else renamed(text) for name, text in FILES.items()}
    became["shop/prices.py"] = became["shop/prices.py"].replace(line, f"{line} # typed")
    assert texts(home) == list(became.values())


STOPPING = """
import os, signal, sys

def stop(event, arguments):
    if event == "os.rename" and "prices.py" in str(arguments):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)

sys.addaudithook(stop)
"""
"""Somebody who wants to end the command as soon as it changes the first file."""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
def test_a_signal_while_files_are_changed(home: Home) -> None:
    """It comes too late, and that is said: all of it is done, by an undo as well, and the exit status says so."""
    for name, text in FILES.items():
        home.write(name, text)
    (home.root / "sitecustomize.py").write_text(STOPPING)
    environment = home.environment(TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT), PYTHONPATH=str(home.root))
    for arguments, became in (
        (
            ("refactor", RENAME, "shop", "--apply", "--allow-dirty"),
            [renamed(text) for text in FILES.values()],
        ),
        (("undo",), list(FILES.values())),
    ):
        done = subprocess.run(
            [TURNOUT, *arguments], cwd=home.work, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr.count("Too late to stop")) == (0, 1), done.stderr
        assert texts(home) == became


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
def test_a_signal_to_end_leaves_nothing(home: Home) -> None:
    """During a check it ends the check as well, and the check's copy of the folder is removed."""
    for name, text in FILES.items():
        home.write(name, text)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        (home.root / "check.py").write_text(WAITING.format(port=server.getsockname()[1]))
        checks = json.dumps([f"{sys.executable} {home.root / 'check.py'}"])
        home.configure(f"[routes.refactor]\nchecks = {checks}\n")
        environment = home.environment(TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT))
        subprocess.run([TURNOUT, "trust", "."], cwd=home.work, env=environment, check=True, timeout=60)
        with subprocess.Popen(
            [TURNOUT, "refactor", RENAME, "shop", "--apply"], cwd=home.work, env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            check, _ = server.accept()
            with check:
                check.settimeout(60)
                copy = Path(check.makefile().readline().strip())
                assert (copy / "shop/prices.py").is_file()
                process.terminate()
                _, said = process.communicate(timeout=60)
                assert check.recv(1) == b"", "the check is still there"
    assert (process.returncode, "Traceback" in said, copy.exists()) == (143, False, False), said
    assert texts(home) == list(FILES.values())
