"""`turnout.commitMessage` and `turnout commit-message`: a message for what is staged, and no commit."""

import json
import subprocess

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from support.editor import editing
from support.git import commit, git, repository, stage
from support.home import TURNOUT, Home

SCRIPT = {
    "chat": [
        {"contains": "+x = 2", "text": "Here is the commit message:\n\n```\nCount to two\n```"},
        {"contains": "Write the message", "text": "No diff was shown"},
    ]
}


def prepare(home: Home) -> None:
    """A change to speak of, between files that nobody may read: by a link's target, an odd name, and rules now gone."""
    forbidden = {".env": "KEY=1\n", "caf\udce9/x.py": "1\n", "gone/x.py": "1\n"}
    rules = '[privacy]\nnever_read = ["*.py"]\n'
    folders = {"caf\udce9/.turnout.toml": rules, "gone/.turnout.toml": rules}
    repository(home.work, {"a.py": "x = 1\n", "0.py": "1\n", **forbidden, **folders})
    commit(home.work, "Begin")
    (home.work / "0.py").unlink()
    (home.work / "0.py").symlink_to(".env")
    git(home.work, "rm", "--quiet", "-r", "gone")
    stage(home.work, {".env": "KEY=hunter2\n", "caf\udce9/x.py": "2\n"})
    git(home.work, "add", "0.py")
    stage(home.work, {"a.py": "x = 2\n"})


async def test_in_an_editor(home: Home) -> None:
    """The command answers with the message, shows progress, and leaves the repository as it is."""
    prepare(home)
    async with editing(home, options={}, TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)) as editor:
        params = types.ExecuteCommandParams("turnout.commitMessage", [{"folder": home.uri()}])
        answer = await editor.request(types.WORKSPACE_EXECUTE_COMMAND, params)
        await editor.displayed()
        assert answer["message"] == "Count to two"
        assert [file["uri"] for file in answer["receipt"]["files"]] == [home.uri("a.py")]
        repository(home.work / "inner", {"b.py": "+x = 2\n"})
        inner = types.ExecuteCommandParams("turnout.commitMessage", [{"folder": home.uri("inner")}])
        answer = await editor.request(types.WORKSPACE_EXECUTE_COMMAND, inner)
        await editor.displayed()
        assert [file["uri"] for file in answer["receipt"]["files"]] == [home.uri("inner/b.py")]
        git(home.work, "reset", "--quiet", "--hard")
        with pytest.raises(JsonRpcException, match="Nothing is staged"):
            await editor.request(types.WORKSPACE_EXECUTE_COMMAND, params)
        await editor.displayed()
        for wrong in ({"folder": 7}, "here"):
            with pytest.raises(JsonRpcException, match="URI of a folder"):
                await editor.request(
                    types.WORKSPACE_EXECUTE_COMMAND,
                    types.ExecuteCommandParams("turnout.commitMessage", [wrong]),
                )
    assert git(home.work, "log", "--format=%s") == "Begin\n"


def test_on_the_command_line(home: Home) -> None:
    """Only the message is on stdout, so that git can read it from there."""
    prepare(home)
    done = subprocess.run(
        [TURNOUT, "commit-message"], cwd=home.work, env=home.environment(TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT)),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "Count to two\n"), done.stderr
