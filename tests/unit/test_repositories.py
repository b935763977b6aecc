"""The indexes of an editor's folders: opened and closed with settings, told what changes, shown while building."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.session_kit import FakeEditor
from turnout.core.globs import PathSet, Pattern
from turnout.core.repository import IndexState
from turnout.files import path_to_uri
from turnout.session.repositories import LOOK_AGAIN_S, MANY_CHANGES, Chosen, Repositories

GUARD_S = 30.0
REST = IndexState(0, 0, 0, building=False, problem="")


class FakeIndex:
    """Notes what it is told to do."""

    def __init__(self, chosen: Chosen, told: Callable[[], None]) -> None:
        self.chosen = chosen
        self.told = told
        self.did: list[object] = []
        self.now = REST
        self.heard = asyncio.Event()

    def build(self) -> None:
        self._note("build")

    def update(self, paths: Sequence[str]) -> None:
        self._note(tuple(paths))

    def stop(self) -> None:
        self._note("stop")

    def close(self) -> None:
        self.did.append("close")

    def state(self) -> IndexState:
        return self.now

    def say(self, state: IndexState) -> None:
        self.now = state
        self.told()

    def _note(self, what: object) -> None:
        self.did.append(what)
        self.heard.set()

    async def done(self, *expected: object) -> None:
        """Wait until it was told exactly this."""
        async with asyncio.timeout(GUARD_S):
            while self.did != list(expected):
                self.heard.clear()
                await self.heard.wait()


@dataclass
class FakeFolders:
    """Folders with settings of their own."""

    roots: tuple[Path, ...]
    enabled: bool = True
    max_files: int = 100
    never_read: tuple[str, ...] = (".env*",)

    def root_of(self, uri: str) -> Path | None:
        return next((root for root in self.roots if uri.startswith(path_to_uri(root))), None)

    def settings(self, uri: str) -> Any:
        index = SimpleNamespace(enabled=self.enabled, max_files=self.max_files)
        privacy = SimpleNamespace(never_read=PathSet(Pattern(text, "") for text in self.never_read))
        return SimpleNamespace(settings=SimpleNamespace(index=index), policy=SimpleNamespace(privacy=privacy))


@dataclass
class Desk:
    """The subject with everything around it."""

    folders: FakeFolders
    editor: FakeEditor = field(default_factory=FakeEditor)
    indexes: dict[Path, list[FakeIndex]] = field(default_factory=dict)
    now_s: float = 0.0
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()

        def open_index(root: Path, chosen: Chosen, told: Callable[[], None]) -> Any:
            made = FakeIndex(chosen, told)
            self.indexes.setdefault(root, []).append(made)
            loop.call_soon_threadsafe(self.opened.set)
            return made

        self.subject = Repositories(
            self.editor, self.folders, open_index, lambda: self.now_s, settle_s=0.0, show_after_s=0.0
        )

    async def open(self) -> list[FakeIndex]:
        """Read the settings, and wait until every folder's index is built for the first time."""
        self.subject.settings_read()
        async with asyncio.timeout(GUARD_S):
            while len(self.indexes) < len(self.folders.roots):
                self.opened.clear()
                await self.opened.wait()
        newest = [self.indexes[root][-1] for root in self.folders.roots]
        for one in newest:
            await one.done("build")
        return newest


async def test_a_folder_is_indexed(tmp_path: Path) -> None:
    """Its index is opened with what the settings say, built, and found by the documents in it."""
    desk = Desk(FakeFolders((tmp_path,)))
    (index,) = await desk.open()
    assert index.chosen == Chosen(100, (".env*",))
    found: tuple[object, ...] = (
        desk.subject.of(path_to_uri(tmp_path / "a.py")),
        desk.subject.of_folder(tmp_path),
    )
    assert found == (index, index)
    assert desk.subject.of("untitled:Untitled-1") is None
    assert desk.subject.is_active
    await desk.subject.close()
    assert index.did == ["build", "close"]


async def test_settings_that_change(tmp_path: Path) -> None:
    """Other settings close an index and open another; the same ones leave it alone; off means off."""
    desk = Desk(FakeFolders((tmp_path,)))
    (first,) = await desk.open()
    desk.subject.settings_read()
    desk.folders.never_read = (".env*", "*.key")
    desk.opened.clear()
    desk.subject.settings_read()
    async with asyncio.timeout(GUARD_S):
        await desk.opened.wait()
    second = desk.indexes[tmp_path][-1]
    await second.done("build")
    assert first.did == ["build", "close"]
    assert second.chosen.never_read == (".env*", "*.key")
    desk.folders.enabled = False
    await desk.subject._settle()
    assert second.did == ["build", "close"]
    assert desk.subject.of_folder(tmp_path) is None
    assert not desk.subject.is_active
    await desk.subject.close()


async def test_a_home_folder_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody who opens an editor at home wants everything there to be read."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    desk = Desk(FakeFolders((tmp_path / "user", tmp_path, tmp_path / "user/work")))
    await desk.subject._settle()
    assert list(desk.indexes) == [tmp_path / "user/work"]
    await desk.subject.close()


