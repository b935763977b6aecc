"""A `.turnout.toml` in a folder around a file, which is not that of its workspace: it only takes away."""

import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from support.dispatch_kit import NEAR, Around, Scripted, ask, route, says
from support.session_kit import FakeEditor
from turnout.__main__ import main
from turnout.core.health import Spend
from turnout.core.receipts import SentFile
from turnout.core.requests import Kind, Route
from turnout.dispatch import Dispatcher
from turnout.errors import PathRefused
from turnout.files import path_to_uri
from turnout.session.places import LINKS_KEPT_S
from turnout.session.workspaces import Workspaces
from turnout.settings import load

NEVER = '[privacy]\nleaves_machine = "never"\n'
FAR = (
    '[models.hole]\napi = "completions"\nmodel = "qwen2.5-coder"\nbase_url = "https://hole.example/v1"\n'
    'jurisdiction = "EU"\n[routes.inline]\nmodels = ["hole", "near"]\n[privacy]\nleaves_machine = "allow"\n'
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose user lets text leave, in a folder of its own."""
    monkeypatch.setenv("TURNOUT_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.toml").write_text(FAR)
    for name in ("ws/sub/deep/secrets", "ws/other"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path / "ws"


def opened(
    root: Path | None, *, editor: FakeEditor | None = None, now: list[float] | None = None
) -> Workspaces:
    """An editor with one folder, where every model has its key."""
    clock = now or [0.0]
    made = Workspaces(
        editor or FakeEditor(), load, lambda _p: True, lambda _r: "key", lambda _w: Spend(), lambda: clock[0]
    )
    made.set_roots([root] if root else [])
    return made


def reaches(subject: Workspaces, *files: Path, kind: Kind = "inline") -> bool:
    """Whether a request about `files` may leave this machine."""
    route = subject.decide(kind, tuple(map(path_to_uri, files)), 10)
    return any(model.leaves_machine for model in route.candidates)


@pytest.mark.parametrize("kind", ["inline", "rewrite"])
@pytest.mark.parametrize(
    ("at", "text", "kept", "free"),
    [
        ("sub", NEVER, ["sub/a.py", "sub/deep/a.py"], ["a.py", "other/a.py", "subs.py"]),
        ("sub/deep", NEVER, ["sub/deep/a.py"], ["a.py", "sub/a.py"]),
        ("..", NEVER, ["a.py", "sub/a.py"], []),
        ("sub", '[privacy]\njurisdictions = ["US"]\n', ["sub/a.py"], ["a.py"]),
        ("sub", '[privacy]\nlocal_only = ["secrets/**"]\n', ["sub/secrets/a.py"], ["secrets/a.py", "sub/deep/a.py"]),
        ("sub", '[privacy]\nlocal_only = ["*.own"]\n', ["sub/a.own", "sub/deep/a.OWN"], ["a.own", "sub/a.py"]),
        ("..", '[privacy]\nlocal_only = ["ws/sub/**"]\n', ["sub/a.py"], ["a.py"]),
        ("sub", '[routes.inline]\nleaves_machine = "never"\n[routes.rewrite]\nleaves_machine = "never"\n',
         ["sub/a.py"], ["a.py"]),
        ("sub", "[budget]\nday_usd = 1.0\n", ["sub/a.py"], ["a.py"]),
        ("sub", "this is no toml", ["sub/a.py"], ["a.py"]),
    ],
)  # fmt: skip
def test_what_it_forbids_holds_for_the_files_below_it(
    root: Path, kind: Kind, at: str, text: str, kept: list[str], free: list[str]
) -> None:
    """Each file is held to every settings file around it, and paths in one count from its folder on."""
    (root.parent / "config/config.toml").write_text(
        FAR
        + '[routes.rewrite]\nmodels = ["talk", "near"]\n[models.talk]\napi = "openai-chat"\nmodel = "m"\n'
        + 'base_url = "https://talk.example/v1"\njurisdiction = "EU"\n'
    )
    (root / at / ".turnout.toml").write_text(text)
    subject = opened(root)
    assert {name for name in (*kept, *free) if not reaches(subject, root / name, kind=kind)} == set(kept)
    if free:
        assert not reaches(subject, root / free[0], root / kept[0], kind=kind), "one file of two forbids it"


def test_what_it_names_as_never_read_is_read_by_nobody(root: Path) -> None:
    """Not even by the model on this machine, and not as context of another file either."""
    (root / "sub/.turnout.toml").write_text('[privacy]\nnever_read = ["*.own"]\n')
    subject = opened(root)
    uri = path_to_uri(root / "sub/deep/a.own")
    route = subject.decide("inline", (uri,), 10)
    assert not route.candidates
    assert {out.source for out in route.eliminated} >= {f"{root}/sub/.turnout.toml:2 privacy.never_read"}
    assert not subject.may_read(uri)
    assert subject.may_read(path_to_uri(root / "a.own"))
    (root / "sub/.turnout.toml").write_text('[privacy]\nnever_read = ["*.other"]\n')
    assert subject.may_read(uri)
    assert not subject.may_read(path_to_uri(root / "sub/a.other"))


def test_it_loosens_and_chooses_nothing_and_says_so_once(root: Path) -> None:
    """Models, routes and rules are for the folder that is open, trusted or not; the user hears what does nothing."""
    (root / ".turnout.toml").write_text(NEVER)
    (root / "sub/.turnout.toml").write_text(
        '[privacy]\nleaves_machine = "allow"\n[budget]\nday_usd = 9\n[completion]\nmax_tokens = 1\n'
        '[routes.inline]\nmodels = ["hole"]\n[[rules]]\nmodels = ["hole"]\n[models.near]\npath = "/evil.gguf"\n'
    )
    editor = FakeEditor()
    subject = opened(root, editor=editor)
    for _ in range(2):
        assert not reaches(subject, root / "sub/a.py")
    uri = path_to_uri(root / "sub/a.py")
    assert subject.rules(uri).max_tokens == subject.rules(path_to_uri(root / "a.py")).max_tokens
    [model] = subject.decide("inline", (uri,), 10).candidates
    assert model.path is None
    [told] = [said for said in editor.said if "another folder" in said]
    assert told.startswith("Turnout: sub/.turnout.toml: ")
    for key in ("completion.max_tokens", "routes.inline.models", "rules", "models.near.path"):
        assert key in told


def test_a_file_that_is_open_by_itself_is_held_to_those_around_it(root: Path) -> None:
    """Without an open folder, the settings around a file still keep it here."""
    (root / "sub/.turnout.toml").write_text(NEVER)
    subject = opened(None)
    assert not reaches(subject, root / "sub/deep/a.py")
    assert reaches(subject, root / "a.py")


def test_a_link_leads_to_the_settings_around_what_it_leads_to(root: Path, tmp_path: Path) -> None:
    """A link into a folder that keeps its files here is no way out."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/.turnout.toml").write_text(NEVER)
    (tmp_path / "kept/a.py").touch()
    (root / "link.py").symlink_to(tmp_path / "kept/a.py")
    (root / "folder").symlink_to(tmp_path / "kept")
    subject = opened(root)
    for name in ("link.py", "folder/a.py"):
        assert not reaches(subject, root / name), name


