"""Which files a completion may show, and how much: the route of the document decides, and never the other way round."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from turnout.complete import Rules
from turnout.core.fim import budget
from turnout.core.fim.budget import Pace
from turnout.core.fim.layout import Window
from turnout.core.requests import Kind, Model, Route
from turnout.errors import PathRefused
from turnout.files import Folder
from turnout.models.hardware import Speed
from turnout.session.surroundings import Surroundings

NEAR = Model("near", "local", "tiny")
FAR = Model("far", "openai-chat", "large", leaves_machine=True)
URI = "file:///w/a.py"
ROUTES: dict[str, tuple[Model, ...]] = {"open": (FAR, NEAR), "local": (NEAR,), "nowhere": ()}


@dataclass
class Folders:
    """Documents whose names tell where their text may go, all together where the strictest of them may."""

    root: Path | None = None

    def folder(self, uri: str) -> Folder | None:
        return Folder(self.root) if self.root else None

    def relative_path(self, uri: str) -> str:
        return uri

    def may_read(self, uri: str) -> bool:
        return "unread" not in uri

    async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None:
        """Everything is read already."""

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        if any("strange" in uri for uri in uris):
            raise PathRefused("It cannot be followed.")
        chains = [next((chain for name, chain in ROUTES.items() if name in uri), (FAR, NEAR)) for uri in uris]
        return Route(kind, min(chains, key=len), (), "")

    def rules(self, uri: str) -> Rules:
        return Rules(max_tokens=96)


def surroundings(
    folders: Folders | None = None,
    run: tuple[str, str] | None = ("tiny", "llamacpp"),
    speeds: tuple[Speed, ...] = (),
) -> Surroundings:
    return Surroundings(folders or Folders(), lambda _uri: None, lambda _name: run, lambda: speeds)


@pytest.mark.parametrize(
    ("document", "other", "goes"),
    [
        ("open.py", "open.rs", True),
        ("local.py", "open.rs", True),
        ("local.py", "local.rs", True),
        ("open.py", "local.rs", False),
        ("open.py", "nowhere.rs", False),
        ("open.py", "unread.rs", False),
        ("open.py", "strange.rs", False),
        ("nowhere.py", "open.rs", False),
    ],
)
async def test_a_file_goes_along_only_where_the_route_stays_the_same(
    document: str, other: str, goes: bool
) -> None:
    """Context neither closes a route nor goes where its file may not go."""
    assert await surroundings().goes_with(document, other) is goes


def test_a_path_has_a_uri_within_its_folder(tmp_path: Path) -> None:
    """Nothing outside of it is named, and outside of every folder there is nothing."""
    found = surroundings(Folders(tmp_path))
    assert found.uri(URI, "sub/b.py") == (tmp_path / "sub/b.py").as_uri()
    assert found.uri(URI, "../b.py") is None
    assert surroundings().uri(URI, "b.py") is None


MEASURED = tuple(
    Speed(model, engine, prefill, 50.0)
    for model, engine, prefill in (
        ("other", "llamacpp", 9.0),
        ("tiny", "fake", 9.0),
        ("tiny", "llamacpp", 900.0),
    )
)


@pytest.mark.parametrize(
    ("uri", "run", "pace"),
    [
        ("local.py", ("tiny", "llamacpp"), Pace(900.0, 50.0)),
        ("local.py", ("tiny", "exllamav2"), Pace()),
        ("local.py", None, Pace()),
    ],
    ids=["measured", "on another engine", "not started"],
)
async def test_a_model_here_is_shown_what_it_reads_in_time(
    uri: str, run: tuple[str, str] | None, pace: Pace
) -> None:
    """By what this very model on this very engine was measured at, if it was."""
    found = await surroundings(run=run, speeds=MEASURED).window(uri)
    assert found == budget.window(pace, None, NEAR.context_tokens, 96)


@pytest.mark.parametrize("uri", ["open.py", "nowhere.py"])
async def test_other_models_have_the_usual_room(uri: str) -> None:
    """Reading costs them money rather than the user's time."""
    assert await surroundings(speeds=MEASURED).window(uri) == Window()
