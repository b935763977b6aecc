"""Installs every editor and tool that the tests drive; `make test` does that beside the checks that need none.

usage, in `tests/`: python -m clients.install
What cannot be installed is said and is no failure here: each test that needs it says so, or fails, by itself. A test
that comes early waits for what is being installed, since two installers of one thing wait for each other.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from clients.install import base, lua_tools, neovim, terminal_editors, vscode

_IN_A_FOLDER: tuple[Callable[[Path], object], ...] = (
    lambda folder: neovim.install(folder, "0.11"),
    lambda folder: neovim.install(folder, "0.12"),
    lua_tools.stylua,
    lua_tools.luacheck,
    terminal_editors.emacs,
    terminal_editors.helix,
)


def main() -> None:
    """Install them all, the one that takes longest first."""
    folder = vscode.editors_dir()
    for install in (lambda _: vscode.ensure(), *_IN_A_FOLDER):
        try:
            install(folder)
        except (base.InstallError, vscode.InstallError) as reason:
            print(reason, file=sys.stderr)


if __name__ == "__main__":
    main()
