"""The plugin's edges in a real Neovim: setup, commands, statusline, health, help, and what it costs to load."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clients.neovim.conftest import PLUGIN, SCRIPTED_SERVER, Start, methods, wait_for_server
from clients.neovim.session import Neovim

pytestmark = pytest.mark.editor

Scripted = Callable[..., Neovim]
LOADED = """
    return vim.tbl_filter(function(name) return vim.startswith(name, "turnout") end, vim.tbl_keys(package.loaded))
"""
OTHER_SERVER = """
    local client = vim.lsp.get_clients({ name = "turnout", bufnr = 0 })[1]
    return client and client.initialized and client.id ~= ...
"""


def test_nothing_is_loaded_before_it_is_needed(start: Start) -> None:
    """Without setup() no module is loaded; with it, ghost text is loaded by the first insertion and not before."""
    editor = start("")
    assert editor.lua(LOADED) == []
    editor.command("Turnout status")
    assert "turnout.commands" in editor.lua(LOADED)


def test_setup_loads_ghost_text_at_the_first_insertion(scripted: Scripted) -> None:
    """Opening files and moving in them loads neither ghost text nor the refactor."""
    editor = scripted()
    loaded = set(editor.lua(LOADED))
    assert loaded <= {"turnout", "turnout.config", "turnout.client"}
    editor.type("i")
    editor.until(lambda: "turnout.ghost" in editor.lua(LOADED), "ghost text")


def test_a_long_message_does_not_stop_the_typing(scripted: Scripted) -> None:
    """What does not fit the message line is cut there and shown whole by :Turnout messages."""
    editor = scripted(size=(60, 16))
    editor.type("i")
    editor.server("test/say", {"type": 2, "message": "Turnout: " + "word " * 30 + "the end"})
    editor.until_shown("(:Turnout messages)")
    editor.type("typed<Esc>")
    editor.until(lambda: editor.lines() == ["typed"], "the text")
    assert "turnout: word word" in editor.messages()
    editor.type(":Turnout messages<CR>")
    editor.until_shown("the end")


def test_a_plain_client_needs_no_setup(start: Start) -> None:
    """`vim.lsp.enable` alone starts the server, with edits checked by the plugin."""
    editor = start(f"vim.lsp.config('turnout', {{ cmd = {{ '{sys.executable}', '{SCRIPTED_SERVER}' }} }})")
    (editor.directory / "a.py").write_text("x = 1\n")
    editor.lua("vim.lsp.enable('turnout')")
    editor.command("edit! a.py")
    wait_for_server(editor)
    (params,) = methods(editor, "initialize")
    assert params["initializationOptions"] == {"client": {"name": "neovim"}}
    changes = {
        (editor.directory / "gone.py").as_uri(): [
            {
                "range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}},
                "newText": "x",
            }
        ]
    }
    assert editor.server("test/applyEdit", {"edit": {"changes": changes}})["applied"] is False


def test_settings_reach_the_server(scripted: Scripted) -> None:
    """`settings` goes out as initializationOptions, and answers workspace/configuration."""
    editor = scripted(options="settings = { budget = { day_usd = 1 } }")
    (params,) = methods(editor, "initialize")
    options = params["initializationOptions"]
    assert (options["budget"], options["client"]["name"]) == ({"day_usd": 1}, "neovim")
    assert editor.lua("return vim.lsp.get_clients({ name = 'turnout' })[1].settings") == {
        "turnout": {"budget": {"day_usd": 1}}
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{ ghots = {} }", "there is no option ghots; did you mean ghost?"),
        (
            "{ ghost = { debounce = 1 } }",
            "there is no option ghost.debounce; did you mean ghost.debounce_ms?",
        ),
        ("{ cmd = 'turnout' }", 'cmd is "turnout"; it must be a list'),
        ("{ ghost = { auto = 1 } }", "ghost.auto is 1; it must be a boolean"),
        ("{ ghost = false }", "there is no option ghost"),
    ],
)
def test_a_wrong_option_is_named(start: Start, options: str, message: str) -> None:
    """A misspelt or mistyped option is reported, and what is right about the rest still applies."""
    editor = start("", size=(180, 16))
    problems = editor.lua(f"return require('turnout.config').set({options})")
    assert any(message in problem for problem in problems), problems


def test_a_missing_server_is_said_once(start: Start) -> None:
    """Editing goes on, with one message, and :checkhealth says what to do."""
    editor = start("require('turnout').setup({ cmd = { 'no-such-turnout', 'serve' } })", size=(120, 30))
    editor.until(lambda: "cannot find no-such-turnout" in editor.messages(), "the message")
    editor.type("ihello<Esc>")
    editor.until(lambda: editor.lines() == ["hello"], "the text")
    editor.command("edit b.py")
    assert editor.messages().count("cannot find") == 1
    editor.command("checkhealth turnout")
    health = "\n".join(editor.lines())
    assert "`no-such-turnout` is not on $PATH" in health
    assert "pipx install" in health


def test_a_program_of_the_workspace_is_not_run(start: Start) -> None:
    """A `turnout` that a repository brings along, in its root or its .venv, is never taken for the server."""
    editor = start("vim.g.ran = false")
    for place in ("turnout", ".venv/bin/turnout"):
        program = editor.directory / place
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\ntouch ran\n")
        program.chmod(0o755)
    editor.lua("vim.env.PATH = '/nowhere'; require('turnout').setup({})")
    assert editor.lua("return require('turnout.client').command()") is None
    assert not (editor.directory / "ran").exists()


def health(editor: Neovim) -> str:
    """What :checkhealth says."""
    editor.command("checkhealth turnout")
    return "\n".join(editor.lines())


SECRET = "vim.env.ANTHROPIC_API_KEY = 'sk-secret'; vim.env.OPENAI_API_KEY = nil\n"


def scripted_environment(value: dict[str, Any]) -> str:
    """Lua that gives the scripted server its part of the environment."""
    return f"vim.env.SCRIPTED = [==[{json.dumps(value)}]==]\n"


def test_health_reports_what_is_there(scripted: Scripted, tmp_path: Path) -> None:
    """Versions, server, routes, last errors, models and keys, of which only the presence is told."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "server.log").write_text("1 INFO fine\n" + "".join(f"1 2 3 ERROR no {n}\n" for n in range(5)))
    settings = (
        'models.opus.key = "env:ANTHROPIC_API_KEY"  # defaults\nmodels.gpt.key = "env:OPENAI_API_KEY"\n'
    )
    printed = {"settings show": settings, "models list": "* qwen  491 MB  ready", "--version": "turnout 9"}
    told = {"extensions": {"logs": str(logs)}, "print": printed}
    text = health(scripted(before=SECRET + scripted_environment(told), size=(180, 16)))
    for line in (
        "Neovim 0.1",
        "(turnout 9)",
        "the server offers suggestions",
        "suggestions are on",
        "ERROR no 4",
        "refactor goes to near",
        "* qwen  491 MB  ready",
        "ANTHROPIC_API_KEY: present",
        "OPENAI_API_KEY: not set",
    ):
        assert line in text, text
    assert "ERROR no 1" not in text
    assert "sk-secret" not in text


