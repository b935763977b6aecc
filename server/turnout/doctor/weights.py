"""The models that are here, the one that completions use, and whether another would suit the machine better."""

import os
from collections.abc import Iterator
from pathlib import Path

from turnout import models
from turnout.core.models import Model
from turnout.doctor.findings import Case, Finding
from turnout.errors import ModelError, TurnoutError
from turnout.models import choice, recommend
from turnout.worker.engines import prepared


def files(case: Case) -> Iterator[Finding]:
    """Every model that is here, held to its recorded hash; hashed again with `--verify`."""
    named = [_named(model) for model in _configured(case)]
    yield from named
    here = [each for each in models.listing() if each.state != "missing"]
    for each in here:
        yield _file(case, each)
    if not here and not named:
        yield Finding("model", "note", "No model is on this machine.", "Run: turnout models pull")


def _configured(case: Case) -> list[Model]:
    """The local models of the settings that the catalogue knows nothing of: own files, and unknown names."""
    return [model for model in case.loaded.policy.models if model.api == "local" and _is_own(model)]


def _is_own(model: Model) -> bool:
    return bool(model.path) or model.model not in (choice.AUTO, *models.known())


def _named(model: Model) -> Finding:
    """Whether a model that is not from the catalogue can be read at all; nothing vouches for its contents."""
    named = model.path or model.model
    facts = {"model": model.name, "path": named}
    try:
        path = Path(os.path.expanduser(named))  # noqa: PTH111 - Path's own raises for "~nobody"
        if not path.is_dir() or not (model.path or path.is_absolute()):
            models.locate(str(path.absolute()) if model.path else named)
        elif not (path / "config.json").is_file():
            raise ModelError(f"The directory {path} holds no model: there is no config.json in it.")
    except TurnoutError as exc:
        advice = exc.advice or f"Correct models.{model.name}.path."
        return Finding(
            "model", "problem", f"{model.name}: {exc.message}", advice, {**facts, "state": "wrong"}
        )
    text = f"{model.name} is {path}, your own, which is held to no hash"
    return Finding("model", "ok", text, facts={**facts, "state": "own"})


def _file(case: Case, each: models.Listed) -> Finding:
    title = each.entry.name if each.form.name == "gguf" else f"{each.entry.name} ({each.form.name})"
    facts = {"model": each.entry.name, "form": each.form.name, "state": each.state, "path": str(each.path)}
    form = "" if each.form.name == "gguf" else f" --form {each.form.name}"
    if each.state == "partial":
        text = f"{title}: {models.in_megabytes(each.have_bytes)} of {models.in_megabytes(each.form.bytes)} are here."
        return Finding("model", "note", text, f"Run: turnout models pull {each.entry.name}{form}", facts)
    if case.verify or each.state == "unchecked":
        case.say(f"hashing {title}")
        try:
            models.verify(each.entry.name, each.form.name)
        except TurnoutError as exc:
            return Finding("model", "problem", exc.message, exc.advice, {**facts, "state": "wrong"})
        return Finding("model", "ok", f"{title}: hashed now, and right", facts={**facts, "state": "ready"})
    return Finding("model", "ok", f"{title}: unchanged since its hash was found right", facts=facts)


def _first(case: Case) -> Model | None:
    """The local model that completions go to."""
    chain = case.loaded.policy.routes["inline"].models
    return next((model for model in chain if model.api == "local"), None)


def suited(case: Case) -> Iterator[Finding]:
    """What `auto` stands for, and whether the machine could pay for more; nothing where no model is left to it."""
    near = _first(case)
    if near is not None and _is_own(near):
        text = f"completions go to {near.name}, which is {near.path or near.model}; `auto` is not asked"
        yield Finding("model.auto", "ok", text)
        return
    current = choice.remembered()
    found = recommend.recommend(case.machine, models.known().values())
    if found.best is None:
        yield Finding(
            "model.auto",
            "problem",
            "No known model fits the memory of this machine.",
            "Use a model on another machine: an entry in `models` with its `base_url`.",
        )
        return
    best = found.best
    facts = {"recommended": best.entry.name, "form": best.form.name, "line_ms": round(best.line_ms)}
    if current is None:
        text = f"{best.entry.name} suits this machine: about {best.line_ms:.0f} ms per line"
        yield Finding("model.auto", "ok", text, facts=facts)
    elif current.model == best.entry.name:
        text = f"`auto` is {current.model}, which suits this machine: about {best.line_ms:.0f} ms per line"
        yield Finding("model.auto", "ok", text, facts={**facts, "auto": current.model})
    else:
        yield Finding(
            "model.auto",
            "note",
            f"`auto` is {current.model}; {best.entry.name} would suit this machine "
            f"(about {best.line_ms:.0f} ms per line).",
            "To change it: turnout models recommend --apply",
            {**facts, "auto": current.model},
        )
    if case.machine.idle_card:
        text = f"{case.machine.idle_card} is not counted: no engine for it is ready."
        advice = f"{prepared.INSTALL} Then run: turnout models prepare"
        yield Finding("model.auto", "note", text, advice)
