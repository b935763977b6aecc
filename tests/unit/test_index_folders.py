"""An index is true to its folder: what is new, changed, moved, gone, forbidden or odd, round by round."""

import os
import socket
import sqlite3
import stat
from pathlib import Path

import pytest

from support.index_kit import SHOP, Folder, age, everything, sound, write
from turnout.index import indexing, listing, schema, summary
from turnout.index.indexing import Indexing, Rules, Watcher
from turnout.index.limits import allowed_in
from turnout.syntax.symbols import Symbols


@pytest.fixture
def shop(tmp_path: Path) -> Folder:
    """A small shop, not yet indexed."""
    return Folder(tmp_path)


def test_a_second_start_reads_nothing(shop: Folder) -> None:
    """What has not changed is not read again, by whichever process comes next."""
    assert shop.round() == len(SHOP)
    before = everything(shop.index)
    assert shop.round() == 0
    assert everything(shop.index) == before
    assert sound(shop)


def test_only_what_changed_is_read(shop: Folder) -> None:
    """A file that looks different is read; one that looks different and is the same keeps its rows."""
    shop.round()
    (kept,) = shop.rows("SELECT id FROM files WHERE path = 'shop/prices.py'")
    write(shop.root, {"shop/cart.py": "class Basket:\n    pass\n"})
    os.utime(shop.root / "shop/prices.py", (1, 1))
    assert shop.round() == 2
    index = shop.index
    assert [one.name for one in index.outline("shop/cart.py")] == ["Basket"]
    assert index.definitions(["Cart"]) == index.mentions("Cart", 0) == ()
    assert shop.rows("SELECT id FROM files WHERE path = 'shop/prices.py'") == [kept]
    assert shop.round() == 1, "what was written just now may change again unseen"
    age(shop.root)
    shop.round()
    assert shop.round() == 0
    assert sound(shop)


def test_a_file_that_changes_while_it_is_read(shop: Folder) -> None:
    """It is read again in the next round, even if it looks the same by then."""
    shop.round()
    written = shop.root / "shop/cart.py"
    write(shop.root, {"shop/cart.py": "class Early: pass\n"})
    shop.round()
    look = written.stat()
    write(shop.root, {"shop/cart.py": "class Later: pass\n"})
    os.utime(written, ns=(look.st_atime_ns, look.st_mtime_ns))
    shop.round()
    assert [one.name for one in shop.index.outline("shop/cart.py")] == ["Later"]


def test_gone_and_moved(shop: Folder) -> None:
    """What was deleted or moved is not where it was."""
    shop.round()
    (shop.root / "notes.txt").unlink()
    (shop.root / "shop").rename(shop.root / "store")
    shop.round()
    assert shop.files == ["store/__init__.py", "store/cart.py", "store/prices.py", "tests/test_cart.py"]
    assert [one.path for one in shop.index.definitions(["Cart"])] == ["store/cart.py"]
    assert sound(shop)


def file_to_folder(path: Path) -> None:
    path.unlink()
    write(path, {"a.py": "class New: pass\n"})


UPDATES = {
    "written": (lambda root: write(root, {"shop/cart.py": "class New: pass\n"}), ["shop/cart.py"]),
    "made": (lambda root: write(root, {"shop/new.py": "class New: pass\n"}), ["shop/new.py"]),
    "deleted": (lambda root: (root / "notes.txt").unlink(), ["notes.txt"]),
    "folder moved": (lambda root: (root / "shop").rename(root / "store"), ["shop", "store"]),
    "folder made": (lambda root: write(root, {"a/b/c.py": "class New: pass\n"}), ["a"]),
    "file to folder": (
        lambda root: file_to_folder(root / "notes.txt"),
        ["notes.txt"],
    ),
    "left out": (
        lambda root: write(root, {"notes.txt": b"\0", "more.bin": b"\0"}),
        ["notes.txt", "more.bin"],
    ),
    "hidden": (lambda root: write(root, {".git/a.py": "class New: pass\n"}), [".git/a.py", ".git"]),
    "outside": (lambda root: write(root, {"../a.py": "class New: pass\n"}), ["../a.py", "..", "", ".", "/"]),
    "odd names": (lambda root: None, ["\0", "\udcff.py", "a/../../b", "shop//cart.py", "x" * 5_000]),
}


