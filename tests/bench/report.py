"""Rows of the result: what was measured, what it is compared with, and whether it is within its limit.

Invariant: a row is judged by one quantity, and says OVER whenever that is above its limit. It fails the run only
beyond `fails_over`, which is set only where a busy machine cannot be the cause.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Judged = Literal["value", "ratio", "difference"]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure in `unit`; `judged` says what `limit` and `fails_over` apply to."""

    figure: str
    unit: str
    ours: float
    baseline: float | None = None
    against: str = ""
    limit: float | None = None
    judged: Judged = "value"
    fails_over: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours by the baseline."""
        return self.ours / self.baseline if self.baseline else None

    @property
    def judged_value(self) -> float:
        """The quantity that the limit is about."""
        if self.judged == "value" or self.baseline is None:
            return self.ours
        return self.ours / self.baseline if self.judged == "ratio" else self.ours - self.baseline

    @property
    def verdict(self) -> str:
        """`ok`, `OVER`, or nothing where no limit was set."""
        if self.limit is None:
            return ""
        return "ok" if self.judged_value <= self.limit else "OVER"

    @property
    def failed(self) -> bool:
        """Whether this row fails the run."""
        return self.fails_over is not None and self.judged_value > self.fails_over

    @property
    def limit_text(self) -> str:
        """The limit in words."""
        if self.limit is None:
            return ""
        shown = f"{self.limit:g}"
        if self.judged == "value":
            return f"<= {shown} {self.unit}".rstrip()
        return f"ratio <= {shown}" if self.judged == "ratio" else f"<= baseline + {shown} {self.unit}"


HEADINGS = ("figure", "ours", "baseline", "against", "ratio", "limit", "")


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text."""
    cells = [HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    right = {1, 2, 4}
    lines = []
    for line in cells:
        padded = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def to_json(rows: Sequence[Row]) -> str:
    """The rows as one JSON document."""
    return json.dumps([{**asdict(row), "ratio": row.ratio, "verdict": row.verdict} for row in rows], indent=1)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.figure,
        f"{_number(row.ours)} {row.unit}".rstrip(),
        "" if row.baseline is None else f"{_number(row.baseline)} {row.unit}".rstrip(),
        row.against,
        "" if row.ratio is None else f"{row.ratio:.2f}",
        row.limit_text,
        row.verdict,
    )


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
