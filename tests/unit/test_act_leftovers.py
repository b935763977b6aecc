"""A change that takes a name away says which files still mention it."""

from dataclasses import replace

import pytest

from support.act_kit import LOCAL, REMOTE, MemoryWorkspace, OutlookByRoute, ScriptedAsker
from support.act_kit import seams as seams_of
from support.agent_kit import Calling, around, edits
from support.repository import MemoryRepository
from turnout.act.gathering.leftovers import leftovers
from turnout.act.gathering.scope import MAX_FILES, Request
from turnout.act.proposals import Proposal, verdict
from turnout.act.refactor import propose
from turnout.core.documents import split_lines
from turnout.core.edits.changes import ChangeKind, FileChange, file_change
from turnout.core.requests import Kind, Route

ALPHA = "def total(cart):\n    return sum(cart)\n"
USE = "from shop.alpha import total\n\nprint(total([]))\n"
FILES = {"shop/alpha.py": ALPHA, "shop/beta.py": USE, "other.py": USE}
BLOCK = "shop/alpha.py\n<<<<<<< SEARCH\ndef total(cart):\n=======\ndef grand(cart):\n>>>>>>> REPLACE\n"
GRAND = ALPHA.replace("total", "grand")
MANY = FILES | {f"shop/f{number:02}.py": "x = 1\n" for number in range(MAX_FILES)}
PLAN = "SUMMARY: s\n" + "".join(f"EDIT {path}: rename\n" for path in MANY if path != "other.py")


