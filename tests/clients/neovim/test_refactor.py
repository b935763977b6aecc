"""The multi-file refactor in a real Neovim: reviewed, applied all or nothing, taken back."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from clients.neovim.conftest import methods
from clients.neovim.session import Neovim

pytestmark = pytest.mark.editor

Scripted = Callable[..., Neovim]
Json = dict[str, Any]
FILES = {"a.py": "one = 1\nuse(one)\n", "b.py": "from a import one\n", "c.py": "print('é', one)\n"}


def span(line: int, start: int, end: int, to_line: int | None = None) -> Json:
    """An LSP range."""
    last = line if to_line is None else to_line
    return {"start": {"line": line, "character": start}, "end": {"line": last, "character": end}}


def edit(uri: str, version: int | None, *edits: tuple[Json, str]) -> Json:
    """A TextDocumentEdit."""
    return {
        "textDocument": {"uri": uri, "version": version},
        "edits": [{"range": where, "newText": text} for where, text in edits],
    }


def uri_of(editor: Neovim, name: str) -> str:
    """The URI of a file in the editor's directory."""
    return (editor.directory / name).as_uri()


@pytest.fixture
def three_files(scripted: Scripted) -> Neovim:
    """An editor on a.py, with b.py and c.py beside it that it has not opened."""
    editor = scripted(text=FILES["a.py"])
    for name in ("b.py", "c.py"):
        (editor.directory / name).write_text(FILES[name])
    return editor


def hunk(name: str, line: int, before: str, after: str) -> Json:
    """A hunk that replaces one whole line."""
    return {"id": name, "before": before, "after": after, "range": span(line, 0, 0, line + 1)}


def script_renaming(editor: Neovim) -> None:
    """Have the server propose to rename `one` in three files, in four hunks, the second of which may be left out."""
    a, b, c = (uri_of(editor, name) for name in FILES)
    version = editor.lua("return vim.lsp.util.buf_versions[vim.api.nvim_get_current_buf()]")
    files = [
        {"uri": a, "kind": "edit", "version": version, "diff": "", "hunks": [
            hunk("0.0", 0, "one = 1\n", "uno = 1\n"), hunk("0.1", 1, "use(one)\n", "use(uno)\n")]},
        {"uri": b, "kind": "edit", "version": None, "diff": "", "hunks": [
            hunk("1.0", 0, "from a import one\n", "from a import uno\n")]},
        {"uri": c, "kind": "edit", "version": None, "diff": "", "hunks": [
            hunk("2.0", 0, "print('é', one)\n", "print('é', uno)\n")]},
    ]  # fmt: skip
    change = [
        edit(a, version, (span(0, 0, 3), "uno")),
        edit(b, None, (span(0, 14, 17), "uno")),
        edit(c, None, (span(0, 12, 15), "uno")),
    ]
    receipt = {"model": "opus", "leavesMachine": True, "costUsd": 0.0123, "ms": {"total": 3200}}
    receipt["edits"] = "blocks: as models.opus.edits says"
    checks = [
        {"name": "ruff", "ok": True, "ran": True, "message": ""},
        {"name": "mypy", "ok": True, "ran": False, "message": "not run: slow"},
        {"name": "pytest", "ok": False, "ran": True, "message": "new problems:\ntest_a.py:3: F821 beta"},
    ]
    proposal = {
        "proposalId": "p1",
        "plan": "Rename one to uno",
        "complete": False,
        "files": files,
        "checks": checks,
        "verdict": {"state": "failed", "text": "Failed: pytest."},
        "receipt": receipt,
    }
    script = {"proposal": proposal, "left": ["0.1"], "apply": {"0.0,1.0,2.0": {"documentChanges": change}}}
    editor.server("test/script", script)


def open_preview(editor: Neovim) -> None:
    """Ask for the refactor and wait for its preview."""
    editor.command("Turnout refactor rename one to uno")
    editor.until_shown("Rename one to uno")


