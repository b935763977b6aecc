"""Measurements that are broken off and go on: what is in the file is not asked again, and never mixed with others'."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import turnout
from turnout.core.fim.layout import Window
from turnout.errors import RequestRejected
from turnout.evaluate import keeping
from turnout.evaluate.cutting import Gap
from turnout.evaluate.keeping import Asked, Kept
from turnout.evaluate.run import Progress, Site, measure
from unit.test_complete_context import Index
from unit.test_evaluate_report import hole
from unit.test_evaluate_run import GAP, MODEL, ROOM, Local

ASKED = Asked("shop", 1, "tiny", Window(100, 20, 50))
HOLE = hole("f(y)", "f(x)", "")
OTHER = replace(GAP, before="# below\n" + GAP.before)


def test_a_hole_is_read_back_as_it_was_measured(tmp_path: Path) -> None:
    """Every answer with its figures and scores."""
    Kept(tmp_path / "kept", "us").add(ASKED, HOLE)
    assert Kept(tmp_path / "kept", "us").find(ASKED, HOLE.gap) == HOLE


@pytest.mark.parametrize(
    ("asked", "gap"),
    [
        (replace(ASKED, corpus="other"), HOLE.gap),
        (replace(ASKED, seed=2), HOLE.gap),
        (replace(ASKED, model="large"), HOLE.gap),
        (replace(ASKED, window=Window(100, 20, 51)), HOLE.gap),
        (ASKED, replace(HOLE.gap, path="b.py")),
        (ASKED, replace(HOLE.gap, kind="block")),
        (ASKED, replace(HOLE.gap, after="\n\n")),
        (ASKED, replace(HOLE.gap, truth="f(y", after=")\n")),
    ],
    ids=["repository", "seed", "model", "room", "file", "kind", "text of the file", "end of the hole"],
)
def test_another_question_is_asked(tmp_path: Path, asked: Asked, gap: Gap) -> None:
    """An answer counts for the very question that it was given to."""
    kept = Kept(tmp_path / "kept", "us")
    kept.add(ASKED, HOLE)
    assert kept.find(asked, gap) is None


async def test_only_what_is_not_there_is_asked(tmp_path: Path) -> None:
    """The report is of all holes, in the same order as that of a run in one piece."""
    first, second, whole = Progress(), Progress(), Progress()
    sites = [Site("here", Index(), [GAP, OTHER], 1)]
    await measure(Local(), MODEL, ROOM, [replace(sites[0], gaps=[OTHER])], first, kept(tmp_path))
    local = Local()
    await measure(local, MODEL, ROOM, sites, second, kept(tmp_path))
    await measure(Local(), MODEL, ROOM, sites, whole)
    assert [len(local.asked), second.known, second.of] == [3, 1, 2]
    assert [one.gap for one in second.done] == [one.gap for one in whole.done]


def kept(folder: Path) -> Kept:
    return Kept(folder / "kept", "us")


@pytest.mark.parametrize("left", [1, 40, -1])
def test_a_line_that_was_cut_off_counts_for_nothing(tmp_path: Path, left: int) -> None:
    """The run was killed while it wrote: the lines before count, and the next one is whole."""
    file = tmp_path / "kept"
    kept(tmp_path).add(ASKED, HOLE)
    line = file.read_text()
    file.write_text(line + line[:left])
    again = replace(ASKED, seed=2)
    assert kept(tmp_path).find(ASKED, HOLE.gap) == HOLE
    kept(tmp_path).add(again, HOLE)
    assert kept(tmp_path).find(again, HOLE.gap) == HOLE
    assert len(file.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda line: line.replace('"us"', '"turnout 9"', 1), "line 1 is from turnout 9, and this is us"),
        (lambda _line: "notes of mine\n", "line 1 is no filled hole"),
        (lambda _line: "[]\n", "line 1 is no filled hole"),
        (lambda line: line.replace('"context"', '"oracle"'), "line 1 is no filled hole"),
    ],
    ids=["other code", "no JSON", "other JSON", "other arms"],
)
def test_what_others_wrote_is_left_alone(tmp_path: Path, spoil: Callable[[str], str], message: str) -> None:
    """Refused with the reason, and not a byte of it changed."""
    file = tmp_path / "kept"
    kept(tmp_path).add(ASKED, HOLE)
    text = spoil(file.read_text())
    file.write_text(text + "{")
    with pytest.raises(RequestRejected, match=message):
        kept(tmp_path)
    assert file.read_text() == text + "{"


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """Before hours are spent on what would be lost."""
    with pytest.raises(RequestRejected, match="cannot keep what is measured"):
        Kept(tmp_path, "us")


def test_a_line_is_json_for_other_programs(tmp_path: Path) -> None:
    """With the place, what the author wrote, and each way's answer and scores."""
    kept(tmp_path).add(ASKED, HOLE)
    told = json.loads((tmp_path / "kept").read_text())
    assert (told["path"], told["line"], told["column"], told["truth"]) == ("a.py", 1, 5, "f(y)")
    assert told["room"] == {"prefix_chars": 100, "suffix_chars": 20, "chunk_chars": 50}
    assert told["arms"]["bare"]["text"] == "f(x)"
    assert [told["arms"][arm]["exact"] for arm in ("context", "bare", "plain")] == [True, False, False]


def test_the_code_that_makes_prompts_is_told_apart() -> None:
    """A file more, another name and another byte each make another digest; all modules that are named exist."""
    files = [("a.py", b"one"), ("b.py", b"two")]
    others = [files[:1], [("c.py", b"one"), files[1]], [files[0], ("b.py", b"too")]]
    assert keeping.digest(files) not in map(keeping.digest, others)
    root = Path(turnout.__file__).parent
    assert [name for name in keeping.PROMPT_MAKERS if not (root / name).exists()] == []
    assert keeping.maker().startswith(f"turnout {turnout.__version__} ")
