"""From `[models.NAME]` to a `core.models.Model`: catalogue values filled in, and what leaves the machine decided.

Invariant: a model that is not certainly on this machine leaves it,
and what one layer said about an endpoint (its key, jurisdiction, prices) is not said about another
that a workspace puts in its place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from turnout.core.fim.named import named_family
from turnout.core.models import Model
from turnout.core.objections import FIM_ONLY_APIS
from turnout.core.policy import SELF_HOSTED
from turnout.settings import keys
from turnout.settings.catalogue import ENDPOINTS, Facts, Provider, provider_of
from turnout.settings.layers import Leaf, dotted
from turnout.settings.problems import Problem
from turnout.settings.schema import FAMILY_NAMES, ModelSettings, host_of, is_loopback
from turnout.settings.toml import KeyPath

AUTO = "auto"
"""The model of a local entry that this machine decides."""

_UNKNOWN_LOCAL = Facts(context_tokens=4_096)
_UNKNOWN_REMOTE = Facts(context_tokens=128_000)
_UNKNOWN_FIM = Facts(context_tokens=8_192)

_ABOUT_ENDPOINT = (
    "key", "leaves_machine", "jurisdiction", "input_usd", "output_usd", "cache_read_usd", "cache_write_usd",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The usable models by name, where each is set, and what is wrong with the others."""

    models: dict[str, Model]
    sources: dict[str, str]
    problems: tuple[Problem, ...]


def bind_to_endpoint(leaves: Mapping[KeyPath, Leaf]) -> tuple[dict[KeyPath, Leaf], list[Problem]]:
    """Drop what other layers said about an endpoint that the workspace replaced."""
    kept = dict(leaves)
    problems: list[Problem] = []
    for path, leaf in leaves.items():
        if path[0] != "models" or path[2] not in {"base_url", "api"} or leaf.layer.name != "workspace":
            continue
        for key in _ABOUT_ENDPOINT:
            about = (*path[:2], key)
            if about not in kept or kept[about].layer.name == "workspace":
                continue
            del kept[about]
            if key == "key":
                message = f"the key from {leaves[about].layer.source(about)} is not sent to this endpoint"
                problems.append(Problem(leaf.layer.where(path), dotted(path), message))
    return kept, problems


def build_models(settings: Mapping[str, ModelSettings], leaves: Mapping[KeyPath, Leaf]) -> Endpoints:
    """Build every model of `settings`, whose values come from `leaves`."""
    models: dict[str, Model] = {}
    sources: dict[str, str] = {}
    problems: list[Problem] = []
    for name, entry in settings.items():
        builder = _Builder(name, entry, leaves, problems)
        sources[name] = builder.source
        model = builder.build()
        if model is not None:
            models[name] = model
    return Endpoints(models, sources, tuple(problems))


def name_auto(endpoints: Endpoints, auto_model: Callable[[], str]) -> Endpoints:
    """`endpoints` with the model that `auto` stands for in its place; a file's own name where a path is given."""
    named = {
        name: replace(model, model=Path(model.path).stem if model.path else auto_model())
        for name, model in endpoints.models.items()
        if model.api == "local" and model.model == AUTO
    }
    return replace(endpoints, models={**endpoints.models, **named})