class Anywhere(OutlookByRoute):
    """Every file may go to one model without tools."""

    def route(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        return Route(kind, (REMOTE,), (), "test")


def change_of(
    path: str, before: str, after: str, kind: ChangeKind = "edit", to: str | None = None
) -> FileChange:
    uri, new_uri = f"file:///w/{path}", f"file:///w/{to}" if to else None
    return file_change(kind, uri, path, split_lines(before), split_lines(after), new_uri=new_uri, new_path=to)


@pytest.mark.parametrize("scope", [("shop/alpha.py", "shop/beta.py"), ("shop/alpha.py",), ()])
@pytest.mark.parametrize("form", ["blocks", "whole files", "tools"])
async def test_callers_that_are_left_are_named(form: str, scope: tuple[str, ...]) -> None:
    """Shown or not, named or not, and however its model writes edits: the verdict is one in part, and says which."""
    uris = tuple(f"file:///w/{path}" for path in scope)
    request = Request("Rename total to grand.", "file:///w/shop/alpha.py", scope=uris)
    if form == "tools":
        call = edits("shop/alpha.py", "def total(cart):", "def grand(cart):")
        seams = around(Calling([call]), FILES)
    else:
        whole = [f"```python\n{text}```\n" for text in (GRAND, USE, USE)]
        asker = ScriptedAsker([BLOCK]) if form == "blocks" else ScriptedAsker([*whole], LOCAL)
        seams = seams_of(MemoryWorkspace(FILES), asker)
    assert_named(await propose(request, seams), "mentions of total", "other.py, shop/beta.py still say it")


async def test_callers_that_are_left_by_rounds_are_named() -> None:
    """Also where its files went in several requests."""
    uris = tuple(f"file:///w/{path}" for path in MANY if path != "other.py")
    request = Request("Rename total to grand.", scope=uris)
    asker = ScriptedAsker([PLAN, *[BLOCK] * 3])
    proposal = await propose(request, replace(seams_of(MemoryWorkspace(MANY), asker), outlook=Anywhere()))
    assert len(asker.asked) > 2
    named = [check.message for check in proposal.checks if check.name == "mentions of total"]
    assert named == ["other.py, shop/beta.py still say it"]


def assert_named(proposal: Proposal, name: str, said: str) -> None:
    assert proposal.complete
    assert verdict(proposal.checks).state == "partly"
    assert (name, said) in [(check.name, check.message) for check in proposal.checks if not check.ran]


GAMMA = "from shop.alpha import total\ntotal()\n"


@pytest.mark.parametrize(
    ("before", "after", "other", "said"),
    [
        ("def total(): ...\n", "def grand(): ...\n", "total()\n", {"total"}),
        ("def total(): ...\n", "def grand(): ...\n", "totals()\n$total\n", set()),
        ("def total(): ...\n", "def total(x): ...\n", "total()\n", set()),
        ("def total(): ...\n", "from shop.new import total\n", "total()\n", set()),
        ("def total(): ...\n", "from shop.new import (\n    total,\n)\n", "total()\n", set()),
        ("def total(): ...\n", "def grand(): ...\n", "def total(): ...\ntotal()\n", set()),
        ("def total(): ...\n", "def grand(): ...\n", f"{GAMMA}def total(): ...\n", {"total"}),
        ("def to(): ...\n", "def go(): ...\n", "to()\n", set()),
        ("TOTAL = 1\n", "GRAND = 1\n", "print(TOTAL)\n", {"TOTAL"}),
        ("def f():\n    total = 1\n", "def f():\n    grand = 1\n", "total\n", set()),
        ("class Cart:\n    def total(self):\n", "class Cart:\n    def grand(self):\n", "cart.total()\n", {"total"}),
        ("class Cart:\n    def close(self): ...\n", "", "file.close()\n", set()),
        ("class Cart:\n    def __init__(self): ...\n", "class Cart: ...\n", "super().__init__()\n", set()),
        ("print(total())\n", "", "total()\n", set()),
    ],
    ids=[
        "renamed", "part of a word", "kept", "passed on", "passed on in brackets", "another's own", "its own as well",
        "too short", "a value", "a local name", "a method", "with its class", "of the language", "a use",
    ],
)  # fmt: skip
@pytest.mark.parametrize("indexed", [(), ("shop/alpha.py",), ("shop/alpha.py", "beta.py")], ids=len)
async def test_what_is_a_name_taken_away(
    before: str, after: str, other: str, said: set[str], indexed: tuple[str, ...]
) -> None:
    """It was declared for others and is not any more, and somebody who does not declare it mentions it."""
    files = {"shop/alpha.py": before, "beta.py": other}
    index = MemoryRepository({path: files[path] for path in indexed}) if indexed else None
    seams = replace(seams_of(MemoryWorkspace(files), ScriptedAsker([])), repository=index)
    found = await leftovers([change_of("shop/alpha.py", before, after)], seams)
    assert {check.name for check in found} == {f"mentions of {name}" for name in said}
    assert all(check.message == "beta.py still says it" and check.ok for check in found)


@pytest.mark.parametrize(
    ("path", "kind", "to", "other", "text", "said"),
    [
        ("shop/alpha.py", "rename", "shop/omega.py", "beta.py", "from shop.alpha import total\n", {"alpha"}),
        ("shop/alpha.py", "rename", "shop/omega.py", "beta.py", "alpha = 1\n", set()),
        ("shop/alpha.py", "delete", None, "beta.py", "import shop.alpha\n", {"alpha"}),
        ("shop/alpha.py", "delete", None, "beta.py", "total()\n", {"total"}),
        ("shop/__init__.py", "rename", "cart.py", "beta.py", "from shop import total\n", {"shop"}),
        ("web/alpha.ts", "rename", "web/omega.ts", "web/b.tsx", "import { x } from './alpha';\n", {"alpha"}),
        ("web/alpha.ts", "rename", "web/omega.ts", "beta.py", "import alpha\n", set()),
        ("notes/alpha.md", "delete", None, "beta.md", "import alpha\n", set()),
    ],
)
async def test_a_file_that_is_gone_from_its_place(
    path: str, kind: ChangeKind, to: str | None, other: str, text: str, said: set[str]
) -> None:
    """It is missed by who imports it, in a language of its own family, and what it defined by who mentions that."""
    change = change_of(path, ALPHA, "" if kind == "delete" else ALPHA, kind, to)
    found = await leftovers([change], seams_of(MemoryWorkspace({other: text}), ScriptedAsker([])))
    assert {check.name for check in found} == {f"mentions of {name}" for name in said}


CART = "class Cart:\n    def run(self):\n        return 1\n"
OWN = "class Job:\n    def run(self): ...\n"


@pytest.mark.parametrize(
    ("other", "said", "said_by_index"),
    [
        ("def go(cart):\n    return cart.run()\n", True, False),
        ("import subprocess\nsubprocess.run([])\n", True, False),
        ("from shop.alpha import make\nmake().run()\n", True, True),
        ("from shop import Cart\nCart().run()\n", True, True),
        ("def go(run):\n    print(run)\n", False, False),
        ("from shop.alpha import make\nrun = make()\n", True, True),
    ],
    ids=["of anything", "of a module", "of its file", "of its class", "a word", "a word beside its file"],
)
@pytest.mark.parametrize("is_indexed", [False, True])
@pytest.mark.parametrize("before", [CART, "class Cart {\n  run() {\n  }\n}\n"])
async def test_a_method_is_not_each_other_thing_of_its_name(
    before: str, other: str, said: bool, said_by_index: bool, is_indexed: bool
) -> None:
    """Who knows neither its class nor its file can only have it of something; not where others define the name, too."""
    suffix = "py" if before == CART else "js"
    home = f"shop/alpha.{suffix}"
    files = {home: before, f"beta.{suffix}": other, f"job.{suffix}": OWN}
    index = MemoryRepository(files) if is_indexed else None
    seams = replace(seams_of(MemoryWorkspace(files), ScriptedAsker([])), repository=index)
    found = await leftovers([change_of(home, before, before.replace("run", "add"))], seams)
    named = {f"beta.{suffix} still says it"} if (said_by_index if is_indexed else said) else set()
    assert {check.message for check in found} - {f"job.{suffix} still says it"} == named


async def test_what_is_no_method_alone_is_named_as_ever() -> None:
    """A function of the same name, declared there as well, may be meant by every word."""
    before = f"{CART}def run(): ...\n"
    files = {"alpha.py": before, "beta.py": "print(run)\n", "job.py": OWN}
    seams = seams_of(MemoryWorkspace(files), ScriptedAsker([]))
    (check,) = await leftovers([change_of("alpha.py", before, before.replace("run", "add"))], seams)
    assert check.name == "mentions of run"


async def test_what_is_changed_as_well_is_not_left() -> None:
    """Who edits a file saw it; and of very many files only some are listed."""
    change = change_of("shop/alpha.py", ALPHA, GRAND)
    use = change_of("shop/beta.py", USE, f"{USE}# total\n")
    files = MemoryWorkspace({"shop/alpha.py": ALPHA, "shop/beta.py": USE})
    assert await leftovers([change, use], seams_of(files, ScriptedAsker([]))) == []
    crowd = MemoryWorkspace({f"f{number:03}.py": USE for number in range(250)})
    (check,) = await leftovers([change], seams_of(crowd, ScriptedAsker([])))
    assert check.message.startswith("f000.py, f001.py, ")
    assert check.message.endswith("f009.py and 190 more still say it")
