"""The report of a run: checks and figures, with the day and the machine."""

import datetime
from typing import Any

from bench.gpu.checks import Check

_COLUMNS = (
    ("weights GB", "weights_gb", ".2f"),
    ("lanes", "lanes", "d"),
    ("load and warm-up s", "load_s", ".1f"),
    ("first token, cold 2k prompt", "cold_ms", ".1f"),
    ("first token, a letter typed", "first_ms", ".1f"),
    ("32 tokens, a letter typed", "warm_ms", ".1f"),
    ("one step", "step_ms", ".2f"),
    ("one step, all lanes", "batch_step_ms", ".2f"),
    ("share of the bandwidth limit", "share", ".0%"),
    ("stop an answer", "stop_ms", ".1f"),
    ("stop a prompt", "stop_prompt_ms", ".1f"),
)


def markdown(checks: list[Check], rows: list[dict[str, Any]], machine: str, took_s: float) -> str:
    """Tables of checks and figures."""
    day = datetime.datetime.now(tz=datetime.UTC).date()
    lines = [
        "# The GPU engine, measured",
        "",
        f"{day}, {machine}; `make bench-gpu` took {took_s:.0f} s.",
        "0.5b has its real weights, rounded to 4 bits; the others have random ones, for their speed only.",
        "Times are medians in milliseconds unless a column says otherwise.",
        "",
        "| Rule | Holds | Found |",
        "|---|---|---|",
        *(
            f"| {check.rule} | {'yes' if check.holds else '**no**'} | {_cell(check.found)} |"
            for check in checks
        ),
    ]
    return "\n".join(lines + _figures(rows)) + "\n"


def _figures(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    head = ["", "| Figure | " + " | ".join(row["model"] for row in rows) + " |", "|---|" + "---|" * len(rows)]
    body = ((title, " | ".join(format(row[key], form) for row in rows)) for title, key, form in _COLUMNS)
    return head + [f"| {title} | {cells} |" for title, cells in body]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
