"""What to do about a completion that no model answered, and what to tell its user.

Invariant: a missing model is fetched, what the user has to mend is said once, and everything has a reason to ask for.
"""

from turnout.complete import cause_among
from turnout.errors import EngineMissing, ModelError, ModelMissing, TurnoutError
from turnout.session.editor import Editor
from turnout.session.pulls import Pulls


class Failures:
    """Hears of the completions that failed."""

    def __init__(self, editor: Editor, pulls: Pulls) -> None:
        self._editor = editor
        self._pulls = pulls

    def __call__(self, error: TurnoutError) -> str:
        """The reason in words, after what can be done about it was begun."""
        cause = cause_among(error, ModelMissing, ModelError, EngineMissing)
        if isinstance(cause, ModelMissing):
            self._pulls.start(cause.model)
            return self._pulls.state(cause.model)
        if cause is not None:
            self._editor.say_once(f"Turnout: {cause}", "warning")
        return str(error)