OTHER_SERVER = """
local start = { line = 3, character = 0 }
local place = { uri = "file:///w/far.py", range = { start = start, ["end"] = start } }
for _, answers in ipairs({ true, ... }) do
  vim.lsp.start({
    name = answers and "other" or "slow",
    cmd = function()
      return {
        request = function(method, params, callback)
          if method == "initialize" then
            callback(nil, { capabilities = { referencesProvider = true } })
          elseif method == "textDocument/references" and answers then
            asked = params
            callback(nil, { place })
          end
          return true, 1
        end,
        notify = function() return true end,
        is_closing = function() return false end,
        terminate = function() end,
      }
    end,
  })
end
"""


def test_a_refactor_is_told_where_other_servers_find_the_symbol(three_files: Neovim) -> None:
    """What they answer goes with the request; one that does not answer in time holds nothing up."""
    editor = three_files
    script_renaming(editor)
    editor.lua('require("turnout.references").patience_ms = 50')
    editor.lua(OTHER_SERVER, False)
    editor.until(lambda: editor.lua("return #vim.lsp.get_clients({ bufnr = 0 })") == 3, "the other servers")
    open_preview(editor)
    (params,) = methods(editor, "turnout/refactor")
    assert [place["uri"] for place in params["references"]] == ["file:///w/far.py"]
    assert editor.lua("return asked.context.includeDeclaration and asked.position.line") == 0


def texts(editor: Neovim) -> dict[str, str]:
    """Text of every loaded file buffer by name."""
    found: dict[str, str] = editor.lua(
        """
        local texts = vim.empty_dict()
        for _, buf in ipairs(vim.api.nvim_list_bufs()) do
          if vim.api.nvim_buf_is_loaded(buf) and vim.bo[buf].buftype == "" then
            local lines = vim.api.nvim_buf_get_lines(buf, 0, -1, false)
            texts[vim.fs.basename(vim.api.nvim_buf_get_name(buf))] = table.concat(lines, "\\n") .. "\\n"
          end
        end
        return texts
        """
    )
    return found


def on_disk(editor: Neovim) -> dict[str, str]:
    """Text of every file in the directory."""
    files = (path for path in editor.directory.iterdir() if path.suffix == ".py")
    return {path.name: path.read_text() for path in files}


def test_a_refactor_is_reviewed_applied_and_undone(three_files: Neovim) -> None:
    """One hunk of four is rejected; the rest reaches three buffers, no disk, and goes again on undo.

    What the checks came to is said, and what each of them found is one key away. What was left out can be reviewed.
    """
    editor = three_files
    script_renaming(editor)
    open_preview(editor)
    listed = "\n".join(editor.lines())
    for text in (
        "[x] a.py",
        "[x] 1: uno = 1",
        "[x] b.py",
        "ok ruff",
        "Failed: pytest.",
        "not checked mypy: slow",
        "failed pytest: new problems:",
        "opus, left this",
        "edits as blocks of lines to replace (as models.opus.edits says)",
        "incomplete: a part of",
    ):
        assert text in listed
    assert "one = 1" in editor.screen.text()  # the text before
    editor.type("/failed pytest<CR><CR>")
    editor.until_shown("test_a.py:3: F821 beta")
    editor.type("ggjjjjjx")
    editor.until_shown("[-] a.py")
    editor.until(
        lambda: "uno = 1" in editor.screen.text() and "use(uno)" not in pane(editor), "the hunk to be out"
    )
    editor.type("q")
    editor.until_shown("Apply 3 of 4 hunks? Failed: pytest.")
    editor.type("a")
    after = {"a.py": "uno = 1\nuse(one)\n", "b.py": "from a import uno\n", "c.py": "print('é', uno)\n"}
    editor.until(lambda: texts(editor) == after, f"{after}, not {texts(editor)}")
    assert on_disk(editor) == FILES
    editor.until(lambda: "applied 3 of 4 hunks in a.py, b.py, c.py" in editor.messages(), "the report")
    assert editor.lua("return #vim.api.nvim_list_tabpages()") == 1
    assert ":Turnout review shows the others" in editor.messages()
    editor.command("Turnout review")
    editor.until_shown("[x] 2: use(uno)")
    listed = "\n".join(editor.lines())
    assert "b.py" not in listed
    assert "does not fit now: c.py: These lines have been edited since." in listed
    editor.command("Turnout discard")
    undo(editor)
    editor.until(lambda: texts(editor) == FILES, "the text before")


