"""Which keys a trusted workspace may have sent to which servers, and what it may say of where those are.

Trust is given to a folder and holds for what its settings file says later; a key is different, since whoever changes
the endpoint beside it would be sent the key, and so is a server's jurisdiction, by which the user's own settings let
text go there. So a pair of either and a server that is new waits for the user's word.

Invariant: the list is written when trust is given, or when a folder that is trusted by the editor is first seen, and
never grows by itself after that; one that cannot be read or written approves nothing, and is not written over.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from turnout import paths
from turnout.core.models import Model
from turnout.errors import SettingsError
from turnout.settings import keys
from turnout.settings.endpoints import Endpoints
from turnout.settings.layers import Leaf, dotted
from turnout.settings.problems import Problem
from turnout.settings.toml import KeyPath
from turnout.settings.trust import change_file, real_path

Binding = tuple[str, str]
"""A reference to a key, or `jurisdiction: WHERE`, and the scheme, host and port that it is for."""

CLAIM = "jurisdiction: "
"""How the first part of a binding begins that is no key."""

Approve = Callable[[frozenset[Binding]], frozenset[Binding]]
"""Those of a workspace's bindings that the user has approved."""

_FILE = "approved-endpoints"
_MAX_BYTES = 1024 * 1024


def approve_all(workspace: Path, bindings: Iterable[Binding]) -> None:
    """Approve `bindings` of a workspace and no others; raises SettingsError where that cannot be noted."""
    own = real_path(workspace)
    change_file(_FILE, lambda: _written({**_readable(), own: sorted(set(bindings))}))


def forget(workspace: Path) -> None:
    """Approve nothing of a workspace any more."""
    own = real_path(workspace)
    if own in (_load() or {}):
        change_file(_FILE, lambda: _written(_without(_readable(), own)))


def approved(workspace: Path, bindings: frozenset[Binding]) -> frozenset[Binding]:
    """Those of `bindings` that are approved; all of them where the workspace is seen for the first time."""
    entries = _load()
    if entries is None:
        return frozenset()
    known = entries.get(real_path(workspace))
    if known is None:
        try:
            approve_all(workspace, bindings)
        except SettingsError:
            return frozenset()
        return bindings
    return bindings.intersection(known)


def in_words(binding: Binding) -> str:
    """What approving a binding allows."""
    what, server = binding
    if what.startswith(CLAIM):
        return f"{server} is taken to be in the jurisdiction that the folder gives it: {what.removeprefix(CLAIM)}"
    return f"{what} may be sent to {server}"


def bindings_of(models: Iterable[Model], leaves: Mapping[KeyPath, Leaf]) -> dict[str, tuple[Binding, ...]]:
    """What a workspace's settings bind together, by the name of the model; the user's own need no approval.

    The editor's keys are left out: the editor keeps each with its endpoint, and asks by itself.
    """
    return {model.name: tuple(_bindings(model, leaves)) for model in models}


def _bindings(model: Model, leaves: Mapping[KeyPath, Leaf]) -> Iterator[Binding]:
    server = _server(model.base_url or "")
    if model.key is not None and not keys.is_editors(model.key) and _of_workspace(model.name, leaves):
        yield model.key, server
    claim = leaves.get(("models", model.name, "jurisdiction"))
    if model.leaves_machine and claim is not None and claim.layer.name == "workspace":
        yield f"{CLAIM}{claim.value}", server


def hold_back(endpoints: Endpoints, leaves: Mapping[KeyPath, Leaf], approve: Approve) -> Endpoints:
    """`endpoints` without the models of which something was not approved."""
    bindings = bindings_of(endpoints.models.values(), leaves)
    allowed = approve(frozenset(binding for pairs in bindings.values() for binding in pairs))
    refused = {
        name: new[0] for name, pairs in bindings.items() if (new := [p for p in pairs if p not in allowed])
    }
    problems = []
    for name, (what, server) in refused.items():
        path: KeyPath = ("models", name, "jurisdiction" if what.startswith(CLAIM) else "key")
        leaf = leaves.get(path) or leaves["models", name, "base_url"]
        message = f"{what} was not approved for {server}, so the model is left out; run: turnout trust"
        problems.append(Problem(leaf.layer.where(path), dotted(path), message))
    kept = {name: model for name, model in endpoints.models.items() if name not in refused}
    return replace(endpoints, models=kept, problems=(*endpoints.problems, *problems))


def _of_workspace(name: str, leaves: Mapping[KeyPath, Leaf]) -> bool:
    parts = (leaves.get(("models", name, key)) for key in ("key", "base_url", "api"))
    return any(leaf is not None and leaf.layer.name == "workspace" for leaf in parts)


def _server(base_url: str) -> str:
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _load() -> dict[str, list[Binding]] | None:
    """What is approved, by workspace; None where it cannot be read."""
    try:
        path = paths.state_dir() / _FILE
        return _parsed(path.read_text("utf-8")) if path.stat().st_size <= _MAX_BYTES else None
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        return None


def _readable() -> dict[str, list[Binding]]:
    """What is approved, to write it again with a change; raises SettingsError where it cannot be read."""
    found = _load()
    if found is None:
        raise SettingsError(
            f"{paths.state_dir() / _FILE} cannot be read, so what it approves for other folders would be lost.",
            advice="Mend it; or remove it, and all trusted folders may again send the keys that they name now.",
        )
    return found


def _parsed(text: str) -> dict[str, list[Binding]] | None:
    try:
        found = json.loads(text or "{}")
        return {
            str(name): [(str(key), str(server)) for key, server in pairs] for name, pairs in found.items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _without(entries: Mapping[str, list[Binding]], own: str) -> dict[str, list[Binding]]:
    return {name: pairs for name, pairs in entries.items() if name != own}


def _written(entries: Mapping[str, Iterable[Binding]]) -> str:
    return json.dumps({name: sorted(pairs) for name, pairs in sorted(entries.items())}, indent=1) + "\n"


def approve_none(_bindings: frozenset[Binding]) -> frozenset[Binding]:
    """The `Approve` of a workspace that nobody trusts."""
    return frozenset()