async def test_changes_go_to_their_folder(tmp_path: Path) -> None:
    """A changed file is told to the innermost folder that holds it, under any name of that folder."""
    outer, inner, link = tmp_path / "a", tmp_path / "a/b", tmp_path / "link"
    inner.mkdir(parents=True)
    link.symlink_to(outer)
    desk = Desk(FakeFolders((outer, inner)))
    for_outer, for_inner = await desk.open()
    names = (outer / "x.py", inner / "deep/y.py", tmp_path / "other.py")
    desk.subject.changed([*(path_to_uri(name) for name in names), "untitled:z", "file://[broken"])
    await for_outer.done("build", ("x.py",))
    await for_inner.done("build", ("deep/y.py",))
    desk.subject.saved(path_to_uri(outer / "saved.py"))
    await for_outer.done("build", ("x.py",), ("saved.py",))
    await desk.subject.close()


RULES = (".gitignore", "deep/.turnoutignore", ".turnout.toml", ".cursorignore")


@pytest.mark.parametrize("name", RULES)
async def test_a_changed_rule_is_a_round(tmp_path: Path, name: str) -> None:
    """When what may be indexed changes, every file is looked at."""
    desk = Desk(FakeFolders((tmp_path,)))
    (index,) = await desk.open()
    desk.subject.changed([path_to_uri(tmp_path / name)])
    await index.done("build", "build")
    await desk.subject.close()


async def test_many_changes_are_a_round(tmp_path: Path) -> None:
    """A checkout of thousands of files is not taken apart file by file."""
    desk = Desk(FakeFolders((tmp_path,)))
    (index,) = await desk.open()
    desk.subject.changed([path_to_uri(tmp_path / f"f{number}.py") for number in range(MANY_CHANGES + 1)])
    await index.done("build", "build")
    await desk.subject.close()


async def test_an_editor_that_does_not_watch(tmp_path: Path) -> None:
    """For it, the whole folder is looked at on a save, but not on every one."""
    desk = Desk(FakeFolders((tmp_path,)))
    (index,) = await desk.open()
    saved = path_to_uri(tmp_path / "a.py")
    desk.subject.saved(saved)
    await index.done("build", ("a.py",))
    desk.now_s = LOOK_AGAIN_S
    desk.subject.saved(saved)
    await index.done("build", ("a.py",), "build")
    desk.subject.is_watching = True
    desk.now_s = 3 * LOOK_AGAIN_S
    desk.subject.saved(saved)
    await index.done("build", ("a.py",), "build", ("a.py",))
    await desk.subject.close()


async def test_progress_is_shown(tmp_path: Path) -> None:
    """Building is shown with how far it is, until it is over."""
    desk = Desk(FakeFolders((tmp_path,)))
    (index,) = await desk.open()
    index.say(IndexState(0, 0, 0, building=True, problem=""))
    index.say(IndexState(0, 50, 200, building=True, problem=""))
    async with asyncio.timeout(GUARD_S):
        await desk.editor.told.wait()
    assert set(desk.editor.progress_messages) == {"50 of 200 files 25"}
    index.say(REST)
    await _ended(desk.subject)
    await desk.subject.close()
    assert "stop" not in index.did


async def test_progress_can_be_cancelled(tmp_path: Path) -> None:
    """Cancelling the display breaks off the building."""
    desk = Desk(FakeFolders((tmp_path,)))
    (index,) = await desk.open()
    index.say(IndexState(0, 50, 200, building=True, problem=""))
    async with asyncio.timeout(GUARD_S):
        await desk.editor.told.wait()
    (shown,) = [task for task in desk.subject._tasks if task.get_name() == "show progress"]
    shown.cancel()
    await index.done("build", "stop")
    await desk.subject.close()


async def test_a_problem_is_said_once(tmp_path: Path) -> None:
    """What is wrong with an index is said in words, and not again."""
    desk = Desk(FakeFolders((tmp_path,)))
    (index,) = await desk.open()
    for _ in range(3):
        index.now = IndexState(0, 0, 0, building=False, problem="The disk is full.")
        desk.subject._show(tmp_path)
    assert desk.editor.said == ["Turnout: The disk is full."]
    for _ in range(3):
        index.now = IndexState(9, 0, 0, building=False, problem="", begun_anew="It was damaged.")
        desk.subject._show(tmp_path)
    assert desk.editor.said[1:] == ["Turnout: It was damaged."]
    await desk.subject.close()


async def test_an_index_that_cannot_be_opened(tmp_path: Path) -> None:
    """Without a cache directory there is no index, and everything else goes on."""
    editor = FakeEditor()

    def fails(root: Path, chosen: Chosen, told: Callable[[], None]) -> Any:
        raise PermissionError(13, "Permission denied", "/cache")

    subject = Repositories(editor, FakeFolders((tmp_path,)), fails, settle_s=0.0)
    await subject._settle()
    assert subject.of_folder(tmp_path) is None
    assert "Permission denied" in editor.said[0]
    subject.saved(path_to_uri(tmp_path / "a.py"))
    await subject.close()


async def _ended(subject: Repositories) -> None:
    """Wait until nothing is shown."""
    shown = [task for task in subject._tasks if task.get_name() == "show progress"]
    async with asyncio.timeout(GUARD_S):
        await asyncio.gather(*shown)
