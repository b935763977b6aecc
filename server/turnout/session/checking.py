"""The checks that the settings of a folder name, run on a proposal for it.

Invariant: a check runs the folder's own code (its tests, its build scripts, a linter's plugins), so none runs where
the user does not trust the folder, and none sees a key of a model.
"""

import shlex
from collections.abc import Callable, Sequence

from turnout.act.proposals import Check
from turnout.checks import run_checks
from turnout.core.edits.changes import FileChange
from turnout.files import Folder, path_to_uri
from turnout.session.workspaces import Workspaces


class FolderChecks:
    """Runs the user's checks by the settings of the folder that a change is for."""

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces

    async def __call__(
        self, folder: Folder, changes: Sequence[FileChange], tell: Callable[[str], None]
    ) -> tuple[Check, ...]:
        """One result for each check; `tell` hears the name of each as it begins."""
        return await self.in_tree(folder, folder, changes, tell)

    def commands(self, folder: Folder) -> tuple[str, ...]:
        """The checks that the settings name for `folder`."""
        loaded = self._workspaces.settings(path_to_uri(folder.root / "file"))
        return tuple(loaded.settings.routes.refactor.checks)

    async def in_tree(
        self, folder: Folder, tree: Folder, changes: Sequence[FileChange], tell: Callable[[str], None]
    ) -> tuple[Check, ...]:
        """The checks of `folder`, with its dependencies, run in `tree`: another state of the same project."""
        uri = path_to_uri(folder.root / "file")
        loaded = self._workspaces.settings(uri)
        commands = self.commands(folder)
        if not self._workspaces.trusts(uri):
            why = f"not run until you trust this folder: turnout trust {shlex.quote(str(folder.root))}"
            return tuple(Check(command, True, why, ran=False) for command in commands)
        references = [model.key for model in loaded.policy.models if model.key]
        hidden = {key.removeprefix("env:") for key in references if key.startswith("env:")}
        return await run_checks(
            tree,
            changes,
            commands,
            hidden_variables=hidden,
            may_read=self._workspaces.may_read,
            tell=tell,
            lender=folder.root,
        )
