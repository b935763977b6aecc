"""What to do about a completion that no model answered, and what to tell its user.

Invariant: a missing model is fetched, what the user has to mend is said once, and everything has a reason to ask for.
"""

import re

from turnout.complete import cause_among
from turnout.errors import EngineMissing, ModelError, ModelFailed, ModelMissing, TurnoutError
from turnout.session.editor import Editor
from turnout.session.pulls import Pulls

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class Failures:
    """Hears of the completions that failed."""

    def __init__(self, editor: Editor, pulls: Pulls) -> None:
        self._editor = editor
        self._pulls = pulls
        self._failed: set[tuple[str, str]] = set()

    def __call__(self, error: TurnoutError) -> str:
        """The reason in words, after what can be done about it was begun."""
        cause = cause_among(error, ModelMissing, ModelError, EngineMissing, ModelFailed)
        if isinstance(cause, ModelMissing):
            self._pulls.start(cause.model)
            return self._pulls.state(cause.model)
        if isinstance(cause, ModelFailed):
            self._say_failed(cause)
        elif cause is not None:
            self._editor.say_once(f"Turnout: {cause}", "warning")
        return str(error)

    def _say_failed(self, error: ModelFailed) -> None:
        # The free memory in a message is another at every attempt, and its cause the same.
        cause = (error.model, _NUMBER.sub("#", str(error)))
        if cause not in self._failed:
            self._failed.add(cause)
            self._editor.say_once(f"Turnout: the model {error.model} does not work: {error}", "warning")
