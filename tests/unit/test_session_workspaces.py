"""Settings by folder: which hold for a document, what is said of them, and where trust comes from."""

import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

from support.session_kit import FakeEditor
from turnout.act.proposals import Check
from turnout.core.edits.changes import file_change
from turnout.core.globs import PathSet, Pattern
from turnout.core.health import Spend
from turnout.core.models import Model
from turnout.core.requests import Kind
from turnout.errors import PathRefused
from turnout.files import Folder, path_to_uri
from turnout.session import places
from turnout.session.checking import FolderChecks
from turnout.session.places import CLOSE_LOOK_KEPT_S, LINKS_KEPT_S
from turnout.session.workspaces import Workspaces
from turnout.settings import load, trust


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TURNOUT_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(tmp_path / "state"))
    for name in ("one", "one/inner", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one/.turnout.toml").write_text("[completion]\nenabled = false\n")
    (tmp_path / "one/inner/.turnout.toml").write_text('[completion]\ndisabled_languages = ["lua"]\n')
    return tmp_path


def workspaces(
    editor: FakeEditor, *roots: Path, trusted: Callable[[Path], bool] = lambda _path: False
) -> Workspaces:
    made = Workspaces(editor, load, trusted, lambda _reference: None, lambda _workspace: Spend())
    made.set_roots(list(roots))
    return made


def with_keys(*roots: Path) -> Workspaces:
    """Workspaces where every model has its key."""
    made = Workspaces(
        FakeEditor(), load, lambda _path: False, lambda _reference: "key", lambda _workspace: Spend()
    )
    made.set_roots(list(roots))
    return made


def test_each_document_is_under_its_innermost_folder(folders: Path) -> None:
    """Settings of one folder say nothing about another, and the inner of two folders decides."""
    subject = workspaces(FakeEditor(), folders / "one", folders / "two", folders / "one/inner")
    uri = {name: path_to_uri(folders / name / "a.py") for name in ("one", "two", "one/inner", "elsewhere")}
    assert not subject.rules(uri["one"]).enabled
    assert subject.rules(uri["two"]).enabled
    assert subject.rules(uri["one/inner"]).disabled_languages == {"lua"}
    assert subject.rules(uri["one/inner"]).enabled
    assert subject.rules(uri["elsewhere"]).enabled
    assert subject.rules("untitled:Untitled-1").enabled
    assert subject.relative_path(uri["one/inner"]) == "a.py"
    assert subject.relative_path("untitled:Untitled-1") == "untitled:Untitled-1"


async def test_a_changed_file_holds_after_a_reload(folders: Path) -> None:
    """Saving `.turnout.toml` changes the settings at the next request."""
    subject = workspaces(FakeEditor(), folders / "one")
    uri = path_to_uri(folders / "one/a.py")
    await subject.prepare()
    assert not subject.rules(uri).enabled
    assert not subject.changed_on_disk()
    (folders / "one/.turnout.toml").write_text("")
    assert subject.changed_on_disk()
    subject.reload()
    assert not subject.rules(uri).enabled, "a keystroke does not read files"
    await subject.prepare()
    assert subject.rules(uri).enabled


async def test_trust_that_is_given_or_taken_while_the_server_runs_is_seen(folders: Path) -> None:
    """`turnout trust` in a terminal holds for a server that is running."""
    subject = workspaces(FakeEditor(), folders / "two", trusted=trust.is_trusted)
    await subject.prepare()
    uri = path_to_uri(folders / "two/a.py")
    assert not subject.trusts(uri)
    trust.trust(folders / "two")
    assert subject.changed_on_disk()
    await subject.prepare()
    assert subject.trusts(uri)


def test_a_folder_opened_by_a_link_holds_its_files(folders: Path) -> None:
    """Settings hold for a file whichever way it and its folder were opened."""
    (folders / "link").symlink_to(folders / "one")
    for root, opened in (("link", "one/a.py"), ("one", "link/a.py")):
        subject = workspaces(FakeEditor(), folders / root)
        assert not subject.rules(path_to_uri(folders / opened)).enabled
        assert subject.relative_path(path_to_uri(folders / opened)) == "a.py"


def test_a_path_that_cannot_be_followed_is_refused(folders: Path) -> None:
    """A path around a loop of links gets to no model."""
    (folders / "two/loop").symlink_to(folders / "two/loop")
    subject = workspaces(FakeEditor(), folders / "two")
    with pytest.raises(PathRefused):
        subject.decide("inline", (path_to_uri(folders / "two/loop/a.py"),), 0)


@pytest.mark.parametrize(
    ("editor_says", "store_says", "reaches"),
    [(None, False, False), (None, True, True), (True, False, True), (False, True, False)],
)
def test_trust_is_the_editors_word_or_else_the_stores(
    folders: Path, editor_says: bool | None, store_says: bool, reaches: bool
) -> None:
    """A folder that the editor holds restricted stays so, whatever was trusted on the command line."""
    (folders / "two/.turnout.toml").write_text(
        '[models.team]\napi = "openai-chat"\nmodel = "m"\nbase_url = "http://127.0.0.1:1/v1"\n'
        '[routes.rewrite]\nmodels = ["team", "near"]\n'
    )
    subject = workspaces(FakeEditor(), folders / "two", trusted=lambda _path: store_says)
    subject.set_client({}, trusted=editor_says)
    explained = subject.explain("rewrite", path_to_uri(folders / "two/a.py"))
    assert (explained["chosen"] == "team") is reaches


def test_privacy_sees_through_links_and_outside_of_folders(folders: Path) -> None:
    """A link to a file that is never read is never read, and neither is such a file outside of every folder."""
    (folders / "one/.env").write_text("KEY=1")
    (folders / "one/notes.md").symlink_to(folders / "one/.env")
    subject = workspaces(FakeEditor(), folders / "one")
    assert subject.decide("inline", (path_to_uri(folders / "one/plain.md"),), 0).candidates
    for hidden in ("one/notes.md", "one/.env", "elsewhere/.ssh/id_rsa", "elsewhere/.env"):
        assert not subject.decide("inline", (path_to_uri(folders / hidden),), 0).candidates, hidden
        assert not subject.may_read(path_to_uri(folders / hidden)), hidden
    assert subject.may_read(path_to_uri(folders / "one/plain.md"))


def test_a_request_over_two_folders_is_held_to_both(folders: Path) -> None:
    """A folder that forbids text to leave does so for a refactor that began in another folder."""
    (folders / "one/.turnout.toml").write_text('[privacy]\nleaves_machine = "never"\n')
    subject = Workspaces(
        FakeEditor(), load, lambda _path: False, lambda _reference: "key", lambda _workspace: Spend()
    )
    subject.set_roots([folders / "one", folders / "two"])
    free, strict = path_to_uri(folders / "two/a.py"), path_to_uri(folders / "one/a.py")
    assert subject.decide("refactor", (free,), 10).candidates[0].leaves_machine
    route = subject.decide("refactor", (free, strict), 10)
    assert [model.name for model in route.candidates] == ["near"]
    assert "not allowed for a file of another folder" in {out.reason for out in route.eliminated}


def test_money_and_secrets_of_two_folders(folders: Path) -> None:
    """A request over two folders has the lower limits and the stricter handling of secrets, and says so."""
    (folders / "one/.turnout.toml").write_text("[budget]\nday_usd = 3\nrequest_usd = 2")
    (folders / "two/.turnout.toml").write_text(
        '[budget]\nworkspace_month_usd = 1\n[privacy]\nsecrets = "block"'
    )
    subject = workspaces(FakeEditor(), folders / "one", folders / "two")
    uris = tuple(path_to_uri(folders / name / "a.py") for name in ("one", "two"))
    for first in (uris, uris[::-1]):
        route = subject.decide("rewrite", first, 10)
        assert (route.limit_usd, route.secrets) == (1.0, "block")
        assert {str(limit) for limit in route.limits} == {"$3.00 a day", "$1.00 a month in this workspace"}
    wire = subject.explain("rewrite", uris[1])
    assert [(row["limit"], row["limitUsd"]) for row in wire["budget"]] == [("a month in this workspace", 1.0)]


def test_what_waits_for_trust_is_one_message(folders: Path) -> None:
    """A hostile file is one line in the editor: the file, the keys and the command that would give trust."""
    (folders / "two/.turnout.toml").write_text(
        '[models.evil]\napi = "anthropic"\nmodel = "m"\nbase_url = "https://evil.example"\n'
    )
    editor = FakeEditor()
    workspaces(editor, folders / "two").rules(path_to_uri(folders / "two/a.py"))
    [said] = editor.said
    assert said.startswith("Turnout: .turnout.toml: models.evil.")
    assert "models.evil.base_url" in said
    assert said.endswith(f"ignored until you trust this workspace: turnout trust {folders / 'two'}")


async def test_settings_are_read_ahead_and_problems_said_once(folders: Path) -> None:
    """Wrong settings are named when they are read, a few of them, and once."""
    (folders / "two/.turnout.toml").write_text("".join(f"wrong{n} = 1\n" for n in range(9)))
    editor = FakeEditor()
    subject = workspaces(editor, folders / "two")
    await subject.prepare()
    await subject.prepare()
    assert len(editor.said) == 4
    assert "6 more settings" in editor.said[-1]


def test_a_link_is_followed_again_for_completions_before_long_and_for_everything_else_each_time(
    folders: Path,
) -> None:
    """Typing does not ask the disk at each letter where a link leads; a moved link is noticed all the same."""
    (folders / "two/.turnout.toml").write_text('[privacy]\nnever_read = ["secret*"]\n')
    for name in ("open.py", "secret.py"):
        (folders / "two" / name).touch()
    link = folders / "two/link.py"
    link.symlink_to("open.py")
    now = [0.0]
    subject = Workspaces(
        FakeEditor(),
        load,
        lambda _path: False,
        lambda _reference: None,
        lambda _workspace: Spend(),
        lambda: now[0],
    )
    subject.set_roots([folders / "two"])

    def allowed() -> list[bool]:
        return [
            bool(subject.decide(kind, (path_to_uri(link),), 10).candidates) for kind in ("inline", "rewrite")
        ]

    assert allowed() == [True, True]
    link.unlink()
    link.symlink_to("secret.py")
    assert allowed() == [True, False]
    now[0] += LINKS_KEPT_S + 1
    assert allowed() == [False, False]


async def test_what_was_read_for_a_request_is_not_read_again_on_the_event_loop(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deciding and permitting right behind `ready` take no look at the disk; a little later, they do."""
    names = [f"two/{number}.py" for number in range(5)]
    for name in names:
        (folders / name).touch()
    uris = tuple(path_to_uri(folders / name) for name in names)
    now, loop, looks = [0.0], threading.get_ident(), list[bool]()
    follow = places._policy_paths

    def followed(uri: str, root: Path | None) -> tuple[str, ...]:
        looks.append(threading.get_ident() == loop)
        return follow(uri, root)

    monkeypatch.setattr(places, "_policy_paths", followed)
    subject = Workspaces(
        FakeEditor(), load, lambda _path: False, lambda _key: None, lambda _folder: Spend(), lambda: now[0]
    )
    subject.set_roots([folders / "two"])
    await subject.prepare()
    await subject.ready("refactor", uris)
    assert looks == [False] * len(uris)
    for decide in (subject.decide, subject.permits):
        assert decide("refactor", uris, 0).candidates
    assert all(map(subject.may_read, uris))
    assert looks == [False] * len(uris)
    now[0] += CLOSE_LOOK_KEPT_S * 2
    assert subject.decide("refactor", uris, 0).candidates
    assert looks == [False] * len(uris) + [True] * len(uris)


async def test_a_link_that_was_moved_is_followed_anew_for_each_send(folders: Path) -> None:
    """What is read ahead is read ahead of every send, however soon one follows another."""
    (folders / "two/.turnout.toml").write_text('[privacy]\nnever_read = ["secret*"]\n')
    for name in ("open.py", "secret.py"):
        (folders / "two" / name).touch()
    link = folders / "two/link.py"
    link.symlink_to("open.py")
    subject = Workspaces(
        FakeEditor(), load, lambda _path: False, lambda _key: None, lambda _folder: Spend(), lambda: 0.0
    )
    subject.set_roots([folders / "two"])
    uris = (path_to_uri(link),)
    await subject.ready("rewrite", uris)
    assert subject.permits("rewrite", uris, 0).candidates
    link.unlink()
    link.symlink_to("secret.py")
    await subject.ready("rewrite", uris)
    assert not subject.permits("rewrite", uris, 0).candidates


def _says(trusted: bool, _path: Path) -> bool:
    return trusted


async def test_checks_run_only_where_the_user_trusts_the_folder(folders: Path) -> None:
    """The user's own checks would run a cloned repository's code; the keys of models are never passed on."""
    (folders / "config").mkdir(exist_ok=True)
    (folders / "config/config.toml").write_text("[routes.refactor]\nchecks = ['touch ran']\n")
    (folders / "two/a.py").write_text("x = 1\n")
    folder = Folder(folders / "two")
    change = file_change("edit", folder.uri("a.py"), "a.py", ("x = 1\n",), ("x = 2\n",))
    for trusted, message in (
        (False, f"not run until you trust this folder: turnout trust {folder.root}"),
        (True, ""),
    ):
        told: list[str] = []
        subject = FolderChecks(workspaces(FakeEditor(), folder.root, trusted=partial(_says, trusted)))
        assert await subject(folder, [change], told.append) == (
            Check("touch ran", True, message, ran=trusted),
        )
        assert told == (["touch ran"] if trusted else [])
    assert not (folders / "two/ran").exists()


UNKEYED = """[models.ring]
api = "openai-chat"
model = "m"
base_url = "https://ring.example/v1"
key = "keyring:ring"
[models.far]
api = "openai-chat"
model = "m"
base_url = "https://far.example/v1"
key = "editor"
[routes.explain]
models = ["far", "ring", "near"]
"""


class Keys:
    """The editor's keys, of which `coming` are on their way."""

    def __init__(self) -> None:
        self.coming: set[str] = set()
        self.asked: list[list[str]] = []

    def fetch(self, models: Iterable[Model]) -> None:
        self.asked.append([model.name for model in models if model.key == "editor:https://far.example/v1"])
        self.coming = {"editor:https://far.example/v1"}

    def may_have(self, reference: str) -> bool:
        return reference in self.coming

    def resolve(self, reference: str) -> str | None:
        return None

    async def arrived(self, models: Iterable[Model]) -> None:
        self.coming.clear()


async def test_settings_hold_before_the_editor_gave_its_keys(folders: Path) -> None:
    """A model whose key is on its way is not passed over; one whose key the editor does not have is.

    Keyrings may block, so they are never asked on the event loop.
    """
    (folders / "config").mkdir(exist_ok=True)
    (folders / "config/config.toml").write_text(UNKEYED)
    threads: dict[str, bool] = {}

    def resolve(reference: str) -> str | None:
        threads[reference] = threading.current_thread() is threading.main_thread()
        return "key" if reference == "keyring:ring" else None

    keys = Keys()
    subject = Workspaces(
        FakeEditor(), load, lambda _path: False, resolve, lambda _workspace: Spend(), editor_keys=keys
    )
    subject.set_roots([folders / "two"])
    await subject.prepare()
    uri = path_to_uri(folders / "two/a.py")
    assert keys.asked == [["far", "far"]]
    assert subject.has_remote()
    assert [model.name for model in subject.decide("explain", (uri,), 0).candidates] == [
        "far",
        "ring",
        "near",
    ]
    has_key = {model["name"]: model["hasKey"] for model in await subject.models(uri)}
    assert (has_key["far"], has_key["ring"]) == (False, True)
    assert [model.name for model in subject.decide("explain", (uri,), 0).candidates] == ["ring", "near"]
    assert threads["keyring:ring"] is False
    assert not [reference for reference in threads if reference.startswith("editor")]


async def test_no_keyring_is_asked_between_a_new_folder_and_its_settings(folders: Path) -> None:
    """A folder that was just opened has its settings at once; a keyring may block, so it waits for its thread."""
    (folders / "config").mkdir(exist_ok=True)
    (folders / "config/config.toml").write_text(UNKEYED)
    asked: list[str] = []

    def resolve(reference: str) -> str:
        asked.append(reference)
        return "key"

    subject = Workspaces(FakeEditor(), load, lambda _path: False, resolve, lambda _workspace: Spend())
    subject.set_roots([folders / "one"])
    uri = path_to_uri(folders / "one/a.py")
    assert [model.name for model in subject.decide("explain", (uri,), 0).candidates] == ["near"]
    assert not subject.rules(uri).enabled
    assert "keyring:ring" not in asked
    await subject.prepare()
    assert [model.name for model in subject.decide("explain", (uri,), 0).candidates] == ["ring", "near"]


def test_what_the_editor_found_in_the_workspace_holds_there_alone(folders: Path) -> None:
    """Settings of a window hold everywhere in it, those of a folder in that folder, and neither loosens anything."""
    (folders / "config").mkdir(exist_ok=True)
    (folders / "config/config.toml").write_text("[completion]\nmax_tokens = 50\n")
    subject = workspaces(FakeEditor(), folders / "one/inner", folders / "two")
    subject.set_client(
        {},
        trusted=False,
        workspace={"completion": {"max_tokens": 40}},
        folders={folders / "two": {"completion": {"max_tokens": 30}}},
    )
    uris = [path_to_uri(folders / name) for name in ("one/inner/a.py", "two/a.py", "elsewhere/a.py")]
    assert [subject.rules(uri).max_tokens for uri in uris] == [40, 30, 40]
    subject = workspaces(FakeEditor(), folders / "one/inner", folders / "two")
    subject.set_client({}, trusted=True, workspace={"privacy": {"leaves_machine": "allow"}})
    for uri in uris:
        assert subject.settings(uri).settings.privacy.leaves_machine == "ask"


def test_what_waits_for_trust_is_said_by_where_it_stands(folders: Path) -> None:
    """What the editor found in a workspace is called that, apart from the workspace's file, and said once."""
    (folders / "two/.turnout.toml").write_text('[models.near]\nengine = "exllamav2"\n')
    editor = FakeEditor()
    subject = workspaces(editor, folders / "two")
    subject.set_client({}, trusted=False, workspace={"models": {"near": {"model": "x"}}})
    for name in ("two/a.py", "elsewhere/a.py"):
        subject.rules(path_to_uri(folders / name))
    assert [said.partition(": ignored")[0] for said in editor.said] == [
        "Turnout: .turnout.toml: models.near.engine",
        "Turnout: the workspace's editor settings: models.near.model",
    ]


OUTSIDE = (
    "untitled:{root}/secrets/x.py",
    "untitled:secrets/x.py",
    "git:{root}/secrets/x.py?%7B%22ref%22%3A%22HEAD%22%7D",
    "vscode-notebook-cell:{root}/secrets/n.ipynb#c1",
    "vscode-remote://ssh-remote+host/secrets/x.py",
    "file://server{root}/secrets/x.py",
    "fugitive://{root}/.git//0/secrets/x.py",
    "gitsigns:///c#/.git//:0:secrets/x.py",
    "git:{root}/link.py",
)
"""Documents that are no files here, with the path of one in them."""


@pytest.mark.parametrize("uri", OUTSIDE)
@pytest.mark.parametrize("kind", ["inline", "rewrite"])
def test_a_document_that_is_no_file_is_held_to_the_path_in_it(folders: Path, uri: str, kind: Kind) -> None:
    """A path that stays here does so under every scheme that an editor knows it by."""
    (folders / "config").mkdir()
    (folders / "config/config.toml").write_text(
        '[privacy]\nlocal_only = ["secrets/**"]\n[models.hole]\napi = "completions"\nmodel = "qwen2.5-coder"\n'
        'base_url = "https://hole.example/v1"\n[routes.inline]\nmodels = ["hole", "near"]\n'
    )
    (folders / "two/secrets").mkdir()
    (folders / "two/secrets/x.py").touch()
    (folders / "two/link.py").symlink_to("secrets/x.py")
    subject = with_keys(folders / "two")
    assert subject.decide(kind, ("untitled:Untitled-1",), 0).candidates[0].leaves_machine
    route = subject.decide(kind, (uri.format(root=folders / "two"),), 0)
    assert [model.name for model in route.candidates] == ["near"]


@pytest.mark.parametrize("uri", OUTSIDE)
def test_a_document_that_is_no_file_is_held_to_ignore_files(folders: Path, uri: str) -> None:
    """What an ignore file keeps from every model is kept under every scheme."""
    (folders / "two/.cursorignore").write_text("secrets/\n")
    (folders / "two/secrets").mkdir()
    (folders / "two/secrets/x.py").touch()
    (folders / "two/link.py").symlink_to("secrets/x.py")
    (folders / "two/a.py").touch()
    subject = with_keys(folders / "two")
    named = uri.format(root=folders / "two")
    assert not subject.decide("inline", (named,), 0).candidates
    assert not subject.may_read(named)
    for open_to_all in ("untitled:Untitled-1", f"git:{folders / 'two'}/a.py?%7B%7D"):
        assert subject.decide("inline", (open_to_all,), 0).candidates


@pytest.mark.parametrize("uri", ["untitled:Untitled-1", "git:/elsewhere/a.py", "file://server/a.py", ""])
def test_a_document_that_is_no_file_is_held_to_every_folder(folders: Path, uri: str) -> None:
    """Its text may come from any open folder, so the strictest decides; the model on this machine still answers."""
    (folders / "one/.turnout.toml").write_text('[privacy]\nleaves_machine = "never"\n')
    rows: list[tuple[tuple[str, ...], bool]]
    rows = [((), True), (("two",), True), (("one",), False), (("two", "one"), False)]
    for roots, leaves in rows:
        subject = with_keys(*(folders / root for root in roots))
        [first, *_] = subject.decide("rewrite", (uri,), 10).candidates
        assert first.leaves_machine is leaves, roots
        if not leaves:
            assert not any(
                model.leaves_machine for model in subject.permits("rewrite", (uri,), 10).candidates
            )
            of_none = subject.permits("rewrite", (), 10).candidates
            assert roots[0] == "two" or not any(model.leaves_machine for model in of_none)
        assert subject.decide("inline", (uri,), 0).candidates[0].name == "near"


@pytest.mark.parametrize(
    ("roots", "opened", "tag"),
    [
        (("one", "two"), ("untitled:Untitled-1",), ""),
        (("one", "two"), ("untitled:Untitled-1", "two/a.py"), "two"),
        (("one", "two"), ("two/a.py", "one/a.py"), "two"),
        (("one",), ("untitled:Untitled-1",), "one"),
        (("one", "two"), (), "one"),
        (("one", "two"), ("elsewhere/a.py",), ""),
        ((), ("untitled:Untitled-1",), ""),
    ],
)
def test_what_a_request_is_put_down_to(
    folders: Path, roots: tuple[str, ...], opened: tuple[str, ...], tag: str
) -> None:
    """To the folder of its first file; what is no file to none of several folders, with the limits of each."""
    for name, dollars in (("one", 3), ("two", 2)):
        (folders / name / ".turnout.toml").write_text(f"[budget]\nworkspace_day_usd = {dollars}\n")
    subject = workspaces(FakeEditor(), *(folders / root for root in roots))
    uris = tuple(uri if ":" in uri else path_to_uri(folders / uri) for uri in opened)
    for route in (subject.decide("rewrite", uris, 10), subject.permits("rewrite", uris, 10)):
        assert route.workspace == (str(folders / tag) if tag else "")
    if opened == ("untitled:Untitled-1",) and len(roots) == 2:
        assert {limit.workspace for limit in route.limits} == {str(folders / name) for name in roots}
        assert route.limit_usd == 2.0


def test_a_uri_of_too_many_names_is_refused(folders: Path) -> None:
    """What cannot be held to any rule gets to no model."""
    with pytest.raises(PathRefused):
        with_keys(folders / "two").decide("inline", ("untitled:" + "a/" * 3000,), 0)


def test_a_path_longer_than_any_file_has_is_under_no_ignore_file(folders: Path) -> None:
    """There is no such file, so there is nothing around it; what is typed in it is completed here."""
    uri = "file:///" + "a/" * 3000 + "a.py"
    assert with_keys(folders / "two").decide("inline", (uri,), 0).candidates[0].name == "near"


async def test_many_files_are_looked_at_and_matched_a_few_at_a_time(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hop to a thread takes a few files, and a decision about all of them finds what was matched there."""
    names = [f"two/{number}.py" for number in range(30)]
    for name in names:
        (folders / name).touch()
    uris = tuple(path_to_uri(folders / name) for name in names)
    hops, loop, matched = list[int](), threading.get_ident(), list[tuple[bool, str]]()
    look, first = places.Places.look_closely, PathSet.match

    def look_closely(self: places.Places, some: Iterable[str], root: Path | None) -> list[places.Look]:
        found = look(self, some, root)
        hops.append(len(found))
        return found

    def match(self: PathSet, folded: str) -> Pattern | None:
        if self.patterns and folded not in self._alternatives._remembered:
            matched.append((threading.get_ident() == loop, folded))
        return first(self, folded)

    monkeypatch.setattr(places.Places, "look_closely", look_closely)
    monkeypatch.setattr(PathSet, "match", match)
    subject = workspaces(FakeEditor(), folders / "two")
    await subject.prepare()
    await subject.ready("refactor", uris)
    assert (sum(hops), max(hops)) == (30, 4)
    assert not any(on_loop for on_loop, _ in matched)
    count = len(matched)
    assert subject.decide("refactor", uris, 0).candidates
    assert {model.name for model in subject.readers("refactor", uris[0])} >= {"near"}
    assert len(matched) == count
