"""The session: consent that fails closed, downloads that happen once, settings by folder."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from turnout.act.proposals import Check
from turnout.core.edits.changes import file_change
from turnout.core.receipts import SentFile
from turnout.core.requests import Model
from turnout.dispatch import Consent
from turnout.errors import DownloadFailed, ModelError, ModelMissing, PathRefused
from turnout.files import Folder, path_to_uri
from turnout.session.checking import FolderChecks
from turnout.session.consent import KEEP, ONCE, SESSION, SessionConsents, describe
from turnout.session.editor import Level, Progress, Status
from turnout.session.failures import Failures
from turnout.session.places import LINKS_KEPT_S
from turnout.session.pulls import Pulls
from turnout.session.workspaces import Workspaces
from turnout.settings import load, trust

OPUS = Model("opus", "anthropic", "claude-opus-4-6", leaves_machine=True, jurisdiction="US")
QUESTION = Consent("refactor", OPUS, (SentFile("file:///a", 10), SentFile("file:///b", 20)), 1234, 0.0123)


class FakeEditor:
    """Remembers what it was told and answers questions from a list."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.said: list[str] = []
        self.questions: list[str] = []
        self.progress_messages: list[str] = []
        self.told = asyncio.Event()

    def say(self, text: str, level: Level = "info") -> None:
        self.said.append(text)
        self.told.set()

    def say_once(self, text: str, level: Level = "info") -> None:
        if text not in self.said:
            self.said.append(text)

    async def choose(self, question: str, options: tuple[str, ...]) -> str | None:
        self.questions.append(question)
        return self.answers.pop(0)

    @asynccontextmanager
    async def progress(self, title: str, token: str | int | None = None) -> AsyncIterator[Progress]:
        yield self

    def report(self, message: str, percent: int | None = None) -> None:
        self.progress_messages.append(f"{message} {percent}")
        self.told.set()

    def show_status(self, status: Status) -> None:
        pass


async def turns() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


class SlowEditor(FakeEditor):
    """Asks at once, and gets its answers once `answered` is set."""

    def __init__(self, *answers: str | None) -> None:
        super().__init__(*answers)
        self.answered = asyncio.Event()

    async def choose(self, question: str, options: tuple[str, ...]) -> str | None:
        chosen = await super().choose(question, options)
        await self.answered.wait()
        return chosen


@pytest.mark.parametrize(
    ("answer", "may"), [(ONCE, True), (SESSION, True), (KEEP, False), (None, False), ("x", False)]
)
async def test_only_a_clear_yes_lets_text_leave(answer: str | None, may: bool) -> None:
    """A closed question, another answer and a no all keep the text here."""
    assert await SessionConsents(FakeEditor(answer)).may_leave(QUESTION) is may


async def test_a_yes_does_not_outlive_the_settings_it_was_given_under() -> None:
    """An answer that comes after the settings changed allows that one request and no other."""
    editor = FakeEditor(SESSION, KEEP)
    consents = SessionConsents(editor)
    choose = editor.choose

    async def slow(question: str, options: tuple[str, ...]) -> str | None:
        consents.forget()
        return await choose(question, options)

    editor.choose = slow  # type: ignore[method-assign]
    assert await consents.may_leave(QUESTION)
    assert not await consents.may_leave(QUESTION)


async def test_a_yes_for_the_session_is_for_one_model_and_kind() -> None:
    """The same thing is not asked twice; every other thing is, and all again after a change of settings."""
    editor = FakeEditor(SESSION, KEEP, KEEP)
    consents = SessionConsents(editor)
    assert await consents.may_leave(QUESTION)
    assert await consents.may_leave(QUESTION)
    other = Consent("fix", OPUS, QUESTION.files, 10, None)
    assert not await consents.may_leave(other)
    consents.forget()
    assert not await consents.may_leave(QUESTION)
    assert len(editor.questions) == 3


async def test_typing_is_asked_about_once() -> None:
    """Completions do not wait for the user: one question stands open however many there are, and its answer counts."""
    editor = SlowEditor(SESSION, KEEP)
    consents = SessionConsents(editor)
    typing = replace(QUESTION, kind="inline")
    for _ in range(5):
        assert not await consents.may_leave(typing)
        await asyncio.sleep(0)
    assert len(editor.questions) == 1
    assert "while you type" in editor.questions[0]
    editor.answered.set()
    await turns()
    assert await consents.may_leave(typing)
    for _ in range(3):  # the answer is no, and it is not asked again
        assert not await consents.may_leave(replace(QUESTION, kind="popup"))
        await turns()
    assert len(editor.questions) == 2


async def test_an_open_question_about_typing_does_not_outlive_the_settings() -> None:
    """An answer that comes after the settings changed allows nothing; it is asked anew, and never twice at once."""
    editor = SlowEditor(SESSION, SESSION)
    consents = SessionConsents(editor)
    typing = replace(QUESTION, kind="inline")
    assert not await consents.may_leave(typing)
    await asyncio.sleep(0)
    consents.forget()
    assert not await consents.may_leave(typing)
    assert len(editor.questions) == 1
    editor.answered.set()
    await turns()
    assert not await consents.may_leave(typing)
    await turns()
    assert await consents.may_leave(typing)


