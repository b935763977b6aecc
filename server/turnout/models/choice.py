"""What `model = "auto"` stands for on this machine: decided once, remembered, and never changed behind the user's back.

Invariant: the same answer in every process until the remembered choice is deleted (`turnout models recommend --apply`
makes a new one) or names a model that is no longer known.
"""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from turnout import paths
from turnout.models import recommend
from turnout.models.hardware import Machine
from turnout.models.manifest import DEFAULT_MODEL, FORM_NAMES, FormName, known

AUTO = "auto"
"""The name in the settings."""

_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Choice:
    """A model in a form, and a sentence that says why this one."""

    model: str
    form: FormName
    reason: str


def chosen(measure: Callable[[], Machine]) -> Choice:
    """The model that `auto` stands for; `measure` is asked where nothing is remembered, and may take a second.

    `TURNOUT_AUTO_MODEL` says it for whoever wants no machine to decide.
    """
    if named := os.environ.get("TURNOUT_AUTO_MODEL"):
        return Choice(named, "gguf", "TURNOUT_AUTO_MODEL names it")
    with _lock:
        return remembered() or choose(measure())


def choose(machine: Machine) -> Choice:
    """Decide anew and remember it."""
    ready = _here()
    estimate = recommend.choose(machine, known().values(), ready)
    if estimate is None:
        name = DEFAULT_MODEL if DEFAULT_MODEL in known() else next(iter(known()))
        choice = Choice(name, "gguf", "no model fits the memory of this machine; this is the smallest")
    else:
        here = (estimate.entry.name, estimate.form.name) in ready
        reason = f"a line takes about {estimate.line_ms:.0f} ms here"
        choice = Choice(
            estimate.entry.name, estimate.form.name, f"{reason}, and it was here" if here else reason
        )
    _remember(choice)
    return choice


def _here() -> set[tuple[str, str]]:
    """Name and form of the models that are on this machine."""
    from turnout import models

    try:
        return {(e.entry.name, e.form.name) for e in models.listing() if e.state in ("ready", "unchecked")}
    except OSError:  # no cache directory can be made, so there is none
        return set()


def remembered() -> Choice | None:
    """What an earlier process decided; None where none did, or where that model is no longer known."""
    try:
        data = json.loads(_path().read_bytes())
        model, form, reason = data["model"], data["form"], str(data["reason"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    entry = known().get(model) if isinstance(model, str) else None
    if entry is None or form not in FORM_NAMES or entry.form(form) is None:
        return None
    return Choice(model, form, reason)


def _remember(choice: Choice) -> None:
    try:
        path = _path()
        draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        draft.write_text(
            json.dumps({"model": choice.model, "form": choice.form, "reason": choice.reason}),
            encoding="utf-8",
        )
        draft.replace(path)
    except OSError:
        return  # every process then decides for itself, by the same rules


def _path() -> Path:
    return paths.state_dir() / "auto-model.json"
