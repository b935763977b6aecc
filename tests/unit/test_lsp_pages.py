"""Pages: what an editor is given to show."""

import os
import time
from pathlib import Path

import pytest

from turnout.lsp.pages import Pages


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runtime directory."""
    monkeypatch.setenv("TURNOUT_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def names(folder: Path) -> set[str]:
    """What stands in a folder."""
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Explain total", "Explain total 1.md"),
        ("Explain ../../etc/passwd", "Explain etc passwd 1.md"),
        ("Explain `größe`: a\\b\n", "Explain größe a b 1.md"),
        ("...", "Turnout 1.md"),
        ("x" * 500, "x" * 60 + " 1.md"),
    ],
)
async def test_names(runtime: Path, title: str, name: str) -> None:
    """A page is named after its title, whatever that is, in a folder of its server's own."""
    page = await Pages().write(title, "text")
    assert page.name == name
    assert page.parent.parent == runtime


async def test_pages_of_a_name(runtime: Path) -> None:
    """Two pages of one title are two files, and text that is no Unicode is written as far as it is."""
    pages = Pages()
    first, second = await pages.write("A", "one"), await pages.write("A", "two \ud800")
    assert (first.read_text(), second.read_text()) == ("one", "two ?")
    await pages.clear()
    assert names(runtime) == set()


async def test_what_a_killed_server_left(runtime: Path) -> None:
    """Pages of another server stay for a day, what else is there stays, and nothing is followed out of the folder."""
    now = time.time()
    for name, age_s in (("pages-new", 3600), ("pages-old", 25 * 3600), ("other", 25 * 3600)):
        folder = runtime / name
        folder.mkdir()
        (folder / "a.md").write_text("text")
        os.utime(folder, (now - age_s, now - age_s))
    (runtime / "pages-link").symlink_to(runtime / "other", target_is_directory=True)
    os.utime(runtime / "pages-link", (now - 25 * 3600,) * 2, follow_symlinks=False)
    pages = Pages()
    page = await pages.write("A", "text")
    left = names(runtime) - {page.parent.name, "pages-link"}
    assert left == {"pages-new", "other"}
    assert (runtime / "other/a.md").exists()