@pytest.mark.parametrize("name", UPDATES)
def test_an_update_is_a_small_round(shop: Folder, name: str) -> None:
    """Told what changed, the index is what a round over everything would make of it."""
    change, paths = UPDATES[name]
    shop.round()
    change(shop.root)
    shop.update(*paths)
    assert shop.rows("SELECT value FROM meta WHERE key = 'files'") == [(len(shop.files),)]
    updated = everything(shop.index)
    shop.round()
    assert everything(shop.index) == updated
    assert sound(shop)


FORBIDDEN = {
    "ignored": ({".gitignore": "secret*\n"}, "secret.py"),
    "ignored folder": ({".gitignore": "build/\n"}, "build/deep/a.py"),
    "ignored deeper": ({"a/.gitignore": "/b\n"}, "a/b/c.py"),
    "packages": ({}, "web/node_modules/p/a.py"),
    "virtual environment": ({"env/pyvenv.cfg": ""}, "env/lib/a.py"),
    "cache": ({"out/CACHEDIR.TAG": ""}, "out/deep/a.py"),
    "kept from AI tools": ({".cursorignore": "*.sql\n"}, "a.sql"),
    "our own ignore file": ({"a/.turnoutignore": "*\n"}, "a/b.py"),
    "hidden": ({}, ".github/a.py"),
    "nested settings": ({"a/.turnout.toml": '[privacy]\nnever_read = ["*.py"]\n'}, "a/b.py"),
    "nested settings, broken": ({"a/.turnout.toml": "[privacy"}, "a/b.py"),
    "nested settings, odd": ({"a/.turnout.toml": "privacy = 3"}, "a/b.py"),
    "settings above": ({"../.turnout.toml": '[privacy]\nnever_read = ["work/a/*"]\n'}, "a/b.py"),
    "never read": ({}, "keys/id_rsa.txt"),
    "binary": ({}, "a.bin"),
    "too large": ({}, "large.txt"),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_must_not_be_in_it(shop: Folder, name: str) -> None:
    """What ignore files, settings, size or the text check keep away is in no answer, told of singly or not."""
    rules, path = FORBIDDEN[name]
    content = {"a.bin": b"\0\1", "large.txt": b"word " * 300_000}.get(path, b"def hidden(): pass\n")
    write(shop.root, {path: content})
    shop.round()
    write(shop.root, rules)
    never_read = ("id_rsa*",)
    assert shop.round(never_read) >= 0
    assert path not in shop.files
    subject = shop.indexing(never_read)
    subject.update([path])
    subject.close()
    assert path not in shop.files
    assert shop.index.definitions(["hidden"]) == shop.index.mentions("hidden") == ()
    assert set(SHOP) <= set(shop.files)
    assert sound(shop)


def test_a_repository_says_itself_what_is_nobody_s_own(shop: Folder) -> None:
    """Packages that its ignore files do not name are indexed with the rest, told of singly or not."""
    (shop.root / ".git").mkdir()
    paths = ["web/node_modules/p/a.py", "env/lib/a.py"]
    write(shop.root, {"env/pyvenv.cfg": "", **dict.fromkeys(paths, "")})
    assert shop.update(*paths) == len(paths)
    shop.round()
    assert shop.files == sorted([*SHOP, *paths, "env/pyvenv.cfg"])


def test_links_lead_nowhere(shop: Folder) -> None:
    """A link is not followed, so that loops end and nothing outside is read."""
    outside = shop.root.parent / "outside"
    write(outside, {"secret.py": "def outside(): pass\n"})
    (shop.root / "loop").symlink_to(shop.root)
    (shop.root / "out").symlink_to(outside)
    (shop.root / "file.py").symlink_to(outside / "secret.py")
    shop.round()
    shop.update("loop", "loop/shop/cart.py", "out/secret.py", "file.py")
    assert shop.files == sorted(SHOP)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_odd_things_hold_nobody_up(tmp_path: Path) -> None:
    """A pipe or a socket is no file, also where it takes the place of one between listing and reading."""
    shop = Folder(tmp_path)
    os.mkfifo(shop.root / "pipe.py")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(shop.root)  # the name of a socket has to be short
        try:
            listener.bind("socket.py")
        finally:
            os.chdir(here)
        shop.round()
    shop.update("pipe.py", "socket.py")
    assert shop.files == sorted(SHOP)
    assert indexing._bytes_of(shop.root / "pipe.py") is None


def test_names_that_are_not_utf8(shop: Folder) -> None:
    """What no editor could name is left out, and so is what is in it; how much is, the index says."""
    odd = os.fsdecode(b"\xff\xfe")
    files = {f"{odd}.py": "x = 1\n", f"{odd}/a.py": "x = 1\n", f"{odd}.log": "", f".{odd}": ""}
    try:
        write(shop.root, {**files, ".gitignore": "*.log\n"})
    except OSError:
        pytest.skip("the disk takes no such names")
    shop.round()
    assert summary(shop.database).left_out == {"its name is not UTF-8": 2}
    shop.update(f"{odd}.py", odd)
    assert shop.files == sorted(SHOP)
    (shop.root / f"{odd}.py").unlink()
    (shop.root / f"{odd}/a.py").unlink()
    (shop.root / odd).rmdir()
    shop.round()
    assert summary(shop.database).left_out == {}


def test_no_more_than_the_limit(tmp_path: Path) -> None:
    """Of too many files those nearest the top are indexed, and the rest is not waited for."""
    folder = Folder(tmp_path, {f"{'d/' * (n % 5)}f{n}.py": f"def f{n}(): pass\n" for n in range(50)})
    subject = folder.indexing(rules=Rules(max_files=20))
    assert subject.round() == 20
    subject.close()
    assert all(path.count("/") < 2 for path in folder.files)


def test_many_small_files_in_one_folder(tmp_path: Path) -> None:
    """A folder of thousands is listed in one go, and its files are written in few transactions."""
    folder = Folder(tmp_path, {f"n{n}.txt": "" for n in range(3_000)})
    told: list[tuple[int, int]] = []
    subject = folder.indexing(watcher=Watcher(progress=lambda done, of: told.append((done, of))))
    assert subject.round() == 3_000
    subject.close()
    assert told[-1] == (3_000, 3_000)
    assert len(told) < 150


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder(shop: Folder) -> None:
    """A repository that cannot be written is indexed like any other."""
    shop.root.chmod(0o500)
    try:
        assert shop.round() == len(SHOP)
    finally:
        shop.root.chmod(0o700)


def test_nothing_is_written_into_the_folder(shop: Folder) -> None:
    """The index lives elsewhere, and only its user can read it."""
    before = sorted(shop.root.rglob("*"))
    shop.round()
    assert sorted(shop.root.rglob("*")) == before
    assert stat.S_IMODE(shop.database.stat().st_mode) == 0o600


def _other_program(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.executescript(
        "PRAGMA application_id = 7; CREATE TABLE files (a); INSERT INTO files VALUES (1)"
    )
    connection.close()


def _older(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()


def _without_a_table(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE words")
    connection.close()


SPOILT = {
    "garbage": (lambda path: path.write_bytes(b"SQLite format 3\0" + b"\xff" * 9_000), "damaged"),
    "text": (lambda path: path.write_text("hello\n" * 2_000), "damaged"),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:5_000]), "damaged"),
    "empty": (lambda path: path.write_bytes(b""), "another program"),
    "another program": (_other_program, "another program"),
    "another version": (_older, "another version"),
    "a table is gone": (_without_a_table, "damaged"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_database_is_begun_anew(shop: Folder, name: str) -> None:
    """Whatever is in its place, the index is built, and whoever builds it knows why it had to."""
    spoil, reason = SPOILT[name]
    shop.round()
    before = everything(shop.index)
    spoil(shop.database)
    subject = shop.indexing()
    assert reason in subject.begun_anew
    assert subject.round() == len(SHOP)
    subject.close()
    assert everything(shop.index) == before
    assert sound(shop)


def test_who_reads_finds_the_new_database(shop: Folder) -> None:
    """An index that was begun anew by somebody else is read, and written to, by everyone who had the old one open."""
    shop.round()
    with shop.open() as index:
        writer = shop.indexing()
        assert index.files()
        schema.begin_anew(shop.database, shop.root)
        assert index.files() == ()
        assert writer.round() == len(SHOP)
        writer.close()
        assert index.files() == tuple(sorted(SHOP))


def test_a_full_disk(tmp_path: Path) -> None:
    """What does not fit is not there, what was there before still is, and with room again nothing is missing."""
    folder = Folder(tmp_path)
    folder.round()
    write(folder.root, {f"big{n}.txt": os.urandom(30_000).hex() for n in range(200)})
    subject = folder.indexing(max_pages=300)
    with pytest.raises(sqlite3.OperationalError) as full:
        subject.round()
    subject.close()
    assert full.value.sqlite_errorcode == sqlite3.SQLITE_FULL
    assert folder.index.definitions(["Cart"])
    assert sound(folder)
    folder.round()
    assert len(folder.files) == len(SHOP) + 200


def test_a_round_that_is_stopped_goes_on_later(tmp_path: Path) -> None:
    """What was done stays done, and the next round does the rest."""
    folder = Folder(tmp_path, {f"f{n}.py": f"def f{n}(): pass\n" for n in range(100)})
    read: list[str] = []
    watcher = Watcher(
        parsing=lambda path: read.append(path), urgent=lambda: True, stopped=lambda: len(read) > 60
    )
    first = folder.indexing(watcher=watcher)
    done = first.round()
    first.close()
    assert 0 < done < 100
    assert folder.round() == 100 - done


def test_what_is_urgent_comes_between(tmp_path: Path) -> None:
    """A save during a long round is in the index at once, and the round does not undo it."""
    folder = Folder(tmp_path, {f"f{n:03}.py": f"def f{n}(): pass\n" for n in range(100)})
    seen: list[tuple[str, ...]] = []

    def between() -> None:
        if not seen:
            write(folder.root, {"f000.py": "def saved(): pass\n"})
            subject.update(["f000.py"])
            seen.append(tuple(one.path for one in folder.index.definitions(["saved"])))

    subject = folder.indexing(watcher=Watcher(urgent=lambda: True, between=between))
    subject.round()
    subject.close()
    assert seen == [("f000.py",)]
    assert [one.path for one in folder.index.definitions(["saved"])] == ["f000.py"]


def test_a_plain_file_stays_plain(shop: Folder) -> None:
    """A file whose grammar ended a process is kept as text until it changes; a language that keeps doing so, always."""
    root = shop.root.resolve()

    def rounds(rules: Rules) -> list[str]:
        parsed: list[str] = []

        def parse(path: str, _language: str, _text: str) -> Symbols:
            parsed.append(path)
            return Symbols()

        subject = Indexing(root, shop.database, parse, rules)
        subject.round()
        subject.close()
        return sorted(parsed)

    rounds(Rules(plain=["shop/cart.py"]))
    assert shop.index.outline("shop/cart.py") == ()
    assert shop.index.mentions("price_of"), "it is still found as text"
    os.utime(shop.root / "shop/cart.py", (5, 5))
    assert rounds(Rules()) == []
    write(shop.root, {"shop/cart.py": "class Fixed: pass\n"})
    assert rounds(Rules()) == ["shop/cart.py"]
    write(shop.root, {"shop/cart.py": "class Again: pass\n"})
    assert rounds(Rules(plain_languages=["python"])) == []


def test_ignore_files_are_understood_as_elsewhere(tmp_path: Path) -> None:
    """The fast way to ask about the files of one folder says the same as asking about each."""
    from pathlib import PurePosixPath

    from turnout.ignores import Ignores

    write(
        tmp_path,
        {
            ".gitignore": "*.log\n/build/\n!keep.log\ndeep/*.tmp\n",
            "a/.gitignore": "!x.log\n*.py\n",
            "a/b/.cursorignore": "*.md\n",
            "a/b/.gitignore": "!y.py\n",
        },
    )
    ignores = Ignores(tmp_path)
    names = ("x.log", "keep.log", "build", "y.py", "z.md", "t.tmp", "deep")
    for folder in (".", "a", "a/b", "a/b/deep", "deep", "build"):
        left_out = ignores.of_folder(PurePosixPath(folder))
        for name in names:
            for is_folder in (False, True):
                path = PurePosixPath(folder) / name
                assert left_out(name, is_folder) == ignores.left_out(path, is_folder=is_folder), path


def test_a_list_ends_at_its_limit(tmp_path: Path) -> None:
    """A folder with more files than are indexed is listed no further than that."""
    asked = 0

    def allowed(_path: str) -> bool:
        nonlocal asked
        asked += 1
        return True

    write(tmp_path, {f"{n % 20}/{n}.py": "" for n in range(2_000)})
    assert sum(1 for _ in listing.walk(tmp_path, allowed, 700)) == asked == 700


def test_never_read_of_the_settings(tmp_path: Path) -> None:
    """The workspace's patterns hold in any case and composition of letters, as everywhere."""
    allowed = allowed_in(tmp_path, (".env*", "*.PEM", "secrets/**"))
    assert [allowed(path) for path in ("a.py", "a.pem", "deep/B.pem", "secrets/a.py", "secret/a.py")] == [
        True,
        False,
        False,
        False,
        True,
    ]
    assert not allowed_in(tmp_path, ("[",))("a.py"), "a pattern that says nothing forbids everything"
