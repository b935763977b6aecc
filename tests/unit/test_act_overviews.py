"""What is told of files in short: lines that say what is in them, and none that may hold a secret unseen."""

from support.act_kit import MemoryWorkspace
from support.secrets import pem
from turnout import syntax
from turnout.act.gathering.overviews import changed, overview
from turnout.core.edits.changes import file_change

CODE = "import os\n\n\ndef area(w, h):\n    return w * h\n\n\nclass Rect:\n    size = area(1, 2)\n"


def shown(text: str, *names: str, most: int = 1_000) -> str:
    file = MemoryWorkspace({"a.py": text}).snapshot("file:///w/a.py")
    assert file is not None
    return overview(file, names, syntax, most)


def test_an_overview_has_what_a_file_defines_and_mentions() -> None:
    """The first line with each definition, and all with a name that was asked about; whole lines up to a limit."""
    assert shown(CODE) == "line 4: def area(w, h):\nline 8: class Rect:\n"
    assert shown(CODE, "area") == "line 4: def area(w, h):\nline 8: class Rect:\nline 9: size = area(1, 2)\n"
    assert shown(CODE, most=30) == "line 4: def area(w, h):\n"


def test_a_change_in_short_has_its_definitions() -> None:
    """Lines with what the file defines, before and after; any where it defines nothing; a name where one is new."""
    before, after = CODE.splitlines(keepends=True), CODE.replace("area", "size_of").splitlines(keepends=True)
    edit = file_change("edit", "u", "a.py", before, after)
    text = file_change("rename", "u", "a.txt", ["one\n"], ["two\n"], new_uri="v", new_path="b.txt")
    assert changed([edit, text], syntax).splitlines() == [
        "a.py (edit)", "- def area(w, h):", "+ def size_of(w, h):", "- size = area(1, 2)", "+ size = size_of(1, 2)",
        "a.txt is now b.txt", "- one", "+ two",
    ]  # fmt: skip


def test_no_part_of_a_secret() -> None:
    """A line of a private key is told by its neighbours, and a token that is cut by nothing: neither is shown."""
    key, inside = pem("RSA")
    inside[2] = f"{inside[2][:20]}/abcd/{inside[2][26:]}"
    key = "".join(f"{line}\n" for line in (key.splitlines()[0], *inside, key.splitlines()[-1]))
    assert shown(f"{key}# abcd\n", "abcd") == f"line {len(inside) + 3}: # abcd\n"
    assert shown(f"def f(x='{'y' * 300}'):\n    pass\n") == ""
    lines = key.splitlines(keepends=True)
    new = changed([file_change("edit", "u", "a.txt", ["a\n"], ["a\n", *lines, "b\n"])], syntax)
    assert not any(line in new for line in inside)
    assert new.splitlines()[-1] == "+ b"
