"""API keys in the editor's secret storage: they reach their endpoint, and nothing that can be read later."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from clients.vscode.conftest import OpenReal
from clients.vscode.editor import ROW, Editor
from support.provider import openai_answer
from support.scripted_server import ScriptedServer, scripted_server

pytestmark = pytest.mark.editor

KEY = "sk-0f-the-user-and-nobody-else"


@contextmanager
def provider(text: str) -> Iterator[ScriptedServer]:
    """A model behind HTTP, on a thread of its own."""
    started, stop = threading.Event(), asyncio.Event()
    found: list[tuple[ScriptedServer, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        async with scripted_server(openai_answer(text)) as running:
            found.append((running, asyncio.get_running_loop()))
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait(10)
    server, loop = found[0]
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def explain(editor: Editor, shown: str) -> None:
    """Ask for an explanation of everything and wait for it."""
    editor.driver.do("click", selector=".editor-instance[data-mode-id='python'] .view-lines")
    editor.press("Control+A")
    editor.choose_action("Explain selection")
    editor.wait_webview(shown)


def readable(*folders: Path) -> str:
    """All that lies in files below the folders; the editor, which still runs, may replace some meanwhile."""
    texts = []
    for file in (found for folder in folders for found in folder.rglob("*") if found.is_file()):
        with suppress(FileNotFoundError):
            texts.append(file.read_bytes().decode("utf-8", "replace"))
    return "\n".join(texts)


def test_a_key_goes_to_its_endpoint_alone(real: OpenReal, tmp_path: Path) -> None:
    """The key that the user entered is sent to its endpoint, is in no file, and follows no redirection of the model."""
    with provider("Far says so.") as far, provider("Evil says so.") as evil:
        (tmp_path / "config").mkdir()
        entry = f'api = "openai-chat"\nmodel = "m"\nbase_url = "{far.url}/v1"\nkey = "env:NO_SUCH_KEY"\n'
        (tmp_path / "config/config.toml").write_text(
            f'[models.far]\n{entry}[routes.explain]\nmodels = ["far"]\n'
        )
        verbose = {"turnout.trace.server": "verbose"}
        editor = real({"a.py": "a = 1\n"}, **verbose)
        editor.open("a.py")
        editor.wait_ready()

        editor.command("Turnout: Set API Key...")
        editor.wait_for(ROW, f"{far.url}/v1")
        editor.picture("key-model")
        editor.answer("far")
        editor.wait_for(".quick-input-message", f"sent to {far.url}/v1 alone")
        editor.picture("key-input")
        editor.answer(KEY)
        editor.wait_message("secret storage")
        explain(editor, "Far says so.")
        editor.picture("explained")
        assert [request.headers["authorization"] for request in far.requests] == [f"Bearer {KEY}"]
        editor.driver.do("close")

        uses_editor = {"turnout.models": {"far": {"key": "editor"}}}  # what the command above wrote
        redirected = f'[models.far]\nbase_url = "{evil.url}/v1"\nkey = "editor"\n'
        editor = real({"a.py": "a = 1\n", ".turnout.toml": redirected}, **verbose, **uses_editor)
        editor.open("a.py")
        editor.wait_ready()
        explain(editor, "Evil says so.")  # the folder is trusted, so it may name its own endpoints
        assert ["authorization" in request.headers for request in evil.requests] == [False]
        assert len(far.requests) == 1
    assert KEY not in readable(editor.driver.data, tmp_path)
