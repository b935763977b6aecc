"""The workspace folders of one editor, and the settings that hold in each until a file or the editor changes them.

Invariants: a file is always under exactly one folder's settings; a request about documents of several folders, or about
one that is no file here, may only do what every one of them allows; what an untrusted folder says only tightens.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from turnout.complete import Rules
from turnout.core import routing
from turnout.core.budget import standings
from turnout.core.explaining import model_to_wire, route_to_wire
from turnout.core.globs import fold_path
from turnout.core.health import Health, Spend
from turnout.core.languages import language_of
from turnout.core.models import Model
from turnout.core.objections import RouteRequest
from turnout.core.policy import Policy
from turnout.core.requests import COMPLETION_KINDS, Kind, Route
from turnout.errors import PathRefused
from turnout.files import Folder
from turnout.session.asked import Requests
from turnout.session.editor import Editor
from turnout.session.narrowing import within
from turnout.session.opening import NOTHING, Around, Client, KeysOfEditor, Opened, Opener, look_at
from turnout.session.places import Look, Places, few_at_once
from turnout.session.troubles import say_problems
from turnout.settings import keys
from turnout.settings.nested import PathLimits, never_read, outermost_first, path_limits

if TYPE_CHECKING:
    from turnout.settings import Loaded

logger = logging.getLogger(__name__)

_Key = tuple[Path | None, Around]
"""A folder, and the settings files in other folders around documents of it."""

_MOST_OPENED = 64
"""Keys whose settings are kept, besides those of the folders themselves."""


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
        self._opener = Opener(load, is_trusted, resolve_key)
        self._editor_keys = editor_keys
        self._spent = spent
        self._health = health
        self._clock = clock
        self._opened: dict[_Key, Opened] = {}
        self._path_limits: dict[Around, tuple[tuple[object, ...], tuple[PathLimits, ...]]] = {}
        self._requests = Requests()
        self._permitted: dict[Path | None, tuple[RouteRequest, Route]] = {}
        """What the settings alone say of the last request in each folder."""
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
        workspace: Mapping[str, object] = NOTHING,
        folders: Mapping[Path, Mapping[str, object]] = NOTHING,
    ) -> None:
        """The editor's settings, for `prepare` to use; `trusted` is its word on the workspace, if it has one.

        `settings` are the user's own; `workspace` and `folders` are what the editor found in what is open.
        """
        self._opener.client = Client(settings, trusted, workspace, folders)
        self._stamp = object()

    def reload(self) -> None:
        """Have `prepare` read every file anew, and look for new ones."""
        self._places.look_again()
        self._stamp = object()

    async def prepare(self) -> None:
        """Read all settings on a thread and take them over at once; until then those before hold."""
        stamp = self._stamp
        roots = (*self._places.roots, None)
        bases = [(root, self._places.above(root)) for root in roots]
        fresh: dict[_Key, Opened] = {}
        for key in dict.fromkeys((*bases, *(key for key in self._opened if key[0] in roots))):
            fresh[key] = await asyncio.to_thread(self._read, key, fresh)
        if stamp is not self._stamp:
            return  # they changed again meanwhile, and whoever changed them prepares
        self._opened, self._path_limits, self._permitted = fresh, {}, {}
        self._requests.forget()
        self._fetch_keys(fresh.values())
        for opened in fresh.values():
            self._say_problems(opened)

    async def ready(self, kind: Kind, uris: tuple[str, ...]) -> None:
        """Read what is new around documents on a thread, so that deciding about them at once reads no file.

        Raises PathRefused for a path that cannot be followed.
        """
        folders = self._by_folder(uris)
        typing = kind in COMPLETION_KINDS
        if typing and self._is_ready(folders):
            return
        stamp = self._stamp
        fresh: dict[_Key, Opened] = {}
        for root, uris_in in folders.items():
            own = tuple(dict.fromkeys(uris_in))
            looks: list[Look] = []
            for few in few_at_once(own):
                looks += await asyncio.to_thread(self._places.look_closely, few, root)
            key, opened = await asyncio.to_thread(self._read_around, root, looks)
            for some in few_at_once([*zip(own, looks, strict=True)]):
                await asyncio.to_thread(_match_ahead, kind, own[0], some, opened)
            fresh[key] = opened
            self._places.keep_close(own, root)
        if stamp is self._stamp:
            for key, opened in fresh.items():
                if key not in self._opened:
                    self._keep(key, opened)

    def changed_on_disk(self) -> bool:
        """Whether a file that settings or trust were read from is no longer as it was. Looks at the disk."""
        return any(opened.changed_on_disk() for opened in list(self._opened.values()))

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders that the editor has open."""
        return self._places.roots

    def root_of(self, uri: str) -> Path | None:
        """The innermost folder that holds a document."""
        return self._places.find(uri).root

    def trusts(self, uri: str) -> bool:
        """Whether the user trusts the folder that holds a document."""
        return self._at(uri).trusted

    def settings(self, uri: str) -> "Loaded":
        """The settings that hold for a document."""
        return self._at(uri).loaded

    def folder(self, uri: str) -> Folder | None:
        """The folder that holds a document; without a document, the first one."""
        return self._at(uri).folder if uri else self._open(self._first_root()).folder

    def relative_path(self, uri: str) -> str:
        """The path of a document in its folder; its bare name outside of every folder, the URI if it is no file."""
        return self._places.find(uri).path

    def may_read(self, uri: str, *, typing: bool = False) -> bool:
        """Whether the settings let anybody read a file; while `typing`, what the disk said a moment ago will do."""
        return all(self._may_read_in(root, uri, typing=typing) for root in self._places.deciding(uri))

    def _may_read_in(self, root: Path | None, uri: str, *, typing: bool) -> bool:
        look, unread = self._places.look(uri, root, typing=typing), self._open(root).loaded
        if any(unread.policy.privacy.never_read.match(fold_path(path)) for path in look.paths):
            return False
        return not never_read(self._limits_of(look.around), look.files) and look.withheld is None

    def _limits_of(self, around: Around) -> tuple[PathLimits, ...]:
        """The path patterns of settings files as they are now: thousands of files in a row are asked about."""
        looks = tuple(map(look_at, around))
        seen, limits = self._path_limits.get(around, ((), ()))
        if looks != seen:
            limits = path_limits(around)
            self._path_limits[around] = looks, limits
        return limits

    def rules(self, uri: str) -> Rules:
        """What the settings say about completions in a document."""
        return self._at(uri).rules

    def decide(self, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = "") -> Route:
        """The route of a request about `uris`, by the folder of the first one and within what all others allow.

        Documents that are no files are under every folder at once; of several folders, none is charged alone for them.
        """
        folders = self._by_folder(uris).items()
        routes = (self._decide_in(root, kind, own, input_tokens, instruction) for root, own in folders)
        return self._put_down(reduce(within, routes), uris)

    def asks_for_plan(self, uri: str) -> bool:
        """Whether the settings want a refactor's plan shown to the user first."""
        return self._at(uri).loaded.settings.routes.refactor.plan == "ask"

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
        opened = self._at(uri)
        models, editors = opened.loaded.policy.models, self._editor_keys
        present = opened.keys
        if editors is not None:
            await editors.arrived(models)
            present |= {m.name for m in models if keys.is_editors(m.key) and editors.resolve(m.key)}
        return [model_to_wire(model, has_key=model.name in present) for model in models]

    def model(self, uri: str, kind: Kind) -> Model | None:
        """The model that would be asked first."""
        candidates = self.decide(kind, (uri,) if uri else (), 0).candidates
        return candidates[0] if candidates else None

    async def model_when_ready(self, kind: Kind, uri: str) -> Model | None:
        """The same as `model`, after what is new around the document was read on a thread."""
        await self.ready(kind, (uri,))
        return self.model(uri, kind)

    def has_remote(self) -> bool:
        """Whether some model of the settings is remote and has its key or needs none, so that it may well be asked."""
        return any(
            self._keys(opened) or any(m.api != "local" and m.key is None for m in opened.loaded.policy.models)
            for opened in list(self._opened.values())
        )

    def permits(self, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = "") -> Route:
        """The same as `decide` by the settings alone: however models are, whatever was spent, whosever key is there."""
        folders = self._by_folder(uris).items()
        routes = (self._permit_in(root, kind, own, input_tokens, instruction) for root, own in folders)
        return self._put_down(reduce(within, routes), uris)

    def readers(self, kind: Kind, uri: str) -> frozenset[Model]:
        """The models that may have the text of a document by the settings; none where its path cannot be followed."""
        try:
            found = [self._request_in(root, kind, own, 0) for root, own in self._by_folder((uri,)).items()]
        except PathRefused:
            return frozenset()
        return frozenset.intersection(*(routing.readers(*each) for each in found))

    def _by_folder(self, uris: tuple[str, ...]) -> dict[Path | None, tuple[str, ...]]:
        """The folders that have a say on `uris`, each with its own of them; the first folder where there are none."""
        found: dict[Path | None, list[str]] = {}
        for uri in uris:
            for root in self._places.deciding(uri):
                found.setdefault(root, []).append(uri)
        return {root: tuple(own) for root, own in found.items()} or {self._first_root(): ()}

    def _put_down(self, route: Route, uris: tuple[str, ...]) -> Route:
        """`route` with the folder that the request is put down to: that of its first file, or none of several."""
        found = (self._places.find(uri) for uri in uris)
        first = next((str(place.root or "") for place in found if place.is_file), None)
        if first is None and uris and len(self._places.roots) > 1:
            first = ""
        return route if first is None or first == route.workspace else replace(route, workspace=first)

    def _decide_in(
        self, root: Path | None, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str
    ) -> Route:
        request, policy = self._request_in(root, kind, uris, input_tokens, instruction)
        spend, health = self._spent(request.workspace), self._health(policy.models)
        return routing.decide(request, policy, health, spend, self._clock())

    def _permit_in(
        self, root: Path | None, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str
    ) -> Route:
        request, policy = self._request_in(root, kind, uris, input_tokens, instruction)
        if self._permitted.get(root, (None,))[0] is not request:
            keys = frozenset(model.name for model in policy.models)
            self._permitted[root] = request, routing.decide(replace(request, keys_present=keys), policy)
        return self._permitted[root][1]

    def _request_in(
        self, root: Path | None, kind: Kind, uris: tuple[str, ...], input_tokens: int, instruction: str = ""
    ) -> tuple[RouteRequest, Policy]:
        filling = kind in COMPLETION_KINDS
        looks = [self._places.look(uri, root, typing=filling) for uri in uris]
        opened = self._open(root, self._around(root, looks))
        # The worker cuts a completion's context to what its model takes.
        asked = kind, uris, 0 if filling else input_tokens, instruction
        request = self._requests.about(asked, root, opened, looks, self._keys(opened))
        return request, opened.loaded.policy

    def _around(self, root: Path | None, looks: Iterable[Look]) -> Around:
        """The settings files around documents, of which each holds for all of them: they are in one prompt."""
        found = {file for look in looks for file in look.around}
        return tuple(sorted(found, key=outermost_first)) if found else self._places.above(root)

    def _first_root(self) -> Path | None:
        return next(iter(self._places.roots), None)

    def _at(self, uri: str) -> Opened:
        """What holds for a document, as far as that is known without a look at the disk at each letter.

        A path that cannot be followed has the settings of its folder: no request about it gets through a decision.
        """
        if not uri:
            return self._open(self._first_root())
        root = self.root_of(uri)
        try:
            return self._open(root, self._around(root, (self._places.look(uri, root, typing=True),)))
        except PathRefused:
            return self._open(root)

    def _open(self, root: Path | None, around: Around | None = None) -> Opened:
        key = (root, self._places.above(root) if around is None else around)
        opened = self._opened.get(key)
        return (
            opened if opened is not None else self._keep(key, self._read(key, self._opened, may_wait=False))
        )

    def _keep(self, key: _Key, opened: Opened) -> Opened:
        if len(self._opened) >= _MOST_OPENED + len(self._places.roots):
            self._opened = {
                key: kept for key, kept in self._opened.items() if key[1] == self._places.above(key[0])
            }
        self._opened[key] = opened
        self._say_problems(opened)
        return opened

    def _read(self, key: _Key, fresh: Mapping[_Key, Opened] = NOTHING, *, may_wait: bool = True) -> Opened:
        """Read what holds; of what was read by now, the folder itself has the same models, and so the same keys."""
        base = fresh.get((key[0], self._places.above(key[0])))
        return self._opener.read(*key, keys=base.keys if base else None, may_wait=may_wait)

    def _is_ready(self, folders: Mapping[Path | None, tuple[str, ...]]) -> bool:
        return all(
            all(self._places.looked_lately(uri, root) for uri in uris)
            and (root, self._around(root, [self._places.look(uri, root, typing=True) for uri in uris]))
            in self._opened
            for root, uris in folders.items()
        )

    def _read_around(self, root: Path | None, looks: Iterable[Look]) -> tuple[_Key, Opened]:
        """What holds for documents, read where that was not done yet; blocks."""
        key = (root, self._around(root, looks))
        opened = self._opened.get(key)
        return key, self._read(key, self._opened) if opened is None else opened

    def _fetch_keys(self, opened: Iterable[Opened]) -> None:
        if self._editor_keys is not None:
            self._editor_keys.fetch(model for one in opened for model in one.loaded.policy.models)

    def _keys(self, opened: Opened) -> frozenset[str]:
        """The models that need not be passed over for want of a key: it is there, or the editor is still to say."""
        editors = self._editor_keys
        if editors is None:
            return opened.keys
        models = opened.loaded.policy.models
        return opened.keys | {m.name for m in models if m.key is not None and editors.may_have(m.key)}

    def _say_problems(self, opened: Opened) -> None:
        roots, root = self._places.roots, opened.root
        if root is not None or not roots:  # of documents outside, the same is said of the folders
            base = root.parent if root and len(roots) > 1 else root
            say_problems(self._editor, base, opened.loaded.problems)


def _match_ahead(kind: Kind, first: str, looks: Iterable[tuple[str, Look]], opened: Opened) -> None:
    """Match documents against the settings, for decisions about each and about all from `first` on; blocks."""
    for uri, look in looks:
        for language in {language_of(first), language_of(uri)}:
            routing.match_ahead(kind, language, look.paths, opened.loaded.policy)