def test_health_asks_the_doctor(scripted: Scripted, tmp_path: Path) -> None:
    """Where the program can say what is wrong with the model process and the GPU, that is what is shown."""
    findings = [
        {"topic": "worker", "level": "ok", "text": "reachable", "advice": ""},
        {"topic": "speed", "level": "note", "text": "slow", "advice": "look at what else runs", "facts": {}},
        {"topic": "model", "level": "problem", "text": "wrong hash", "advice": "turnout models pull"},
    ]
    doctor = f"doctor --json {tmp_path / 'work'}"
    told = {"print": {doctor: json.dumps({"findings": findings})}}
    text = health(scripted(before=scripted_environment(told)))
    for line in (
        "OK worker: reachable",
        "speed: slow",
        "look at what else runs",
        "ERROR model: wrong hash",
        "turnout models pull",
    ):
        assert line in text, text
    assert "models list" not in text


@pytest.mark.parametrize("which", ["", "server", "worker", "neovim"])
def test_the_logs_are_opened(scripted: Scripted, tmp_path: Path, which: str) -> None:
    """`:Turnout log` opens the server's own log, and the model process's and Neovim's by name; also after a crash."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "server.log").write_text("a line of the server\n")
    (logs / "worker-old.log").write_text("older\n")
    os.utime(logs / "worker-old.log", (1, 1))
    (logs / "worker-near.log").write_text("a line of the worker\n")
    editor = scripted(before=scripted_environment({"extensions": {"logs": str(logs)}}))
    editor.lua("vim.lsp.log.set_level('TRACE'); vim.lsp.log.error('a line of neovim')")
    editor.lua("require('turnout.client').get = function() end")  # as if the server had just gone
    editor.command(f"Turnout log {which}")
    editor.until_shown(f"a line of {'the ' if which != 'neovim' else ''}{which or 'server'}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Turnout re", ["refactor", "restart", "resume", "review"]),
        ("Turnout explain re", ["rewrite", "refactor"]),
        ("Turnout model in", ["inline"]),
        ("Turnout log ", ["server", "worker", "neovim"]),
        ("Turnout pause ", ["buffer"]),
        ("Turnout pause x", []),
    ],
)
def test_commands_are_completed(start: Start, line: str, expected: list[str]) -> None:
    """Names of commands, and the arguments of those that take a fixed set."""
    assert start("").lua("return vim.fn.getcompletion(..., 'cmdline')", line) == expected


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("status", "Model: near (text stays on this machine)"),
        ("", "State: ready"),
        ("why", "the cursor is in a comment"),
        ("explain refactor", "not opus: leaves the machine (config.toml:3"),
        ("explain refactor", "Taken to be simple: fix (1), about 200 tokens (-1)"),
        ("explain refactor", "Ordered by cheapest"),
        ("explain refactor", "1. near: about $0.0000"),
        ("explain refactor", "Spent $0.50 of $5.00 a day (config.toml:2 budget.day_usd)"),
        ("model", "inline goes to near"),
        ("model refactor", "refactor goes to near"),
        ("spend", "Spent today: $0.5000"),
        ("spend", "inline by near: unknown, stayed here"),
        ("spend 1", "refactor by opus: $0.2500, left this machine, edits as whole files (small ones)"),
        ("outgoing", "What ('inline', 0, None, []) would send"),
        ("outgoing rewrite use a loop", "What ('rewrite', 0, 'use a loop', []) would send"),
        ("sent", "The last None that were sent"),
        ("sent 3", "The last 3 that were sent"),
        ("log", "the server's log is not known before it has run"),
        ("pause buffer", "paused in this buffer"),
        ("resume buffer", "suggestions are on in this buffer"),
        ("undo", "nothing was undone"),
        ("nonsense", "there is no command nonsense"),
        ("discard", "no preview is open"),
    ],
)
def test_commands_answer(scripted: Scripted, command: str, shown: str) -> None:
    """What each command shows, from what the server says."""
    editor = scripted(text="x = 1\n", size=(120, 24))
    status = {
        "state": "ready",
        "model": "near",
        "leavesMachine": False,
        "lastLatencyMs": 31.4,
        "spentTodayUsd": 0.5,
        "message": "",
    }
    stale = {"documentChanges": [{"textDocument": {"uri": "file:///gone", "version": 1}, "edits": []}]}
    editor.server("test/script", {"status": status, "undo": stale})
    editor.type(f":Turnout {command}<CR>")
    editor.until(lambda: shown in editor.screen.text() or shown in editor.messages(), repr(shown))


def test_what_would_be_sent_is_there_to_be_read(scripted: Scripted) -> None:
    """The page is a buffer that nobody changes and no server hears of; it is gone when its window is."""
    editor = scripted(text="x = 1\n")
    editor.command("Turnout outgoing")
    editor.until_shown("second line")
    assert editor.lua("return { vim.bo.modifiable, vim.bo.buftype }") == [False, "nofile"]
    assert editor.lua("return #vim.lsp.get_clients({ bufnr = 0 })") == 0
    page = editor.lua("return vim.api.nvim_get_current_buf()")
    editor.command("close")
    assert not editor.lua("return vim.api.nvim_buf_is_valid(...)", page)


def test_the_statusline_follows_the_server(scripted: Scripted) -> None:
    """Model, whether text leaves the machine, the last latency; nothing before there is a server."""
    editor = scripted(
        before="vim.o.laststatus = 2; vim.o.statusline = '[%{v:lua.require\\'turnout\\'.statusline()}]'\n"
    )
    status = {"state": "busy", "model": "opus", "leavesMachine": True, "lastLatencyMs": 312.7}
    editor.server("test/script", {"status": status})
    editor.until_shown("[turnout: opus busy (remote) 313 ms]")
    editor.command("Turnout pause")
    editor.until_shown("[turnout: paused]")
    editor.command("lua vim.lsp.enable('turnout', false)")
    editor.until(
        lambda: "[]" in editor.screen.text() or "[turnout" not in editor.screen.text(), "an empty status"
    )


def test_restart_replaces_the_server(scripted: Scripted) -> None:
    """The buffer is served by another process afterwards."""
    editor = scripted()
    first = editor.lua("return vim.lsp.get_clients({ name = 'turnout' })[1].id")
    editor.command("Turnout restart")
    editor.until(lambda: editor.lua(OTHER_SERVER, first), "another server")


@pytest.mark.parametrize("key", ["c", "<Esc>", "<CR>"])
def test_trust_is_not_given_by_default(scripted: Scripted, key: str) -> None:
    """A workspace is trusted only where the question is answered with yes."""
    editor = scripted()
    editor.type(":Turnout trust<CR>")
    editor.until_shown(f"Trust {editor.directory}?")
    editor.type(key)
    editor.until(lambda: not editor.request("nvim_get_mode")["blocking"], "the answer")
    assert "scripted trust" not in editor.messages()


def test_trust_reaches_the_program_and_the_server_starts_anew(scripted: Scripted) -> None:
    """What `turnout trust` says is shown, and a new server reads the settings."""
    editor = scripted()
    first = editor.lua("return vim.lsp.get_clients({ name = 'turnout' })[1].id")
    editor.type(":Turnout trust<CR>")
    editor.until_shown("Trust ")
    editor.type("t")
    editor.until(lambda: editor.lua(OTHER_SERVER, first), "another server")
    assert f"scripted trust {editor.directory}" in editor.messages()


def test_a_menu_only_client_says_so(scripted: Scripted) -> None:
    """Without ghost text the server is told that there is none, so that it fills the menu."""
    editor = scripted(options="ghost = { enabled = false }")
    (params,) = methods(editor, "initialize")
    assert params["capabilities"]["textDocument"].get("inlineCompletion") is None
    editor.type("ihel")
    editor.until(lambda: editor.lines() == ["hel"], "the text")
    assert methods(editor, "textDocument/inlineCompletion") == []


def choose_action(editor: Neovim, title: str) -> None:
    """Run the code action of that title."""
    editor.lua(
        """
        local title = ...
        vim.lsp.buf.code_action({ apply = true, filter = function(action) return action.title == title end })
        """,
        title,
    )


def test_a_rewrite_asks_for_its_instruction(scripted: Scripted) -> None:
    """The instruction goes back with the action's own argument; giving none sends nothing."""
    editor = scripted(text="x = 1\n")
    choose_action(editor, "Rewrite selection...")
    editor.until_shown("Rewrite selection:")
    editor.type("<Esc>")
    editor.until(lambda: "Rewrite selection" not in editor.screen.text(), "the prompt to go")
    choose_action(editor, "Rewrite selection...")
    editor.until_shown("Rewrite selection:")
    editor.type("use two<CR>")
    editor.until(lambda: methods(editor, "workspace/executeCommand"), "the command")
    (params,) = methods(editor, "workspace/executeCommand")
    assert params["arguments"] == [{"kind": "rewrite", "asks": True, "instruction": "use two"}]
    editor.until(lambda: "Rewrite selection...: done" in editor.messages(), "the report")


