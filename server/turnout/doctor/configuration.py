"""Settings with their sources, keys (whether, never what), and trust."""

from collections.abc import Iterator

from turnout.core.requests import KINDS
from turnout.doctor.findings import Case, Finding
from turnout.paths import WORKSPACE_SETTINGS
from turnout.settings.keys import EDITOR, keys_present
from turnout.settings.layers import WORDS


def settings(case: Case) -> Iterator[Finding]:
    """What is wrong with the settings, and which files they come from."""
    loaded = case.loaded
    for problem in loaded.problems:
        yield Finding(
            "settings", "problem", str(problem), "Correct it; `turnout settings show` prints what holds."
        )
    read = [str(file) for file in loaded.files if file.is_file()]
    changed = {key: source for key, source in loaded.sources.items() if source != WORDS["defaults"]}
    origin = f"{len(changed)} values set in {', '.join(read)}" if changed else "the built-in defaults"
    if not loaded.problems:
        facts = {"files": read, "set": changed}
        yield Finding(
            "settings", "ok", f"{origin}; `turnout settings show` prints each with its source", facts=facts
        )


def routes(case: Case) -> Iterator[Finding]:
    """Which model is asked first, by kind."""
    first: dict[str, str] = {
        kind: chain.models[0].name for kind in KINDS if (chain := case.loaded.policy.routes[kind]).models
    }
    by_model: dict[str, list[str]] = {}
    for kind, model in first.items():
        by_model.setdefault(model, []).append(kind)
    text = "; ".join(f"{', '.join(kinds)}: {model}" for model, kinds in by_model.items())
    yield Finding("routes", "ok", text or "no kind of request has a model", facts=first)


def keys(case: Case) -> Iterator[Finding]:
    """Whether the key of each remote model is there."""
    models = case.loaded.policy.models
    present = keys_present(models)
    for model in models:
        if not model.key:
            continue
        there = model.name in present
        facts = {"model": model.name, "reference": model.key, "present": there}
        if there:
            yield Finding("key", "ok", f"{model.name}: {model.key} is there", facts=facts)
        elif model.key.startswith(EDITOR):
            yield Finding("key", "ok", f"{model.name}: kept by the editor, which alone can say", facts=facts)
        elif case.loaded.policy.model_sources[model.name].startswith(WORDS["defaults"]):
            yield Finding(
                "key", "ok", f"{model.name}: {model.key} is not set, so it is not asked", facts=facts
            )
        else:
            advice = f"Set it to use {model.name}, or leave it: the next model of a route is asked instead."
            yield Finding("key", "note", f"{model.name}: {model.key} is not set", advice, facts)


def trust(case: Case) -> Iterator[Finding]:
    """Whether this folder's settings count in full."""
    facts = {"folder": str(case.folder), "trusted": case.trusted}
    if case.trusted:
        yield Finding(
            "trust", "ok", f"{case.folder} is trusted; `turnout trust --remove` takes it back", facts=facts
        )
    elif (case.folder / WORKSPACE_SETTINGS).is_file():
        text = f"{case.folder} has a {WORKSPACE_SETTINGS} and is not trusted, so that file can only tighten."
        advice = "Read it; if it says what you want, run: turnout trust"
        yield Finding("trust", "note", text, advice, facts)
    else:
        yield Finding(
            "trust", "ok", f"{case.folder} is not trusted, and has no settings that ask for it", facts=facts
        )
