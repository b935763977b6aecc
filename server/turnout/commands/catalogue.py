"""`turnout models catalogue`: the models that Turnout knows, hosted and local, with prices, sources and dates."""

import argparse
import difflib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from turnout import models
from turnout.errors import ModelUnknown
from turnout.settings.catalogue import Catalogue, Facts, catalogue

_PRICES = ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd")


@dataclass(frozen=True, slots=True)
class _Row:
    """One model as it is listed; `place` says where it runs, the rest is of its provider's API, if it has one."""

    facts: Facts
    place: str
    base_url: str | None = None
    jurisdiction: str | None = None


def add_parser(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `catalogue` under `models`."""
    parser = actions.add_parser(
        "catalogue", help="the models that are known, with prices, where they run and why"
    )
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="one of them, with sources and settings for it"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the catalogue, or one model of it; raises ModelUnknown."""
    rows = [*_hosted(catalogue()), *_local()]
    if args.name is not None:
        rows = [_named(args.name, rows)]
    if args.json:
        shown = [_as_json(row) for row in rows]
        print(json.dumps(shown if args.name is None else shown[0], indent=2))
    elif args.name is None:
        print("\n".join(_table(rows)))
    else:
        print("\n".join(_details(rows[0])))
    return 0


def _hosted(known: Catalogue) -> Iterator[_Row]:
    for facts in known.models:
        if facts.provider is None:
            yield _Row(facts, "your own server")
            continue
        provider = known.providers[facts.provider]
        place = f"{provider.name} ({provider.jurisdiction or 'place unknown'})"
        yield _Row(facts, place, provider.base_url, provider.jurisdiction)


def _local() -> Iterator[_Row]:
    for entry in models.known().values():
        facts = Facts(
            context_tokens=entry.context_tokens,
            input_usd=0.0,
            output_usd=0.0,
            cache_read_usd=0.0,
            cache_write_usd=0.0,
            id=entry.name,
            name=entry.name,
            api="local",
            licence=entry.licence,
            strengths=(entry.description,),
        )
        yield _Row(facts, "this machine")


_MOST_MEANT = 5


def _named(name: str, rows: Iterable[_Row]) -> _Row:
    by_name = {
        key.lower(): row for row in rows for key in (row.facts.id, row.facts.name, row.facts.weights) if key
    }
    if name.lower() in by_name:
        return by_name[name.lower()]
    parts = [key for key in by_name if name.strip() and name.lower() in key]
    words = {word: key for key in by_name for word in re.split(r"[^a-z0-9]+", key)}
    near = parts or difflib.get_close_matches(name.lower(), by_name, n=3, cutoff=0.5)
    near = near or [words[word] for word in difflib.get_close_matches(name.lower(), words, n=1)]
    meant = ", ".join(dict.fromkeys(by_name[key].facts.id for key in near[:_MOST_MEANT]))
    raise ModelUnknown(
        f"`{name}` is not in the catalogue.",
        advice=(f"Did you mean {meant}? " if meant else "")
        + "`turnout models catalogue` lists all; a model that is not there works as well, with `context_tokens`, "
        "`input_usd` and `output_usd` in your settings.",
    )


def _as_json(row: _Row) -> dict[str, Any]:
    return {
        **asdict(row.facts),
        "base_url": row.base_url,
        "jurisdiction": row.jurisdiction,
        "place": row.place,
    }


def _table(rows: Iterable[_Row]) -> Iterator[str]:
    lines = [("model", "API", "context", "$ in / out", "where", "licence", "good at")]
    lines += [
        (
            row.facts.id,
            row.facts.api,
            _tokens(row.facts.context_tokens),
            _price(row.facts),
            row.place,
            row.facts.licence,
            ", ".join(row.facts.strengths),
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
    yield ""
    yield "Prices are US dollars per million tokens, ~ where they are rounded. A model without both prices is refused"
    yield "under a budget until you enter them: input_usd and output_usd of [models.NAME] in your config.toml."


def _details(row: _Row) -> Iterator[str]:
    facts = row.facts
    yield f"{facts.name} ({facts.id})"
    lines = [
        ("good at", ", ".join(facts.strengths)),
        ("where", row.place + (f", {row.base_url}" if row.base_url else "")),
        ("API", facts.api),
        ("context", f"{facts.context_tokens:,} tokens"),
        *((price, _exact(facts, getattr(facts, price))) for price in _PRICES),
        ("licence", facts.licence + (f", weights at {facts.weights}" if facts.weights else "")),
        *((f"{source.of} from", f"{source.at} ({source.date})") for source in facts.sources),
    ]
    for label, text in lines:
        yield f"  {label:17} {text}"
    if facts.provider is not None:
        yield from _hosted_settings(row, facts.provider)
    if facts.weights is not None:
        yield from _own_settings(facts, facts.weights)


def _hosted_settings(row: _Row, provider: str) -> Iterator[str]:
    """A table for the user's settings, to be copied."""
    key = f"{provider.upper().replace('-', '_')}_API_KEY"
    yield ""
    yield "# config.toml"
    yield f"[models.{_short(row.facts)}]"
    yield f'api = "{row.facts.api}"'
    yield f'model = "{row.facts.id}"'
    yield f'base_url = "{row.base_url}"'
    yield f'key = "env:{key}"'
    if not row.facts.is_priced:
        yield "# input_usd and output_usd: enter both, or a budget refuses it"


def _own_settings(facts: Facts, weights: str) -> Iterator[str]:
    """The same, for a server of one's own."""
    yield ""
    yield "# config.toml, for your own server"
    yield f"[models.{_short(facts)}-house]"
    yield f'api = "{facts.api}"'
    yield f'model = "{weights}"'
    yield 'base_url = "http://gpu-box.internal:8000/v1"'
    yield 'jurisdiction = "self-hosted"'
    yield f"context_tokens = {facts.context_tokens}  # or as many as the server was started with"
    yield "input_usd = 0"
    yield "output_usd = 0"


def _short(facts: Facts) -> str:
    """A name for the settings: what stands after the maker's, in the letters that are allowed there."""
    return facts.id.rpartition("/")[2].lower().replace(".", "-")


def _exact(facts: Facts, usd: float | None) -> str:
    return "unknown" if usd is None else f"{'about ' if facts.about else ''}${usd:g} per million tokens"


def _price(facts: Facts) -> str:
    if facts.api == "local":
        return "free"
    pair = " / ".join("?" if price is None else f"{price:g}" for price in (facts.input_usd, facts.output_usd))
    return f"~{pair}" if facts.about else pair


def _tokens(count: int) -> str:
    return f"{count / 1_000_000:.0f}M" if count >= 1_000_000 else f"{count // 1000}K"