def test_an_explanation_is_shown_in_a_window(scripted: Scripted) -> None:
    """What the server explains is on screen as text."""
    editor = scripted(text="x = 1\n")
    choose_action(editor, "Explain selection")
    editor.until_shown("adds")


def test_all_problems_of_a_file_are_sent_for_one_fix(scripted: Scripted) -> None:
    """What diagnostics name anywhere in the buffer, hints aside, and the last fix that is offered is taken."""
    editor = scripted(text="x = 1\ny = 2\n")
    editor.command("Turnout fix")
    editor.until(lambda: "no problem of this buffer" in editor.messages(), "the message")
    editor.lua(
        """
        local severity = vim.diagnostic.severity
        vim.diagnostic.set(vim.api.nvim_create_namespace("other"), 0, {
          { lnum = 0, col = 0, message = "first", severity = severity.ERROR },
          { lnum = 1, col = 0, message = "second", severity = severity.WARN },
          { lnum = 1, col = 0, message = "grey", severity = severity.HINT },
        })
        """
    )
    editor.command("Turnout fix")
    editor.until(lambda: methods(editor, "workspace/executeCommand"), "the command")
    (params,) = methods(editor, "textDocument/codeAction")
    assert [problem["message"] for problem in params["context"]["diagnostics"]] == ["first", "second"]
    assert params["context"]["only"] == ["quickfix"]
    assert (params["range"]["start"]["line"], params["range"]["end"]["line"]) == (0, 2)
    (ran,) = methods(editor, "workspace/executeCommand")
    assert ran["command"] == "turnout.explain", "the last that the scripted server offers"


