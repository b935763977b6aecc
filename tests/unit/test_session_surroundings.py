"""Which files a completion may show, and how much: the route of the document decides, and never the other way round."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from support.secrets import made
from turnout.complete import Rules
from turnout.core.fim import budget
from turnout.core.fim.budget import Pace
from turnout.core.fim.layout import Window
from turnout.core.models import Model
from turnout.core.requests import Kind, Route
from turnout.errors import PathRefused
from turnout.files import Folder
from turnout.models.hardware import Speed
from turnout.session.surroundings import PIECE_CHARACTERS, Surroundings

NEAR = Model("near", "local", "tiny")
FAR = Model("far", "openai-chat", "large", leaves_machine=True)
BESIDE = Model("beside", "completions", "tiny", server="llama-server", base_url="http://127.0.0.1:8012/v1")
URI = "file:///w/a.py"
ROUTES: dict[str, tuple[Model, ...]] = {
    "open": (FAR, NEAR),
    "local": (NEAR,),
    "beside": (BESIDE,),
    "team": (replace(BESIDE, leaves_machine=True),),
    "nowhere": (),
}
TOLD = {BESIDE: Pace(40.0)}


@dataclass
class Folders:
    """Documents whose names tell where their text may go, all together where the strictest of them may."""

    root: Path | None = None

    def folder(self, uri: str) -> Folder | None:
        return Folder(self.root) if self.root else None

    def relative_path(self, uri: str) -> str:
        return uri

    def may_read(self, uri: str, *, typing: bool = False) -> bool:
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
    return Surroundings(
        folders or Folders(), lambda _uri: None, lambda _name: run, lambda: speeds, TOLD.__getitem__
    )


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
    assert (await surroundings().objection("inline", document, (other,)) == "") is goes
    assert (await surroundings().objection("inline", document, ("open.c", other)) == "") is goes


@pytest.mark.parametrize(
    "terms", [{"ask_before_leaving": True}, {"secrets": "block"}], ids=["asked about", "secrets"]
)
async def test_a_file_goes_along_only_on_the_same_terms(terms: dict[str, Any]) -> None:
    """A file that is to be asked about would have its neighbours asked about, too."""

    class Stricter(Folders):
        def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
            route = replace(super().decide(kind, uris, input_tokens), ask_before_leaving=False)
            return replace(route, **terms) if "strict.rs" in uris else route

    assert not await surroundings(Stricter()).objection("inline", "open.py", ("open.rs",))
    assert await surroundings(Stricter()).objection("inline", "open.py", ("strict.rs",))


async def test_a_file_goes_along_by_the_route_of_the_very_kind() -> None:
    """Ghost text and the menu may have different models."""

    class Kinds(Folders):
        def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
            return super().decide(kind, uris if kind == "popup" else uris[:1], input_tokens)

    assert not await surroundings(Kinds()).objection("inline", "open.py", ("local.rs",))
    assert await surroundings(Kinds()).objection("popup", "open.py", ("local.rs",))


def test_a_file_that_changed_looks_different(tmp_path: Path) -> None:
    """Whatever takes its place, and whether or not it can be read."""
    found, file = surroundings(Folders(tmp_path)), tmp_path / "a.py"
    uri = file.as_uri()
    assert found.look(uri) is None
    file.write_text("one = 1\ntwo = 2\n")
    before = found.look(uri)
    assert before == found.look(uri)
    assert found.holds(uri, "    two = 2\none = 1")
    assert not found.holds(uri, "three = 3")
    (tmp_path / "b.py").write_text("one = 1\ntwo = 3\n")
    (tmp_path / "b.py").replace(file)
    assert found.look(uri) not in (None, before)
    assert not found.holds(uri, "two = 2")
    assert not found.holds((tmp_path).as_uri(), "two = 2")
    assert not found.holds("untitled:x", "two = 2")
    assert found.look("untitled:x") is None


@pytest.mark.parametrize("above", ["", "filler = 0\n" * (PIECE_CHARACTERS // 10)], ids=["short", "long"])
def test_nothing_of_a_file_that_has_a_secret_by_now(tmp_path: Path, above: str) -> None:
    """Also where no editor says that it was written: the index knows its text from before, and no more."""
    found, file = surroundings(Folders(tmp_path)), tmp_path / "a.py"
    file.write_text(f"one = 1\n{above}")
    assert found.holds(file.as_uri(), "one = 1")
    file.write_text(f'one = 1\n{above}key = "ghp_{made(36)}"\n')
    assert not found.holds(file.as_uri(), "one = 1")
    assert not found.holds(file.as_uri(), "one = 1")
    file.write_text(f"one = 1\n{above}")
    assert found.holds(file.as_uri(), "one = 1")


@pytest.mark.parametrize("name", [".gitignore", ".turnoutignore"])
@pytest.mark.parametrize("line", ["a.py", "sub/", "*.py"])
def test_a_file_that_came_to_be_ignored_is_kept_out(tmp_path: Path, name: str, line: str) -> None:
    """From the moment in which the ignore file says so, and until it no longer does."""
    found, file = surroundings(Folders(tmp_path)), tmp_path / "sub/a.py"
    file.parent.mkdir()
    file.write_text("one = 1\n")
    assert found.look(file.as_uri())
    (tmp_path / name).write_text(line + "\n")
    assert found.look(file.as_uri()) is False
    assert not found.holds(file.as_uri(), "one = 1")
    (tmp_path / name).unlink()
    assert found.look(file.as_uri())


@pytest.mark.parametrize("link", ["a.py", "sub"])
def test_a_file_that_became_a_link_is_kept_out(tmp_path: Path, link: str) -> None:
    """It shows what another file says, which may be one that nobody may read."""
    found, file = surroundings(Folders(tmp_path)), tmp_path / "sub" / "a.py"
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault/a.py").write_text("one = 1\n")
    if link == "sub":
        file.parent.symlink_to("vault")
    else:
        file.parent.mkdir()
        file.symlink_to("../vault/a.py")
    assert found.look(file.as_uri()) is False
    assert not found.holds(file.as_uri(), "one = 1")


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


async def test_a_server_here_is_shown_what_it_reads_in_time() -> None:
    """By what it says itself of the prompts before."""
    found = await surroundings().window("beside.py")
    assert found == budget.window(TOLD[BESIDE], None, BESIDE.context_tokens, 96)


@pytest.mark.parametrize("uri", ["open.py", "nowhere.py", "team.py"])
async def test_other_models_have_the_usual_room(uri: str) -> None:
    """Reading costs them money rather than the user's time."""
    assert await surroundings(speeds=MEASURED).window(uri) == Window()