async def test_one_that_comes_changes_or_goes_is_noticed(root: Path) -> None:
    """At once by a request, before long while the user types, and a changed one like that of the workspace."""
    now = [0.0]
    subject = opened(root, now=now)
    file = root / "sub/a.py"
    await subject.prepare()
    assert reaches(subject, file)
    (root / "sub/.turnout.toml").write_text(NEVER)
    assert reaches(subject, file), "a letter does not wait for the disk"
    now[0] += LINKS_KEPT_S + 1
    assert not reaches(subject, file)
    assert not subject.changed_on_disk()
    (root / "sub/.turnout.toml").write_text(NEVER.replace("never", "allow") + "\n")
    assert subject.changed_on_disk()
    await subject.prepare()
    assert reaches(subject, file)
    (root / "sub/.turnout.toml").unlink()
    assert subject.changed_on_disk()


async def test_deciding_after_ready_reads_no_file(root: Path) -> None:
    """Settings and ignore files are read and compiled on a thread, before the loop decides by them."""
    (root / "sub/.turnout.toml").write_text(NEVER)
    (root / "sub/.cursorignore").write_text("x.py\n")
    loaded_on: list[bool] = []

    def watched(*args: object, **options: object) -> object:
        loaded_on.append(threading.current_thread() is threading.main_thread())
        return load(*args, **options)  # type: ignore[arg-type]

    subject = Workspaces(FakeEditor(), watched, lambda _p: True, lambda _r: "key", lambda _w: Spend())  # type: ignore[arg-type]
    subject.set_roots([root])
    await subject.prepare()
    uri = path_to_uri(root / "sub/a.py")
    await subject.ready("inline", (uri,))
    assert not reaches(subject, root / "sub/a.py")
    assert loaded_on
    assert not any(loaded_on)


async def test_a_request_waits_for_what_is_around_its_files() -> None:
    """The route is decided after that was read; where a path cannot be followed, nothing is sent, and it is told."""
    told: list[str] = []

    class Routes(Around):
        def decide(
            self, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = ""
        ) -> Route:
            told.append(f"decide {uris}")
            return self.route

    async def ready(kind: Kind, uris: tuple[str, ...]) -> None:
        told.append(f"ready {kind} {uris}")
        if uris == ("file:///loop",):
            raise PathRefused("loop cannot be followed.")

    around, backend = Routes(route(NEAR)), Scripted({"near": says("done")})
    dispatcher = Dispatcher(around, {"local": backend}, around, around, ready=ready)
    await dispatcher.run(ask())
    uris = tuple(file.uri for file in ask().files)
    assert told == [f"ready refactor {uris}", f"decide {uris}"]
    with pytest.raises(PathRefused):
        await dispatcher.run(replace(ask(), files=(SentFile("file:///loop", 1),)))
    assert len(told) == 3
    assert around.receipts[-1].outcome.startswith("failed: loop")


def test_the_command_and_the_editor_say_the_same(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`turnout route explain` decides by the same files, whichever of the folders is named as the workspace."""
    (root / "sub/.turnout.toml").write_text(NEVER)
    (root / "sub/deep/a.py").write_text("x = 1\n")
    for workspace in (root, root / "sub", root / "sub/deep", root.parent):
        main(["route", "explain", "inline", str(root / "sub/deep/a.py"), "--workspace", str(workspace)])
        out = capsys.readouterr().out
        assert re.search(r"near +chosen", out), (workspace, out)
        assert f"{root}/sub/.turnout.toml:2 privacy.leaves_machine" in out
        assert f"workspace: {workspace}" in out
