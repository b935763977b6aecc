"""A real Emacs with eglot and the documented configuration, against the installed server."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from clients.install.terminal_editors import emacs
from clients.neovim.conftest import installed
from clients.other_editors.documented import configuration
from support.actions import SCRIPT, SUMMED, TEXT
from support.home import TURNOUT, Home

pytestmark = pytest.mark.editor

_AFTER_LOADING = """
(setq native-comp-jit-compilation nil eglot-confirm-server-edits nil)
(find-file "a.py")
(run-hooks 'post-command-hook) ; where eglot-ensure waits in a batch
(unless (eglot-current-server) (error "eglot did not connect"))
"""


def run(home: Home, commands: str) -> Any:
    """What Emacs writes with `answer`, after opening a.py and running `commands`."""
    program = installed("Emacs", emacs)
    script = home.write(
        "run.el",
        f"(require 'json)\n(defun answer (value) (princ (json-encode value)))\n(setq eglot-sync-connect 20)\n"
        f"{configuration('Emacs (eglot)')}{_AFTER_LOADING}{commands}",
    )
    path = f"{Path(TURNOUT).parent}:/usr/bin:/bin"
    done = subprocess.run(
        [program, "-Q", "--batch", "-l", script],
        cwd=home.work,
        env=home.environment(TURNOUT_FAKE_SCRIPT=json.dumps(SCRIPT), PATH=path),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.lstrip("\a"))  # it rings where nothing completes yet


def test_a_suggestion_completes_at_point(home: Home) -> None:
    """`completion-at-point` puts the model's text into the buffer, what was typed of it included."""
    home.write("a.py", "x = 1\nhel")
    commands = """
    (goto-char (point-max))
    (while (equal (buffer-string) "x = 1\\nhel") ; no menu waits while the model is loaded
      (completion-at-point))
    (answer (buffer-string))
    """
    assert run(home, commands) == "x = 1\nhello_from_fake(42)"


def test_a_rewrite_takes_its_instruction_from_a_comment(home: Home) -> None:
    """A code action is offered, resolved and applied to the buffer; the file on disk is as it was."""
    instructed = TEXT.replace("    result = 0", "    # turnout: use sum()\n    result = 0")
    home.write("a.py", instructed)
    commands = """
    (search-forward "result = 0")
    (eglot-execute (eglot-current-server)
      (seq-find (lambda (action) (string-prefix-p "Rewrite total" (plist-get action :title)))
                (eglot-code-actions (point) (point))))
    (answer (buffer-string))
    """
    assert SUMMED in run(home, commands)
    assert home.read("a.py") == instructed
