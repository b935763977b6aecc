"""Settings: every layer, and one message for each value that cannot be used."""

import asyncio
import re
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcInternalError

from support.editor import GUARD_S, Editor, editing
from support.home import Home

HOUSE = '[models.house]\nmodel = "house"\n'


def save(editor: Editor, home: Home, text: str) -> None:
    """Save `.turnout.toml` in the editor."""
    editor.saved(home.write(".turnout.toml", text).as_uri())


async def chosen(editor: Editor, kind: str, home: Home, file: str = "a.py") -> str | None:
    """The model that a request of that kind would go to."""
    params = {"kind": kind, "textDocument": {"uri": home.uri(file)}}
    answer: dict[str, str | None] = await editor.request("turnout/explain", params)
    return answer["chosen"]


WRONG = [
    ('[completion]\nmultiline = "sometimes"\n', "completion.multiline", "sometimes", "auto"),
    ("[completion]\nmax_tokens = 100000\n", "completion.max_tokens", "100000", "1024"),
    ('[privacy]\nleaves_machine = "no"\n', "privacy.leaves_machine", "no", "never"),
    ('[routes.rewrite]\nstrategy = "best"\n', "routes.rewrite.strategy", "best", "order"),
    ('[completion]\nmulti_line = "never"\n', "completion.multi_line", "", "multiline"),
]


async def test_wrong_values_of_the_workspace(home: Home) -> None:
    """A wrong value costs one message, with its file and line, key, value and what is allowed; nothing else breaks."""
    async with editing(home, options={}) as editor:
        for number, (toml, *parts) in enumerate(WRONG):
            save(editor, home, toml)
            buffer = editor.open(home.uri(f"{number}.py"), "hel")
            assert await editor.ghost(buffer, 3) == "lo_from_fake(42)"
            said = await editor.said()
            for part in (".turnout.toml:2", *parts):
                assert part in said
            # Saved again as it is: nothing is said twice, as the end of the session sees to.
            save(editor, home, toml)
            assert await chosen(editor, "inline", home) == "near"


async def test_wrong_values_of_the_editor(home: Home) -> None:
    """Wrong values among the editor's settings are named one by one, and the layer below applies to each."""
    home.configure(HOUSE + '[routes.rewrite]\nmodels = ["house"]\n[completion]\nenabled = true\n')
    options = {"completion": {"enabled": "no", "color": 1}, "routes": {"rewrite": {"models": "near"}}}
    async with editing(home, options=options) as editor:
        assert await chosen(editor, "rewrite", home) == "house"
        said = [await editor.said() for _ in range(3)]
        wanted = {"completion.enabled": "no", "completion.color": "", "routes.rewrite.models": "near"}
        for key, value in wanted.items():
            (about,) = [text for text in said if key in text]
            assert "editor" in about
            assert value in about
        assert await editor.ghost(editor.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"


async def test_file_that_is_no_toml(home: Home) -> None:
    """A settings file that cannot be read is named with the line, and until it can nothing leaves the machine."""
    path = home.write(".turnout.toml", "[privacy]\nleaves_machine = \n")
    home.configure('[models.far]\napi = "openai-chat"\nmodel = "far"\nbase_url = "http://127.0.0.1:9/v1"\n'
                   'leaves_machine = true\n[routes.rewrite]\nmodels = ["far", "near"]\n'
                   '[privacy]\nleaves_machine = "allow"\n')  # fmt: skip
    async with editing(home, options={}) as editor:
        assert await chosen(editor, "rewrite", home) == "near"
        said = await editor.said()
        assert path.name in said
        assert re.search(r"(?:line |:)2\b", said)


async def test_layers(home: Home) -> None:
    """Built-in defaults < the user's file < the workspace's file < the editor's settings."""
    home.configure(HOUSE + '[models.hut]\nmodel = "hut"\n[routes.rewrite]\nmodels = ["house"]\n')
    async with editing(home, options={}) as editor:
        assert await chosen(editor, "rewrite", home) == "house"
        save(editor, home, '[routes.rewrite]\nmodels = ["hut"]\n')
        assert await chosen(editor, "rewrite", home) == "hut"
        settings = {"turnout": {"routes": {"rewrite": {"models": ["near"]}}}}
        editor.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))
        assert await chosen(editor, "rewrite", home) == "near"


async def test_changed_settings_and_what_is_known(home: Home) -> None:
    """A completion is known on after settings that say nothing of it changed, and asked for anew after others."""
    async with editing(home, options={}) as editor:
        buffer = editor.open(home.uri("a.py"), "x = ")

        async def answered_by() -> object:
            item = await editor.ghost_item(buffer, 4)
            assert item is not None
            assert item.command is not None
            return item.command.arguments

        first = await answered_by()
        for settings, same in (
            ({"turnout": {"budget": {"day_usd": 1.0}}}, True),
            ({"turnout": {"completion": {"max_tokens": 24}}}, False),
        ):
            editor.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))
            assert (await answered_by() == first) is same


