"""`turnout models recommend`: which model to take on this machine, and what to expect of it."""

import argparse
import json

from turnout import automatic, models
from turnout.models import choice, recommend
from turnout.models.hardware import Machine
from turnout.models.recommend import LINE_MS, Estimate, Recommendation


def run(args: argparse.Namespace) -> int:
    """Print the recommendation; 1 where no model fits."""
    machine = automatic.machine()
    found = recommend.recommend(machine, models.known().values())
    auto = choice.choose(machine) if args.apply else choice.remembered()
    if args.json:
        print(json.dumps(_as_json(machine, found, auto), indent=2))
    else:
        print("\n".join([*_machine(machine), "", *_verdict(found), *_auto(found, auto), "", *_table(found)]))
    return 0 if found.best else 1


def _machine(machine: Machine) -> list[str]:
    card = (
        f"{machine.card.name} with {machine.card.memory_bytes / 1e9:.0f} GB"
        if machine.card
        else "no usable card"
    )
    lines = [
        f"This machine: {machine.cores} cores, {machine.ram_bytes / 1e9:.1f} GB of memory read at "
        f"{machine.bandwidth / 1e9:.0f} GB/s, {card}."
    ]
    if machine.idle_card:
        lines.append(
            f"{machine.idle_card} is not counted: install Turnout with its extra `gpu`, then run: "
            "turnout models prepare"
        )
    return lines


def _verdict(found: Recommendation) -> list[str]:
    if found.best is None:
        return [
            "No model fits its memory. Name one on another machine in your config.toml, with its `base_url`."
        ]
    best = found.best
    late = "" if best.line_ms <= LINE_MS else f", later than the {LINE_MS:.0f} ms that people wait"
    lines = [
        f"Take {best.entry.name} ({best.form.name}, {models.in_megabytes(best.form.bytes)}, {best.entry.licence}): "
        f"about {best.line_ms:.0f} ms per line, {_origin(best)}{late}."
    ]
    if found.larger is not None:
        why = found.larger.problem or f"about {found.larger.line_ms:.0f} ms per line"
        lines.append(f"The next larger, {found.larger.entry.name}: {why}.")
    return lines


def _auto(found: Recommendation, auto: choice.Choice | None) -> list[str]:
    if auto is None:
        return []
    lines = [f"`auto` stands for {auto.model} ({auto.reason})."]
    if found.best is not None and found.best.entry.name != auto.model:
        lines.append(
            "To choose anew: turnout models recommend --apply. To fetch another: turnout models pull NAME."
        )
    return lines


def _origin(estimate: Estimate) -> str:
    return "as measured here" if estimate.measured else "as estimated"


def _table(found: Recommendation) -> list[str]:
    width = max(len(each.entry.name) for each in found.estimates)
    lines = [f"  {'model':{width}}  {'form':5}  {'needs':>8}  {'per line':>9}"]
    for each in found.estimates:
        mark = "*" if each is found.best else " "
        late = "" if each.line_ms <= LINE_MS else "too late while typing"
        why = each.problem or each.entry.terms or late
        lines.append(
            f"{mark} {each.entry.name:{width}}  {each.form.name:5}  {each.needs_bytes / 1e9:>5.1f} GB  "
            f"{_duration(each.line_ms):>9}  {why}".rstrip()
        )
    return lines


def _duration(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 10_000 else f"{ms / 1000:.0f} s"


def _as_json(machine: Machine, found: Recommendation, auto: choice.Choice | None) -> dict[str, object]:
    return {
        "machine": {
            "cores": machine.cores,
            "ram_bytes": machine.ram_bytes,
            "bandwidth_bytes_per_s": round(machine.bandwidth),
            "card": machine.card and {"name": machine.card.name, "memory_bytes": machine.card.memory_bytes},
            "idle_card": machine.idle_card or None,
        },
        "line_limit_ms": LINE_MS,
        "recommended": found.best and found.best.entry.name,
        "next_larger": found.larger and found.larger.entry.name,
        "auto": auto and {"model": auto.model, "form": auto.form, "reason": auto.reason},
        "models": [
            {
                "name": each.entry.name,
                "form": each.form.name,
                "where": each.where,
                "needs_bytes": each.needs_bytes,
                "line_ms": round(each.line_ms, 1),
                "measured": each.measured,
                "problem": each.problem or None,
                "terms": each.entry.terms or None,
            }
            for each in found.estimates
        ],
    }
