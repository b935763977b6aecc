"""What is not there: no engine, no model, no network. The server starts, says once what to do, and does the rest."""

import shutil
import sys
from typing import Any

from lsprotocol import types

from support.editor import editing
from support.home import Home
from support.models_kit import Act, environment, hub
from support.raw_server import raw_server

WITHOUT_ENGINE = (
    sys.executable,
    "-c",
    "import sys; sys.modules['xllamacpp'] = None; from turnout.__main__ import main; sys.exit(main(['serve']))",
)
"""The command on a machine where the package of the engine is not installed."""

TINY = '[models.near]\nmodel = "tiny"\n'


def fetching(home: Home, *endpoint: str) -> dict[str, Any]:
    """Variables of a session that gets `tiny` from a hub at `endpoint`, by default none, for the real engine."""
    return {**environment(home.root, *endpoint), "TURNOUT_ENGINE": "", "HF_HUB_DISABLE_XET": "1"}


async def test_no_engine(home: Home) -> None:
    """Without the engine the server says once how to install it, and everything that needs no model goes on."""
    async with editing(home, options={}, command=WITHOUT_ENGINE, TURNOUT_ENGINE="") as editor:
        buffer = editor.open(home.uri("a.py"), "hel")
        for _ in range(3):
            assert await editor.ghost(buffer, 3) is None
        assert "pip install " in await editor.said()
        assert "not installed" in await editor.why(buffer)
        params = types.CodeActionParams(
            types.TextDocumentIdentifier(buffer.uri),
            buffer.range_of("hel", "utf-16"),
            types.CodeActionContext([]),
        )
        assert await editor.request(types.TEXT_DOCUMENT_CODE_ACTION, params)
        assert (await editor.request("turnout/explain", {"kind": "inline"}))["candidates"] == ["near"]


async def test_missing_model(home: Home) -> None:
    """The first completion starts the pull, shown as progress; until then completions are empty, with a reason."""
    home.configure(TINY)
    with hub(Act(hold_after=600_000)) as source:
        variables = fetching(home, source.url)
        async with editing(home, options={}, **variables) as editor:
            buffer = editor.open(home.uri("a.py"), "hel")
            for _ in range(3):
                assert await editor.ghost(buffer, 3) is None
            token = (await editor.next(types.WINDOW_WORK_DONE_PROGRESS_CREATE)).token
            begin = (await editor.next(types.PROGRESS)).value
            assert (begin["kind"], begin["cancellable"]) == ("begin", True)
            assert "tiny" in begin["title"]
            assert "tiny" in await editor.why(buffer)
            source.release.set()
            percents = []
            while (value := (await editor.next(types.PROGRESS)).value)["kind"] == "report":
                percents.append(value["percentage"])
            assert value["kind"] == "end"
            assert percents == sorted(percents)
            assert percents[-1] == 100
            assert token
            assert "tiny is ready" in await editor.said()
    assert len(source.asked) == 1
    assert (home.root / "cache" / "models" / "tiny.gguf").exists()


async def test_cancelled_pull(home: Home) -> None:
    """A user who stops the download is left alone: it does not begin again with the next keystroke."""
    home.configure(TINY)
    with hub(Act(hold_after=600_000)) as source:
        variables = fetching(home, source.url)
        async with editing(home, options={}, **variables) as editor:
            buffer = editor.open(home.uri("a.py"), "hel")
            assert await editor.ghost(buffer, 3) is None
            token = (await editor.next(types.WINDOW_WORK_DONE_PROGRESS_CREATE)).token
            assert (await editor.next(types.PROGRESS)).value["kind"] == "begin"
            editor.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
            while (await editor.next(types.PROGRESS)).value["kind"] != "end":
                pass
            assert await editor.ghost(buffer, 3) is None
            assert "turnout models pull tiny" in await editor.why(buffer)
            source.release.set()
    assert len(source.asked) <= 1


async def test_leaving_midway(home: Home) -> None:
    """An editor that leaves during a download does not wait for it; what has arrived is kept."""
    home.configure(TINY)
    with hub(Act(hold_after=600_000)) as source:
        variables = fetching(home, source.url)
        async with raw_server(home, **variables) as server:
            document = {"uri": home.uri("a.py"), "languageId": "python", "version": 1, "text": "hel"}
            server.notify("textDocument/didOpen", {"textDocument": document})
            place = {"textDocument": {"uri": home.uri("a.py")}, "position": {"line": 0, "character": 3}}
            answer = await server.ask(
                "textDocument/inlineCompletion", {**place, "context": {"triggerKind": 1}}
            )
            assert answer["result"]["items"] == []
            source.held.wait(30)
            server.notify("exit")
            await server.ended()
    assert not (home.root / "cache" / "models" / "tiny.gguf").exists()


async def test_no_source(home: Home) -> None:
    """When no source has the model the user is told once, with what to do, and not again per keystroke."""
    home.configure(TINY)
    variables = fetching(home)
    async with editing(home, options={}, **variables) as editor:
        buffer = editor.open(home.uri("a.py"), "hel")
        assert await editor.ghost(buffer, 3) is None
        title, _ = await editor.displayed()
        assert "tiny" in title
        said = await editor.said()
        assert "tiny" in said
        assert await editor.ghost(buffer, 3) is None
        assert "turnout models pull tiny" in await editor.why(buffer)


async def test_directories_that_cannot_be_written(home: Home) -> None:
    """A machine where nothing can be kept still gets completions."""
    for name in ("config", "cache"):
        (home.root / name).write_text("a file in the place of the directory")
    async with editing(home, options={}) as editor:
        assert await editor.ghost(editor.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
        said = await editor.said()
        assert str(home.root / "config") in said
        assert "no index" in await editor.said()


async def test_workspace_that_is_gone(home: Home) -> None:
    """A workspace folder that was deleted, or never was, costs its settings and nothing else."""
    shutil.rmtree(home.work)
    async with editing(home, options={}, folders=(home.uri(), "vscode-remote://host/x")) as editor:
        assert await editor.ghost(editor.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