def test_a_commit_message_goes_where_it_is_needed(scripted: Scripted) -> None:
    """It is shown and kept in the unnamed register; in the buffer of a commit it stands at the top."""
    editor = scripted(text="\n# Changes to be committed:\n")
    editor.command("Turnout commit")
    editor.until_shown("One was not enough.")
    assert editor.lua("return vim.fn.getreg('\"')") == "Count to two\n\nOne was not enough.\n"
    (params,) = methods(editor, "workspace/executeCommand")
    assert params["arguments"][0]["folder"].startswith("file:")
    editor.command("set filetype=gitcommit")
    editor.command("Turnout commit")
    editor.until(lambda: editor.lines()[:3] == ["Count to two", "", "One was not enough."], "the message")
    assert editor.lines()[3] == "# Changes to be committed:"


def test_plug_mappings_can_be_put_on_any_key(scripted: Scripted) -> None:
    """With `keymaps = false` the plugin takes no key, and the <Plug> mappings serve those of the user."""
    before = "vim.keymap.set('i', '<C-l>', '<Plug>(turnout-accept)')\n"
    editor = scripted({"after": "hel", "text": "lo"}, options="keymaps = false", before=before)
    editor.type("ihel")
    editor.until_ghost("lo")
    assert editor.lua("return vim.fn.maparg('<Tab>', 'i', false, true).desc or ''") in (
        "",
        "vim.snippet.jump if active, otherwise <Tab>",
    )
    editor.type("<C-l>")
    editor.until(lambda: editor.lines() == ["hello"], "the text")


def test_the_help_file_has_what_its_links_say(start: Start) -> None:
    """`:help` finds the plugin's options as it is, and every link in the file leads to a tag of it or of Neovim."""
    editor = start("")
    editor.command("help turnout-config-ghost.auto")
    assert "ghost.auto" in editor.request("nvim_get_current_line")
    links = re.findall(r"\|([^|\s]+)\|", "\n".join(editor.lines()))
    known = "return vim.list_contains(vim.fn.getcompletion(..., 'help'), (...))"
    assert [link for link in links if not editor.lua(known, link)] == []


def test_the_help_file_is_up_to_date(binary: Path) -> None:
    """What the tables of the plugin say is what the help file says."""
    script = PLUGIN / "scripts" / "help.lua"
    done = subprocess.run([binary, "-l", script, "--check"], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
