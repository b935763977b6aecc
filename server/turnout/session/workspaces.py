"""The workspace folders of one editor, and the settings that hold in each until a file or the editor changes them.

Invariants: a file is always under exactly one folder's settings; a request about documents of several folders, or about
one that is no file here, may only do what every one of them allows; what an untrusted folder says only tightens.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from turnout.complete import Rules
from turnout.core import routing
from turnout.core.budget import standings
from turnout.core.explaining import route_to_wire
from turnout.core.globs import fold_path
from turnout.core.health import Health, Spend
from turnout.core.languages import language_of
from turnout.core.objections import RouteRequest
from turnout.core.requests import COMPLETION_KINDS, Kind, Model, Route
from turnout.files import Folder
from turnout.session.editor import Editor
from turnout.session.narrowing import within
from turnout.session.places import Places
from turnout.settings import keys, trust
from turnout.settings.problems import WAITS_FOR_TRUST

if TYPE_CHECKING:
    from turnout.settings import Loaded, Problem

logger = logging.getLogger(__name__)

MAX_PROBLEMS_SAID = 3

_NOTHING: Mapping[Any, Any] = MappingProxyType({})

_REPLY_TOKENS = 2048
"""What a chat may answer at most, for the estimate of its cost."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """One folder; `root` is None for documents outside every folder."""

    root: Path | None
    folder: Folder | None
    loaded: "Loaded"
    keys: frozenset[str]
    """The models whose key is in the environment or in a keyring."""
    rules: Rules
    trusted: bool
    signature: tuple[object, ...]
    """What the files looked like that the settings were read from."""


class KeysOfEditor(Protocol):
    """The keys that only the editor has."""

    def fetch(self, models: Iterable[Model]) -> None: ...
    def may_have(self, reference: str) -> bool: ...
    def resolve(self, reference: str) -> str | None: ...
    async def arrived(self, models: Iterable[Model]) -> None: ...


def _nothing_known(_models: Iterable[Model]) -> Health:
    return Health()


class Workspaces:
    """Settings by document, for one editor."""

    def __init__(
        self,
        editor: Editor,
        load: "Callable[..., Loaded]",
        is_trusted: Callable[[Path], bool],
        resolve_key: Callable[[str], str | None],
        spent: Callable[[str], Spend],
        clock: Callable[[], float] = time.monotonic,
        editor_keys: KeysOfEditor | None = None,
        health: Callable[[Iterable[Model]], Health] = _nothing_known,
    ) -> None:
        """`resolve_key` finds the keys that are not the editor's; it may block, and is called on a thread.

        `spent` says what was spent, all in all and in the workspace that it is given; `health` how models do, in
        readings of `clock`.
        """
        self._editor = editor
        self._load = load
        self._is_trusted = is_trusted
        self._resolve_key = resolve_key
        self._editor_keys = editor_keys
        self._spent = spent
        self._health = health
        self._clock = clock
        self._client_settings: Mapping[str, object] = _NOTHING
        self._client_workspace: Mapping[str, object] = _NOTHING
        self._client_folders: Mapping[Path, Mapping[str, object]] = _NOTHING
        self._client_trusts: bool | None = None
        self._opened: dict[Path | None, _Opened] = {}
        self._places = Places(clock)
        self._stamp = object()

    def set_roots(self, roots: list[Path]) -> None:
        """The folders that the editor has open, replacing those before; `prepare` reads their settings."""
        self._places.set_roots(roots)
        self._stamp = object()

    def set_client(
        self,
        settings: Mapping[str, object],
        *,
        trusted: bool | None,
        workspace: Mapping[str, object] = _NOTHING,
        folders: Mapping[Path, Mapping[str, object]] = _NOTHING,
    ) -> None:
        """The editor's settings, for `prepare` to use; `trusted` is its word on the workspace, if it has one.

        `settings` are the user's own; `workspace` and `folders` are what the editor found in what is open.
        """
        self._client_settings = settings
        self._client_workspace = workspace
        self._client_folders = folders
        self._client_trusts = trusted
        self._stamp = object()

    def reload(self) -> None:
        """Have `prepare` read every file anew."""
        self._stamp = object()

    async def prepare(self) -> None:
        """Read all settings on a thread and take them over at once; until then those before hold."""
        stamp = self._stamp
        fresh: dict[Path | None, _Opened] = {}
        for root in (*self._places.roots, None):
            fresh[root] = await asyncio.to_thread(self._read, root)
        if stamp is not self._stamp:
            return  # they changed again meanwhile, and whoever changed them prepares
        self._opened = fresh
        if self._editor_keys is not None:
            self._editor_keys.fetch(
                model for opened in fresh.values() for model in opened.loaded.policy.models
            )
        for root, opened in fresh.items():
            self._say_problems(root, opened.loaded.problems)

    def changed_on_disk(self) -> bool:
        """Whether a file that settings or trust were read from is no longer as it was. Looks at the disk."""
        return any(_signature(opened.loaded.files) != opened.signature for opened in self._opened.values())

    def root_of(self, uri: str) -> Path | None:
        """The innermost folder that holds a document."""
        return self._places.find(uri).root

    def trusts(self, uri: str) -> bool:
        """Whether the user trusts the folder that holds a document."""
        return self._open(self.root_of(uri)).trusted

    def settings(self, uri: str) -> "Loaded":
        """The settings that hold for a document."""
        return self._open(self.root_of(uri)).loaded

    def folder(self, uri: str) -> Folder | None:
        """The folder that holds a document; without a document, the first one."""
        return self._open(self.root_of(uri) if uri else self._first_root()).folder

    def relative_path(self, uri: str) -> str:
        """The path of a document in its folder; its bare name outside of every folder, the URI if it is no file."""
        return self._places.find(uri).path

    def may_read(self, uri: str) -> bool:
        """Whether the settings let anybody read a file."""
        return all(self._may_read_in(root, uri) for root in self._places.deciding(uri))

    def _may_read_in(self, root: Path | None, uri: str) -> bool:
        never_read = self._open(root).loaded.policy.privacy.never_read
        if any(never_read.match(fold_path(path)) for path in self._places.policy_paths(uri, root)):
            return False
        return self._places.withheld(uri, root) is None

    def rules(self, uri: str) -> Rules:
        """What the settings say about completions in a document."""
        return self._open(self.root_of(uri)).rules

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        """The route of a request about `uris`, by the folder of the first one and within what all others allow."""
        folders = self._by_folder(uris).items()
        return reduce(within, (self._decide_in(root, kind, own, input_tokens) for root, own in folders))

    def asks_for_plan(self, uri: str) -> bool:
        """Whether the settings want a refactor's plan shown to the user first."""
        opened = self._open(self.root_of(uri) if uri else self._first_root())
        return opened.loaded.settings.routes.refactor.plan == "ask"

    def explain(self, kind: Kind, uri: str) -> dict[str, Any]:
        """The decision for a kind of request in a document, as `turnout/explain` answers it."""
        uris = (uri,) if uri else ()
        opened = self._open(next(iter(self._by_folder(uris))))
        policy, spend = opened.loaded.policy, self._spent(str(opened.root or ""))
        route = self.decide(kind, uris, 0)
        return dict(
            route_to_wire(route, standings(policy.budget, spend), self._health(policy.models), self._clock())
        )

    async def models(self, uri: str) -> list[dict[str, Any]]:
        """Every model that the settings name for a document, as `turnout/models` answers it."""
        opened = self._open(self.root_of(uri) if uri else self._first_root())
        models, editors = opened.loaded.policy.models, self._editor_keys
        present = opened.keys
        if editors is not None:
            await editors.arrived(models)
            present |= {m.name for m in models if keys.is_editors(m.key) and editors.resolve(m.key)}
        return [_model_to_wire(model, model.name in present) for model in models]

    def model(self, uri: str, kind: Kind) -> Model | None:
        """The model that would be asked first."""
        candidates = self.decide(kind, (uri,) if uri else (), 0).candidates
        return candidates[0] if candidates else None

    def has_remote(self) -> bool:
        """Whether some model of the settings is remote and has its key or needs none, so that it may well be asked."""
        return any(
            self._keys(opened) or any(m.api != "local" and m.key is None for m in opened.loaded.policy.models)
            for opened in self._opened.values()
        )

    def permits(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        """The same as `decide` by the settings alone: however models are, whatever was spent, whosever key is there."""
        folders = self._by_folder(uris).items()
        return reduce(within, (self._permit_in(root, kind, own, input_tokens) for root, own in folders))

    def _by_folder(self, uris: tuple[str, ...]) -> dict[Path | None, tuple[str, ...]]:
        """The folders that have a say on `uris`, each with its own of them; the first folder where there are none."""
        found: dict[Path | None, tuple[str, ...]] = {}
        for uri in uris:
            for root in self._places.deciding(uri):
                found[root] = (*found.get(root, ()), uri)
        return found or {self._first_root(): ()}

    def _decide_in(self, root: Path | None, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        request = self._request_in(root, kind, uris, input_tokens)
        policy = self._open(root).loaded.policy
        spend, health = self._spent(request.workspace), self._health(policy.models)
        return routing.decide(request, policy, health, spend, self._clock())

    def _permit_in(self, root: Path | None, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        request, policy = self._request_in(root, kind, uris, input_tokens), self._open(root).loaded.policy
        request = replace(request, keys_present=frozenset(model.name for model in policy.models))
        return routing.decide(request, policy)

    def _request_in(
        self, root: Path | None, kind: Kind, uris: tuple[str, ...], input_tokens: int
    ) -> RouteRequest:
        opened = self._open(root)
        filling = kind in COMPLETION_KINDS
        return RouteRequest(
            kind=kind,
            paths=tuple(
                path for uri in uris for path in self._places.policy_paths(uri, root, typing=filling)
            ),
            language=language_of(uris[0]) if uris else "",
            withheld=next(
                filter(None, (self._places.withheld(uri, root, typing=filling) for uri in uris)), None
            ),
            keys_present=self._keys(opened),
            # The worker cuts a completion's context to what its model takes.
            input_tokens=0 if filling else input_tokens,
            output_tokens=opened.rules.max_tokens if filling else _REPLY_TOKENS,
            files=len(uris),
            workspace=str(root or ""),
        )

    def _first_root(self) -> Path | None:
        return next(iter(self._places.roots), None)

    def _open(self, root: Path | None) -> _Opened:
        opened = self._opened.get(root)
        return opened if opened is not None else self._keep(root, self._read(root, may_wait=False))

    def _keep(self, root: Path | None, opened: _Opened) -> _Opened:
        self._opened[root] = opened
        self._say_problems(root, opened.loaded.problems)
        return opened

    def _trusted(self, root: Path) -> bool:
        """The editor's word where it has one: it may know the folder as restricted."""
        return self._is_trusted(root) if self._client_trusts is None else self._client_trusts

    def _read(self, root: Path | None, *, may_wait: bool = True) -> _Opened:
        """What holds in a folder; a keyring is asked only where that `may_wait`: a folder may be new to the editor."""
        trusted = root is not None and self._trusted(root)
        beside = [self._client_workspace]
        if root is not None:
            beside.append(self._client_folders.get(root, _NOTHING))
        # Outside of every folder there is nobody to trust but the editor's window.
        loaded = self._load(
            root,
            self._client_settings,
            trusted=trusted if root else self._client_trusts is True,
            editor_workspace=beside,
        )
        chosen = loaded.settings.completion
        rules = Rules(
            enabled=chosen.enabled,
            disabled_languages=frozenset(chosen.disabled_languages),
            max_tokens=chosen.max_tokens,
            multiline=chosen.multiline,
        )
        folder = Folder(root) if root else None
        have = self._keys_of(loaded, may_wait=may_wait)
        return _Opened(root, folder, loaded, have, rules, trusted, _signature(loaded.files))

    def _keys_of(self, loaded: "Loaded", *, may_wait: bool) -> frozenset[str]:
        """The models whose key is there, but for the editor's."""
        models = [model for model in loaded.policy.models if not keys.is_editors(model.key)]
        if not may_wait:
            models = [model for model in models if model.key and model.key.startswith("env:")]
        return frozenset(m.name for m in models if m.key and self._resolve_key(m.key) is not None)

    def _keys(self, opened: _Opened) -> frozenset[str]:
        """The models that need not be passed over for want of a key: it is there, or the editor is still to say."""
        editors = self._editor_keys
        if editors is None:
            return opened.keys
        models = opened.loaded.policy.models
        return opened.keys | {m.name for m in models if m.key is not None and editors.may_have(m.key)}

    def _say_problems(self, root: Path | None, problems: Sequence["Problem"]) -> None:
        """Say what cannot be used: the first few one by one, and in one message what only waits for trust."""
        if root is None and self._places.roots:
            return  # the same is said of the folders
        base = root.parent if root and len(self._places.roots) > 1 else root
        inside = f"{base}/" if base else ""
        waiting = [problem for problem in problems if problem.message.startswith(WAITS_FOR_TRUST)]
        others = [problem for problem in problems if problem not in waiting]
        by_file: dict[str, list[str]] = {}
        for problem in waiting:
            by_file.setdefault(_file_of(problem).removeprefix(inside), []).append(problem.key)
        for file, names in by_file.items():
            said = ", ".join(dict.fromkeys(names))
            self._editor.say_once(f"Turnout: {file}: {said}: {waiting[0].message}", "warning")
        for problem in others[:MAX_PROBLEMS_SAID]:
            self._editor.say_once(f"Turnout: {str(problem).removeprefix(inside)}", "warning")
        if len(others) > MAX_PROBLEMS_SAID:
            more = len(others) - MAX_PROBLEMS_SAID
            self._editor.say_once(
                f"Turnout: {more} more settings cannot be used; run: turnout settings check", "warning"
            )


def _model_to_wire(model: Model, has_key: bool) -> dict[str, Any]:
    return {
        "name": model.name,
        "api": model.api,
        "model": model.model,
        "endpoint": model.base_url,
        "leavesMachine": model.leaves_machine,
        "jurisdiction": model.jurisdiction,
        "key": model.key and model.key.partition(":")[0],
        "hasKey": has_key,
    }


def _file_of(problem: "Problem") -> str:
    """Where a problem is, without the line."""
    file, _, line = problem.where.rpartition(":")
    return file if line.isdigit() else problem.where


def _signature(files: Sequence[Path]) -> tuple[object, ...]:
    """Time and size of each file and of the list of trusted folders; None for one that is not there."""
    return (*map(_look_at, files), _look_at(None))


def _look_at(file: Path | None) -> object:
    try:
        stat = (file or trust.store_path()).stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
