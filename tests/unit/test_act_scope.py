"""The files of a request are chosen, read safely, and those left out are named with the reason."""

import pytest

from support.act_kit import MemoryWorkspace
from support.repository import MemoryRepository
from turnout.act.gathering import scope
from turnout.act.gathering.scope import Request, gather, mentions, selected_text
from turnout.core.documents import Position, Snapshot, Span

FILES = {
    "shapes.py": "def area(w, h):\n    return w * h\n\n\nclass Rect:\n    pass\n",
    "main.py": "from shapes import area\nprint(area(1, 2))\n",
    "other.py": "surface_area = 1\n",
    "pkg/uses.py": "from shapes import Rect, area\n",
    "readme.md": "The area of a shape.\n",
    "data.bin": "area",
    "bad.py": "area\0",
}


def check(request: Request, *paths: str, files: dict[str, str] = FILES) -> dict[str, str]:
    """The files chosen are `paths` in that order; returns those left out with the reasons."""
    found = gather(request, MemoryWorkspace(files))
    assert tuple(found.files) == paths
    return {skipped.path: skipped.reason for skipped in found.skipped}


def uri(path: str) -> str:
    return f"file:///w/{path}"


def test_a_scope_is_taken_as_it_is() -> None:
    """Files that the user named, in that order, and no others; what cannot be read is said."""
    skipped = check(
        Request(
            "Rename area.",
            scope=(uri("other.py"), uri("main.py"), uri("none.py"), uri("bad.py"), "file:///x"),
        ),
        "other.py",
        "main.py",
    )
    assert skipped == {
        "none.py": "There is no such file.",
        "bad.py": "bad.py is binary.",
        "file:///x": "file:///x is elsewhere.",
    }


def test_other_files_come_in_by_what_they_mention() -> None:
    """The document first, then code with those of its names that the instruction speaks of, as whole words."""
    check(Request("Rename area to size", uri("shapes.py")), "shapes.py", "main.py", "pkg/uses.py")
    check(Request("Rename Rect to Box", uri("shapes.py")), "shapes.py", "pkg/uses.py")
    check(Request("Add type hints to all functions", uri("shapes.py")), "shapes.py")
    selection = Span(Position(4, 6), Position(4, 10))
    check(Request("Rename this to Box", uri("shapes.py"), selection), "shapes.py", "pkg/uses.py")


def test_without_a_document_the_words_decide() -> None:
    """Rarer words weigh more; with nothing found, every source file is as good as another."""
    check(Request("Rename Rect and area"), "shapes.py", "pkg/uses.py", "main.py")
    check(
        Request("Add docstrings"), "main.py", "other.py", "shapes.py", "pkg/uses.py",
        files={path: text for path, text in FILES.items() if path != "bad.py"},
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "def get_all(x):",
        "func (s *S) get_all() {",
        "export const get_all = 1",
        "class get_all {",
    ],
)
@pytest.mark.parametrize("indexed", [False, True])
def test_what_defines_a_name_comes_first(line: str, indexed: bool) -> None:
    """However many files mention it and are before it in the alphabet: a rename without it would be none."""
    many = {f"f{number:03}.py": "print(get_all(1), other_one)\n" for number in range(scope.MAX_FILES + 10)}
    files = {**many, "z.py": f"{'def get_all():' if indexed else line}\n"}
    repository = MemoryRepository(files) if indexed else None
    found = gather(Request("Rename get_all", uri("f003.py")), MemoryWorkspace(files), repository)
    assert list(found.files)[:3] == ["f003.py", "z.py", "f000.py"]
    assert found.whys["z.py"] == "it defines get_all"
    assert found.whys["f000.py"] == "it mentions get_all"