def pane(editor: Neovim) -> str:
    """Text of the preview's right window."""
    lines: list[str] = editor.lua(
        "local win = vim.api.nvim_tabpage_list_wins(0)[3]; "
        "return vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(win), 0, -1, false)"
    )
    return "\n".join(lines)


def undo(editor: Neovim) -> None:
    """Have the server undo the renaming with the versions that it knows."""
    documents = editor.server("test/documents")
    ranges = {"a.py": span(0, 0, 3), "b.py": span(0, 14, 17), "c.py": span(0, 12, 15)}
    changes = [
        edit(uri_of(editor, name), documents[uri_of(editor, name)]["version"], (where, "one"))
        for name, where in ranges.items()
    ]
    editor.server("test/script", {"undo": {"documentChanges": changes}})
    editor.command("Turnout undo")


def test_a_stale_document_refuses_the_whole_edit(three_files: Neovim) -> None:
    """Where one of three documents changed meanwhile, none is touched and the user is told which one."""
    editor = three_files
    script_renaming(editor)
    open_preview(editor)
    editor.lua("vim.api.nvim_buf_set_lines(vim.fn.bufnr('a.py'), 0, 0, false, { '# newer' })")
    before = {**FILES, "a.py": "# newer\n" + FILES["a.py"]}
    editor.type("jjxq")
    editor.until_shown("Apply 3 of 4 hunks?")
    editor.type("a")
    editor.until(lambda: "a.py has changed since the edit was made" in editor.messages(), "the reason")
    assert texts(editor) == {"a.py": before["a.py"]}
    assert on_disk(editor) == FILES
    assert "[-] a.py" in editor.screen.text()  # the review is not lost


@pytest.mark.parametrize(
    ("keys", "ends"),
    [("qd", True), ("xjxjxjxjxq", True), (":tabclose<CR>", True), ("<C-w>l:close<CR>", True), ("qb", False)],
)
def test_leaving_without_applying_discards(three_files: Neovim, keys: str, ends: bool) -> None:
    """Discarding, rejecting everything and closing the tab apply nothing and tell the server; going back does not."""
    editor = three_files
    script_renaming(editor)
    open_preview(editor)
    editor.type(keys)
    if ends:
        editor.until(lambda: methods(editor, "turnout/discard") == [{"proposalId": "p1"}], "the discard")
        assert editor.lua("return #vim.api.nvim_list_tabpages()") == 1
    else:
        editor.until(lambda: not editor.request("nvim_get_mode")["blocking"], "the answer")
        assert methods(editor, "turnout/discard") == []
    assert texts(editor) == {"a.py": FILES["a.py"]}
    assert methods(editor, "turnout/apply") == []


def test_the_instruction_is_asked_for_and_the_range_is_sent(three_files: Neovim) -> None:
    """Without an instruction one is asked for; selected lines and the document go with the request."""
    editor = three_files
    script_renaming(editor)
    editor.type(":2Turnout refactor<CR>")
    editor.until_shown("Refactor:")
    editor.type("do it<CR>")
    editor.until_shown("Rename one to uno")
    (params,) = methods(editor, "turnout/refactor")
    assert params["instruction"] == "do it"
    assert params["textDocument"] == {"uri": uri_of(editor, "a.py")}
    assert params["range"] == span(1, 0, 8)


def test_a_refactor_can_be_cancelled(three_files: Neovim) -> None:
    """The model and the progress are shown, other plugins hear of it, and :Turnout cancel reaches the server."""
    editor = three_files
    script_renaming(editor)
    editor.server("test/hold")
    editor.lua(
        "vim.api.nvim_create_autocmd('LspProgress', { callback = function() vim.g.progress = true end })"
    )
    editor.command("Turnout refactor rename")
    editor.until_shown("turnout: refactor (near): asking the model (:Turnout cancel)")
    assert editor.lua("return vim.g.progress")
    editor.command("Turnout cancel")
    editor.until(lambda: methods(editor, "$/cancelRequest"), "the cancellation")
    editor.until(lambda: "refactor cancelled" in editor.messages(), "the report")