class _Builder:
    """Builds one model."""

    def __init__(
        self, name: str, entry: ModelSettings, leaves: Mapping[KeyPath, Leaf], problems: list[Problem]
    ) -> None:
        self._name = name
        self._entry = entry
        self._leaves = {path[2]: leaf for path, leaf in leaves.items() if path[:2] == ("models", name)}
        self._problems = problems

    @property
    def source(self) -> str:
        """Where the model is set: its `model` key, or else any key of it."""
        leaf = self._leaf("model")
        return leaf.layer.source(("models", self._name))

    def build(self) -> Model | None:
        """The model, or None and a problem."""
        entry = self._entry
        if entry.api == "local":
            return self._local()
        base_url = (entry.base_url or ENDPOINTS.get(entry.api, "")).rstrip("/")
        lacking = self._lacking(base_url)
        if lacking or not entry.model:
            self._report(*lacking or ("model", "is missing: the name of the model as its API knows it"))
            return None
        provider = provider_of(host_of(base_url))
        leaves = self._leaves_machine(base_url, provider)
        facts = (provider.models.get(entry.model) if provider else None) or _UNKNOWN_REMOTE
        # An API that fills holes takes less than the same model's chat.
        context_tokens = (_UNKNOWN_FIM if entry.api in FIM_ONLY_APIS else facts).context_tokens
        return Model(
            name=self._name,
            api=entry.api,
            model=entry.model,
            base_url=base_url,
            key=keys.bound(entry.key, base_url),
            leaves_machine=leaves,
            jurisdiction=self._jurisdiction(provider),
            context_tokens=entry.context_tokens or context_tokens,
            input_usd=facts.input_usd if entry.input_usd is None else entry.input_usd,
            output_usd=facts.output_usd if entry.output_usd is None else entry.output_usd,
            cache_read_usd=facts.cache_read_usd if entry.cache_read_usd is None else entry.cache_read_usd,
            cache_write_usd=facts.cache_write_usd if entry.cache_write_usd is None else entry.cache_write_usd,
            family=entry.family,
            server=entry.server,
            edits=entry.edits,
            tools=entry.api not in FIM_ONLY_APIS and (facts.tools if entry.tools is None else entry.tools),
        )

    def _lacking(self, base_url: str) -> tuple[str, str] | None:
        """A key without which the model cannot be reached or spoken to, and what to say of it."""
        entry = self._entry
        if not base_url:
            return "base_url", f"is missing: where the server is, as `{entry.api}` has no public endpoint"
        if entry.api == "completions" and entry.model and not named_family(entry.model, entry.family):
            names = ", ".join(FAMILY_NAMES)
            return "family", f"is missing: how {entry.model} wants a hole described; one of {names}"
        return None

    def _local(self) -> Model | None:
        entry = self._entry
        for key in ("base_url", "key"):
            if getattr(entry, key) is not None:
                self._report(key, 'has no effect on a local model; set `api`, for example to "openai-chat"')
        if entry.leaves_machine:
            self._report("leaves_machine", "has no effect: a local model never sends text away")
        if not entry.model and not entry.path:
            self._report("model", "is missing: a name from `turnout models list`, or set `path`")
            return None
        return Model(
            name=self._name,
            api="local",
            model=entry.model or self._name,
            engine=entry.engine,
            path=entry.path,
            context_tokens=entry.context_tokens or _UNKNOWN_LOCAL.context_tokens,
            edits=entry.edits,
        )

    def _leaves_machine(self, base_url: str, provider: Provider | None) -> bool:
        wish = self._entry.leaves_machine
        if is_loopback(base_url):
            return bool(wish)
        if wish is not False:
            return True
        by_user = self._leaf("leaves_machine").layer.name == "user"
        if by_user and provider is None and self._entry.jurisdiction == SELF_HOSTED:
            return False
        self._report(
            "leaves_machine",
            f"false is ignored: {base_url} is not this machine; "
            f'only your own config.toml can say otherwise, of a model with jurisdiction = "{SELF_HOSTED}"',
        )
        return True

    def _jurisdiction(self, provider: Provider | None) -> str | None:
        stated = self._entry.jurisdiction
        if provider is not None and stated == SELF_HOSTED:
            where = f" in {provider.jurisdiction}" if provider.jurisdiction else ""
            self._report("jurisdiction", f"is ignored: {provider.host} is a hosted API{where}")
            return provider.jurisdiction
        return stated or (provider.jurisdiction if provider else None)

    def _leaf(self, key: str) -> Leaf:
        return self._leaves.get(key) or next(iter(self._leaves.values()))

    def _report(self, key: str, message: str) -> None:
        path: KeyPath = ("models", self._name, key)
        self._problems.append(Problem(self._leaf(key).layer.where(path), dotted(path), message))