def test_references_leave_room_for_what_the_instruction_speaks_of() -> None:
    """What is at the cursor need not be what is to change; what is past the limit is counted once."""
    some = {f"a{number:02}.py": "other()\n" for number in range(scope.MAX_FILES)}
    files = {**some, "z.py": "get_all(1)\n", "y.py": "def get_all(): pass\n", "x.py": "x" * scope.MAX_BYTES}
    places = tuple(scope.Reference(uri(path), 0) for path in (*some, "x.py"))
    found = gather(Request("Rename get_all", uri("z.py"), references=places), MemoryWorkspace(files))
    assert list(found.files)[:2] == ["z.py", "y.py"]
    assert len(found.files) == scope.MAX_FILES
    assert sorted(found.beyond) == ["a18.py", "a19.py", "x.py"]
    found = gather(Request("Rename get_all", uri("a00.py"), references=places), MemoryWorkspace(files))
    assert list(found.files)[:2] == ["a00.py", "y.py"]
    assert "z.py" in found.files


def test_lines_that_mention_a_name() -> None:
    """Whole words only, counted from 1; no name, no line."""
    file = Snapshot("u", "python", 1, ("area = 1\r\n", "surface_area = 2\n", "print(area)"))
    assert mentions(file, {"area", "none"}) == ((1, "area = 1"), (3, "print(area)"))
    assert mentions(file, set()) == ()


def test_there_are_limits() -> None:
    """No more files and bytes than fit a question; what was over is named."""
    many = {f"f{number:03}.py": "area = 1\n" for number in range(scope.MOST_NAMED + 10)}
    skipped = check(
        Request("Rename area_x", uri("f000.py")), "f000.py", files={**many, "f000.py": "area_x\n"}
    )
    assert skipped == {}
    for request, most in (
        (Request("area", scope=tuple(uri(path) for path in many)), scope.MOST_NAMED),
        (Request("area", uri("f000.py")), scope.MOST_NAMED),
        (Request("Add docstrings"), scope.MAX_FILES),
    ):
        found = gather(request, MemoryWorkspace(many))
        assert (len(found.files), len(found.skipped), len(found.beyond)) == (most, *[len(many) - most] * 2)
        assert len(found.of_one_request().files) == scope.MAX_FILES
        assert len(found.of_one_request().beyond) == len(many) - scope.MAX_FILES
    assert len(gather(Request("area", uri("f000.py")), MemoryWorkspace(many)).unseen) == 10
    assert not gather(Request("Add docstrings"), MemoryWorkspace(many)).unseen
    big = {"a.py": "x" * scope.MOST_NAMED_BYTES, "b.py": "y\n"}
    assert list(check(Request("x", scope=(uri("a.py"), uri("b.py"))), "a.py", files=big)) == ["b.py"]


def test_odd_names_stop_nothing() -> None:
    """A file whose name an edit cannot give is left out with the reason, whether words find it or nothing does."""
    files = {"~/w.py": "area_x = 1\n", "a\\b.py": "area_x = 1\n", "c.py": "area_x = 1\n"}
    for instruction in ("Rename area_x", "Improve it all"):
        skipped = check(Request(instruction), "c.py", files=files)
        assert skipped == dict.fromkeys(("~/w.py", "a\\b.py"), scope.UNSAYABLE)


def test_what_is_missed_was_named() -> None:
    """A file that is left out is missed where somebody named it, and not where it was in a folder."""
    named, swept = (uri("main.py"), uri("none.py"), "file:///x"), (uri("bad.py"), uri("other.py"))
    request = Request("x", scope=(*named, *swept), swept=frozenset(swept))
    found = gather(request, MemoryWorkspace(FILES))
    assert [out.path for out in found.missed] == ["none.py", "file:///x"]
    left = found.without({"main.py": "no", "other.py": "no", "elsewhere.py": "no"}, request)
    assert [out.path for out in left.missed] == ["none.py", "file:///x", "main.py"]
    assert [out.path for out in left.skipped] == ["none.py", "file:///x", "bad.py", "main.py", "other.py"]
    assert not left.files


def test_the_text_of_a_selection() -> None:
    """Positions past an end mean that end."""
    file = Snapshot("u", "python", 1, ("one\n", "two\n", "three"))
    assert selected_text(file, Span(Position(0, 1), Position(1, 2))) == "ne\ntw"
    assert selected_text(file, Span(Position(1, 0), Position(9, 9))) == "two\nthree"
    assert selected_text(file, Span(Position(7, 0), Position(9, 9))) == ""