def test_applied_files_are_saved_where_that_is_asked_for(scripted: Scripted) -> None:
    """With `refactor = { preview = false, save = true }` the files are written, and what was checked is said."""
    editor = scripted(text=FILES["a.py"], options="refactor = { preview = false, save = true }")
    a = uri_of(editor, "a.py")
    files = [{"uri": a, "kind": "edit", "diff": "", "hunks": [hunk("0.0", 0, "one = 1\n", "uno = 1\n")]}]
    verdict = {"state": "partly", "text": "Verified in part. Not checked: mypy."}
    proposal = {
        "proposalId": "p", "plan": "", "checks": [], "verdict": verdict, "receipt": {}, "files": files
    }  # fmt: skip
    change = {"documentChanges": [edit(a, None, (span(0, 0, 3), "uno"))]}
    editor.server("test/script", {"proposal": proposal, "apply": {"0.0": change}})
    editor.command("Turnout refactor rename")
    editor.until(lambda: on_disk(editor)["a.py"] == "uno = 1\nuse(one)\n", "the file")
    editor.until(lambda: "Verified in part. Not checked: mypy." in editor.messages(), "the verdict")


def create(name: str) -> Json:
    """Creation of a file."""
    return {"kind": "create", "uri": name}


def rename(old: str, new: str) -> Json:
    """Renaming of a file."""
    return {"kind": "rename", "oldUri": old, "newUri": new}


def with_uris(editor: Neovim, change: Json) -> Json:
    """`change` with URIs in the place of names in the editor's directory."""
    document = change.get("textDocument")
    if document:
        return {**change, "textDocument": {**document, "uri": uri_of(editor, document["uri"])}}
    names = ("uri", "oldUri", "newUri")
    return {
        key: uri_of(editor, value) if key in names and ":" not in value else value
        for key, value in change.items()
    }


SNIPPET = {"range": span(0, 0, 0), "snippet": {"kind": "snippet", "value": "$1"}}


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (edit("b.py", 7, (span(0, 0, 0), "x")), "b.py has changed since"),
        (edit("gone.py", None, (span(0, 0, 0), "x")), "gone.py does not exist"),
        (create("b.py"), "b.py exists already"),
        (rename("gone.py", "d.py"), "gone.py does not exist"),
        (rename("b.py", "c.py"), "c.py exists already"),
        ({"kind": "delete", "uri": "gone.py"}, "gone.py does not exist"),
        ({"kind": "delete", "uri": "."}, "is a directory"),
        (create("https://example.com/x"), "is not a file"),
        ({"kind": "explode", "uri": "b.py"}, "no change that is known"),
        ({"textDocument": {"uri": "b.py", "version": None}, "edits": [SNIPPET]}, "is a snippet"),
    ],
)
def test_an_edit_that_cannot_be_applied_whole_is_not_applied(
    three_files: Neovim, second: Json, reason: str
) -> None:
    """Whatever is wrong with the second change, the first one is not made either, and the answer says why."""
    editor = three_files
    version = editor.lua("return vim.lsp.util.buf_versions[vim.api.nvim_get_current_buf()]")
    first = edit(uri_of(editor, "a.py"), version, (span(0, 0, 3), "uno"))
    answer = editor.server(
        "test/applyEdit", {"edit": {"documentChanges": [first, with_uris(editor, second)]}}
    )
    assert answer["applied"] is False
    assert reason in answer["failureReason"]
    assert answer["failedChange"] == 1
    assert texts(editor)["a.py"] == FILES["a.py"]
    assert on_disk(editor) == FILES


def test_what_fails_half_way_is_taken_back(three_files: Neovim) -> None:
    """A rename that the disk refuses takes the edits and the new file before it back."""
    editor = three_files
    version = editor.lua("return vim.lsp.util.buf_versions[vim.api.nvim_get_current_buf()]")
    changes = [
        edit(uri_of(editor, "a.py"), version, (span(0, 0, 3), "uno")),
        {"kind": "create", "uri": uri_of(editor, "new.py")},
        {"kind": "delete", "uri": uri_of(editor, "c.py")},
        {
            "kind": "rename",
            "oldUri": uri_of(editor, "b.py"),
            "newUri": uri_of(editor, "a.py/under-a-file.py"),
        },
    ]
    answer = editor.server("test/applyEdit", {"edit": {"documentChanges": changes}})
    assert answer["applied"] is False
    assert answer["failedChange"] == 3
    assert texts(editor) == {"a.py": FILES["a.py"]}
    assert on_disk(editor) == FILES


