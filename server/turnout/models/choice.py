"""What `model = "auto"` stands for on this machine: decided once, remembered, and never changed behind the user's back.

Invariant: the same answer in every process until the remembered choice is deleted (`turnout models recommend --apply`
makes a new one) or names a model that is no longer known. While its form cannot run, as when a card is gone, another
model stands in for it, which is kept in no file: the choice counts again with the card. A process measures at most
once for each of them, whatever the disk says.
"""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from turnout import paths
from turnout.models import recommend
from turnout.models.hardware import Machine
from turnout.models.manifest import DEFAULT_MODEL, FORM_NAMES, FormName, known

AUTO = "auto"
"""The name in the settings."""

_lock = threading.Lock()

_in_memory: dict[tuple[str, str], "Choice"] = {}
"""Choices of this process by state directory: the one that could not be written (under ""), and what stands in for
each model whose form cannot run."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model in a form, and a sentence that says why this one."""

    model: str
    form: FormName
    reason: str


def chosen(measure: Callable[[], Machine], runs: Callable[[FormName], bool] = lambda _form: True) -> Choice:
    """The model that `auto` stands for; `measure` is asked where nothing is remembered, and may take a second.

    `runs` says whether an engine here can run a form now. `TURNOUT_AUTO_MODEL` names the model for whoever wants no
    machine to decide.
    """
    if named := os.environ.get("TURNOUT_AUTO_MODEL"):
        return Choice(named, "gguf", "TURNOUT_AUTO_MODEL names it")
    with _lock:
        found = remembered() or choose(measure())
        return found if runs(found.form) else _stand_in(found, measure)


def _stand_in(choice: Choice, measure: Callable[[], Machine]) -> Choice:
    key = (_home(), f"{choice.model} {choice.form}")
    if key not in _in_memory:
        instead = _decide(measure())
        reason = f"{instead.reason}; it stands in for {choice.model}, whose {choice.form} form cannot run now"
        _in_memory[key] = replace(instead, reason=reason)
    return _in_memory[key]


def choose(machine: Machine) -> Choice:
    """Decide anew and remember it."""
    choice = _decide(machine)
    _remember(choice)
    return choice


def _decide(machine: Machine) -> Choice:
    ready = _here()
    estimate = recommend.choose(machine, known().values(), ready)
    if estimate is None:
        name = DEFAULT_MODEL if DEFAULT_MODEL in known() else next(iter(known()))
        return Choice(name, "gguf", "no model fits the memory of this machine; this is the smallest")
    here = (estimate.entry.name, estimate.form.name) in ready
    reason = f"a line takes about {estimate.line_ms:.0f} ms here"
    return Choice(estimate.entry.name, estimate.form.name, f"{reason}, and it was here" if here else reason)


def _here() -> set[tuple[str, str]]:
    """Name and form of the models that are on this machine."""
    from turnout import models

    try:
        return {(e.entry.name, e.form.name) for e in models.listing() if e.state in ("ready", "unchecked")}
    except OSError:  # no cache directory can be made, so there is none
        return set()


def remembered() -> Choice | None:
    """What was decided before; None where nothing was, or where that model is no longer known."""
    return _written() or _in_memory.get((_home(), ""))


def _written() -> Choice | None:
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
        _in_memory[_home(), ""] = choice  # every process then decides for itself, by the same rules
    else:
        _in_memory.pop((_home(), ""), None)


def _home() -> str:
    return os.environ.get("TURNOUT_STATE_DIR", "")


def _path() -> Path:
    return paths.state_dir() / "auto-model.json"