async def test_nobody_waits_for_an_answer_at_the_end() -> None:
    """Closing the session gives up an open question."""
    editor = SlowEditor(SESSION)
    consents = SessionConsents(editor)
    assert not await consents.may_leave(replace(QUESTION, kind="inline"))
    await asyncio.sleep(0)
    await consents.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_the_question_says_what_goes_where_and_for_how_much() -> None:
    """Files, bytes, model, jurisdiction and the most it may cost are all in the question."""
    assert describe(QUESTION) == (
        "Turnout: send 1,234 bytes from 2 files to opus, claude-opus-4-6 (US), for at most $0.012? (refactor)"
    )
    assert "1 file " in describe(Consent("fix", OPUS, QUESTION.files[:1], 5, None))
    assert "unknown price" in describe(Consent("fix", OPUS, QUESTION.files[:1], 5, None))


async def test_a_model_is_fetched_once_with_progress() -> None:
    """However often it is missed, one download runs; progress is shown and its end said."""
    calls: list[str] = []
    release = threading.Event()

    def pull(name: str, report: Callable[[int, int, str], None], cancelled: Callable[[], bool]) -> Path:
        calls.append(name)
        report(250_000_000, 500_000_000, "downloading")
        release.wait(10)
        return Path("model.gguf")

    editor, ready = FakeEditor(), asyncio.Event()
    pulls = Pulls(editor, pull, lambda _name: ready.set())
    for _ in range(3):
        pulls.start("qwen")
    await editor.told.wait()
    assert editor.progress_messages == ["downloading 250 of 500 MB 50"]
    assert pulls.state("qwen") == "the model qwen is being downloaded, 50 %"
    release.set()
    await ready.wait()
    assert calls == ["qwen"]
    assert "qwen is ready" in editor.said[0]


async def test_a_failed_download_is_said_once_and_not_tried_at_every_key() -> None:
    """A user without a network is told so once."""

    def pull(name: str, report: Callable[[int, int, str], None], cancelled: Callable[[], bool]) -> Path:
        raise DownloadFailed("no source answered.", advice="Check the network.")

    editor = FakeEditor()
    pulls = Pulls(editor, pull, lambda _name: None)
    pulls.start("qwen")
    await editor.told.wait()
    for _ in range(3):
        pulls.start("qwen")
    await pulls.close()
    assert editor.said == ["Turnout could not get the model qwen: no source answered. Check the network."]
    assert "turnout models pull qwen" in pulls.state("qwen")


async def test_closing_stops_a_download() -> None:
    """The thread is told to stop when the editor leaves."""
    stopped = threading.Event()

    def pull(name: str, report: Callable[[int, int, str], None], cancelled: Callable[[], bool]) -> Path:
        while not cancelled():
            pass
        stopped.set()
        return Path("model.gguf")

    pulls = Pulls(FakeEditor(), pull, lambda _name: None)
    pulls.start("qwen")
    await asyncio.sleep(0)
    await pulls.close()
    assert await asyncio.to_thread(stopped.wait, 10)


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
    made = Workspaces(editor, load, trusted, lambda _reference: None, lambda: 0.0)
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
    subject = Workspaces(FakeEditor(), load, lambda _path: False, lambda _reference: "key", lambda: 0.0)
    subject.set_roots([folders / "one", folders / "two"])
    free, strict = path_to_uri(folders / "two/a.py"), path_to_uri(folders / "one/a.py")
    assert subject.decide("refactor", (free,), 10).candidates[0].leaves_machine
    route = subject.decide("refactor", (free, strict), 10)
    assert [model.name for model in route.candidates] == ["near"]
    assert "not allowed for a file of another folder" in {out.reason for out in route.eliminated}


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
        FakeEditor(), load, lambda _path: False, lambda _reference: None, lambda: 0.0, lambda: now[0]
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
        subject = FolderChecks(workspaces(FakeEditor(), folder.root, trusted=lambda _path, yes=trusted: yes))
        assert await subject(folder, [change], told.append) == (Check("touch ran", True, message),)
        assert told == (["touch ran"] if trusted else [])
    assert not (folders / "two/ran").exists()


async def test_what_the_user_has_to_mend_is_said_once() -> None:
    """A missing model is fetched; a wrong one and a missing engine are said, once, and both are reasons."""
    editor = FakeEditor()
    pulls = Pulls(editor, lambda _name, _report, _cancelled: Path("x"), lambda _name: None)
    failures = Failures(editor, pulls)
    wrong = ModelError("There is no file /x.gguf.", advice="Correct models.near.path.")
    assert failures(wrong) == failures(wrong) == "There is no file /x.gguf. Correct models.near.path."
    assert editor.said == ["Turnout: There is no file /x.gguf. Correct models.near.path."]
    assert failures(ModelMissing("not here", model="qwen")) == "the model qwen is being downloaded, 0 %"
    await pulls.close()