def test_files_are_created_renamed_and_deleted(three_files: Neovim) -> None:
    """A new file is an unwritten buffer with its text, and gets its directory when written; the rest is on disk."""
    editor = three_files
    new = uri_of(editor, "deep/new.py")
    changes = [
        {"kind": "create", "uri": new},
        edit(new, None, (span(0, 0, 0), "x = 1\ny = 2\n")),
        {"kind": "rename", "oldUri": uri_of(editor, "b.py"), "newUri": uri_of(editor, "d.py")},
        {"kind": "delete", "uri": uri_of(editor, "c.py")},
    ]
    answer = editor.server("test/applyEdit", {"edit": {"documentChanges": changes}})
    assert answer == {"applied": True}
    assert on_disk(editor) == {"a.py": FILES["a.py"], "d.py": FILES["b.py"]}
    assert texts(editor)["new.py"] == "x = 1\ny = 2\n"
    editor.command("silent wall")
    assert (editor.directory / "deep" / "new.py").read_text() == "x = 1\ny = 2\n"
    assert editor.server("test/documents")[new]["text"] == "x = 1\ny = 2\n"


def test_an_edit_without_versions_is_refused_for_unsaved_text(three_files: Neovim) -> None:
    """An edit that was made from the file on disk is not put over changes that are only in the buffer."""
    editor = three_files
    editor.lua("vim.api.nvim_buf_set_lines(0, 0, 0, false, { '# newer' })")
    changes = {uri_of(editor, "a.py"): [{"range": span(0, 0, 3), "newText": "uno"}]}
    answer = editor.server("test/applyEdit", {"edit": {"changes": changes}})
    assert answer["applied"] is False
    assert "changes that the edit knows nothing of" in answer["failureReason"]


@pytest.mark.parametrize(("key", "applied"), [("a", True), ("c", False), ("<Esc>", False)])
def test_an_edit_that_needs_confirmation_is_confirmed(three_files: Neovim, key: str, applied: bool) -> None:
    """Neovim applies such edits without asking; the plugin asks, and no is the default."""
    editor = three_files
    change = edit(uri_of(editor, "a.py"), None, (span(0, 0, 3), "uno"))
    change["edits"][0]["annotationId"] = "risky"
    annotations = {"risky": {"label": "Touch a.py?", "needsConfirmation": True}}
    params = {"edit": {"documentChanges": [change], "changeAnnotations": annotations}}
    send = """
        vim.lsp.get_clients({ name = "turnout" })[1]:request("test/applyEdit", ..., function(_, result)
          vim.g.answer = result
        end)
    """
    editor.lua(send, params)
    editor.until_shown("Touch a.py?")
    editor.type(key)
    answer = editor.until(lambda: editor.lua("return vim.g.answer"), "the answer")
    assert answer["applied"] is applied, answer
    assert (texts(editor)["a.py"] == FILES["a.py"]) is not applied


@pytest.mark.parametrize(
    ("keys", "choice"), [("1<CR>", "Send once"), ("2<CR>", "Keep it here"), ("<Esc>", None), ("<CR>", None)]
)
def test_a_question_of_the_server_is_answered_or_cancelled(
    three_files: Neovim, keys: str, choice: str | None
) -> None:
    """Consent to text leaving the machine is what the user chose; closing the question is no consent."""
    editor = three_files
    params = {
        "type": 3,
        "message": "Send 2 files?",
        "actions": [{"title": "Send once"}, {"title": "Keep it here"}],
    }
    send = """
        vim.lsp.get_clients({ name = "turnout" })[1]:request("test/ask", ..., function(_, result)
          vim.g.answer = vim.json.encode(result or vim.NIL)
        end)
    """
    editor.lua(send, params)
    editor.until_shown("Send 2 files?")
    editor.type(keys)
    answer = editor.until(lambda: editor.lua("return vim.g.answer"), "the answer")
    assert json.loads(answer) == ({"title": choice} if choice else None)