async def test_explained_by_tier_strategy_and_budget(home: Home) -> None:
    """A route is explained with what the request is taken for, its order, and what each budget leaves."""
    home.configure(HOUSE + '[routes.commit_message]\nsimple = ["house", "near"]\nstrategy = "cheapest"\n'
                   "[budget]\nmonth_usd = 3\n")  # fmt: skip
    async with editing(home, options={}) as editor:
        answer: dict[str, Any] = await editor.request("turnout/explain", {"kind": "commit_message"})
    assert (answer["candidates"], answer["tier"], answer["strategy"]) == (
        ["house", "near"],
        "simple",
        "cheapest",
    )
    assert answer["tierReason"] == "commit_message (0)"
    assert [note["model"] for note in answer["notes"]] == ["house", "near"]
    (month,) = answer["budget"]
    assert (month["limit"], month["limitUsd"], month["spentUsd"]) == ("a month", 3.0, 0.0)
    assert answer["limitUsd"] == 3.0
    assert answer["health"] == []


async def test_settings_that_are_asked_for(home: Home) -> None:
    """A client that sends no settings, and can answer for them, is asked; also after each empty change."""
    home.configure(HOUSE)
    answers = [{"routes": {"rewrite": {"models": ["house"]}}}, {"completion": {"enabled": False}}]
    async with editing(home, options=None) as editor:
        editor.answers[types.WORKSPACE_CONFIGURATION] = lambda params: [answers.pop(0)]
        asked = await editor.next(types.WORKSPACE_CONFIGURATION)
        assert [item.section for item in asked.items] == ["turnout"]
        assert await chosen(editor, "rewrite", home) == "house"
        editor.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await editor.next(types.WORKSPACE_CONFIGURATION)
        async with asyncio.timeout(GUARD_S):
            while await chosen(editor, "rewrite", home) != "near":
                pass


async def test_settings_that_never_come(home: Home) -> None:
    """A client that cannot tell its settings after all is served under the other layers."""
    async with editing(home, options=None) as editor:

        def fail(params: object) -> None:
            raise JsonRpcInternalError(message="no settings")

        editor.answers[types.WORKSPACE_CONFIGURATION] = fail
        assert await editor.ghost(editor.open(home.uri("a.py"), "hel"), 3) == "lo_from_fake(42)"
        await editor.next(types.WORKSPACE_CONFIGURATION)
        editor.faults.clear()


@pytest.mark.parametrize(
    ("completion", "reason"),
    [({"enabled": False}, "switched off"), ({"disabled_languages": ["python"]}, "switched off for python")],
)
async def test_switched_off(home: Home, completion: dict[str, object], reason: str) -> None:
    """Completions can be switched off, for all files or for a language, and that is the reason given."""
    async with editing(home, options={"completion": completion}) as editor:
        buffer = editor.open(home.uri("a.py"), "hel")
        assert await editor.ghost(buffer, 3) is None
        assert reason in await editor.why(buffer)
        other = editor.open(home.uri("b.go"), "hel", language="go")
        assert bool(await editor.ghost(other, 3)) == ("disabled_languages" in completion)


async def test_deadline(home: Home) -> None:
    """An answer that comes too late is not waited for, and the reason names the limit and where to set it."""
    script = '{"token_delay_s": 0.2}'
    options = {"routes": {"inline": {"deadline_ms": 50}}}
    async with editing(home, options=options, TURNOUT_FAKE_SCRIPT=script) as editor:
        buffer = editor.open(home.uri("a.py"), "hel")
        assert await editor.ghost(buffer, 3) is None
        assert "50 ms" in await editor.why(buffer)


async def test_two_folders(home: Home) -> None:
    """Each workspace folder has settings of its own, and a folder that is added later too."""
    home.configure(HOUSE)
    home.write("one/.turnout.toml", '[routes.rewrite]\nmodels = ["house"]\n')
    home.write("two/.turnout.toml", '[routes.rewrite]\nmodels = ["near"]\n')
    async with editing(home, options={}, folders=(home.uri("one"),)) as editor:
        assert await chosen(editor, "rewrite", home, "one/a.py") == "house"
        added = types.WorkspaceFoldersChangeEvent([types.WorkspaceFolder(home.uri("two"), "two")], [])
        editor.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(added))
        assert await chosen(editor, "rewrite", home, "one/a.py") == "house"
        assert await chosen(editor, "rewrite", home, "two/a.py") == "near"


async def test_no_folder(home: Home) -> None:
    """A file outside of every folder is completed under the user's settings, whose file is known wherever it is."""
    own, other = home.configure(""), home.write("config.toml", "")
    async with editing(home, options={}, folders=()) as editor:
        for uri in (own.as_uri(), other.as_uri()):
            editor.open(uri, "[privcy]\n")
            found = await editor.request("turnout/settingsFile", {"textDocument": {"uri": uri}})
            assert bool(found["problems"]) is (uri == own.as_uri())
        buffer = editor.open(home.uri("alone.py"), "hel")
        assert await editor.ghost(buffer, 3) == "lo_from_fake(42)"
