"""Which model suits a machine, decided from plain figures.

The unit is one line of ghost text while somebody types: the prompt is in the cache, 5 tokens of it are evaluated
and 12 are generated. A generated token reads all active weights once, so it takes

    decode  = max(weights / (bandwidth * share), floor)      share 0.6 on processors, 0.8 on cards
    prefill = active parameters / power                      power 41e9 a second per core, 20e12 on a card
    line    = 12 * decode + 5 * prefill

and where a model was measured here, its figures take the place of the estimate, for other models in proportion to
their weights. Invariant: nothing here looks at the machine; the same figures give the same answer.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from turnout.models.hardware import Machine, Speed
from turnout.models.manifest import Entry, Form

LINE_MS = 400.0
"""What a line may take: beyond, people have typed on."""

LINE_TOKENS = 12
EVALUATED_TOKENS = 5
CONTEXT_TOKENS = 8192
"""What the default model is given, so what its cache is weighed for."""

AUTOMATIC_BYTES = 6_000_000_000
"""The most that is fetched without being asked for by name."""

# Measured: 0.5B, q4_k_m, 2 cores with AVX2: 40 tokens a second at 31.4 GB/s, 169 tokens a second of prompt.
_CPU_SHARE = 0.6
_CPU_POWER_PER_CORE = 41e9
# Published: 7B on an RTX 4090 at 4.7 ms a token; the floor is what starting the kernels of a token takes.
_CARD_SHARE = 0.8
_CARD_POWER = 20e12
_CARD_FLOOR_MS = 2.0

_RAM_SHARE = 0.5
_CARD_MEMORY_SHARE = 0.92
_CPU_OVERHEAD_BYTES = 350_000_000
_CARD_OVERHEAD_BYTES = 1_200_000_000

Where = Literal["cpu", "card"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one form of a model would be like on a machine; times in milliseconds.

    `problem` says why it does not fit, and is empty where it does; `measured` says that the very model was timed.
    """

    entry: Entry
    form: Form
    where: Where
    needs_bytes: int
    line_ms: float
    decode_ms: float
    prefill_ms: float
    measured: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`best` is the one to take, None where none fits; `larger` the next step up; all of them are in `estimates`."""

    best: Estimate | None
    larger: Estimate | None
    estimates: tuple[Estimate, ...]


def recommend(machine: Machine, entries: Iterable[Entry]) -> Recommendation:
    """The largest automatic model whose line comes in time; the smallest that fits where none does."""
    estimates = tuple(_estimates(machine, entries))
    ladder = sorted((e for e in estimates if e.entry.automatic), key=lambda e: e.entry.parameters)
    best = _best([e for e in ladder if not e.problem])
    smallest = best.entry.parameters if best else 0
    larger = next((e for e in ladder if e.entry.parameters > smallest), None)
    return Recommendation(best, larger, estimates)


def choose(machine: Machine, entries: Iterable[Entry], ready: Collection[tuple[str, str]]) -> Estimate | None:
    """What `auto` stands for: of what suits the machine the best that is here, else the best of modest size.

    `ready` holds name and form of the models that are here.
    """
    found = [e for e in _estimates(machine, entries) if e.entry.automatic and not e.problem]
    here = [e for e in found if (e.entry.name, e.form.name) in ready and e.line_ms <= LINE_MS]
    modest = [e for e in found if e.form.bytes <= AUTOMATIC_BYTES]
    return _best(here) or _best(modest)


def estimate(machine: Machine, entry: Entry, engine: str) -> Estimate | None:
    """What a model would be like on one engine; None where it has no form for it, or the machine no card."""
    if engine == "llamacpp":
        return _on_cpu(machine, entry, _yardstick(engine, _cpu(machine), machine.speeds, (entry,)))
    return _on_card(machine, entry, _yardstick("exllamav2", _card(machine), machine.speeds, (entry,)))


def _best(fitting: Sequence[Estimate]) -> Estimate | None:
    in_time = [e for e in fitting if e.line_ms <= LINE_MS]
    if in_time:
        return max(in_time, key=lambda e: e.entry.parameters)
    return min(fitting, key=lambda e: e.line_ms, default=None)


@dataclass(frozen=True, slots=True)
class _Yardstick:
    """What one engine gets out of this machine: weights read in a second, and parameters evaluated in a second."""

    bandwidth: float
    power: float
    floor_ms: float
    speeds: Mapping[str, Speed]

    def times(self, entry: Entry, form: Form) -> tuple[float, float, bool]:
        """Milliseconds per generated and per evaluated token, and whether this very model was measured."""
        prefill_ms = entry.active_parameters / self.power * 1000
        # A token cannot take less than its arithmetic.
        decode_ms = max(_active_bytes(entry, form) / self.bandwidth * 1000, prefill_ms, self.floor_ms)
        speed = self.speeds.get(entry.name)
        if speed is None:
            return decode_ms, prefill_ms, False
        return _per_token_ms(speed.decode, decode_ms), _per_token_ms(speed.prefill, prefill_ms), True


def _yardstick(
    engine: str, guess: _Yardstick, speeds: Iterable[Speed], entries: Iterable[Entry]
) -> _Yardstick:
    """`guess` set right by what was measured with the engine, by the largest model where it was several."""
    known = {entry.name: entry for entry in entries}
    mine = {s.model: s for s in speeds if s.engine == engine and s.model in known}
    bandwidth, power = guess.bandwidth, guess.power
    for name in sorted(mine, key=lambda name: known[name].parameters):
        entry, speed = known[name], mine[name]
        form = _form_for(engine, entry)
        if speed.decode and form is not None:
            bandwidth = speed.decode * _active_bytes(entry, form)
        if speed.prefill:
            power = speed.prefill * entry.active_parameters
    return _Yardstick(bandwidth, power, guess.floor_ms, mine)


def _estimates(machine: Machine, entries: Iterable[Entry]) -> Iterable[Estimate]:
    """One estimate per model: on the card where it fits there, else on the processor."""
    entries = tuple(entries)
    cpu = _yardstick("llamacpp", _cpu(machine), machine.speeds, entries)
    card = _yardstick("exllamav2", _card(machine), machine.speeds, entries)
    for entry in entries:
        candidates = [
            e for e in (_on_card(machine, entry, card), _on_cpu(machine, entry, cpu)) if e is not None
        ]
        fitting = [e for e in candidates if not e.problem]
        yield from (fitting or candidates)[:1]


def _cpu(machine: Machine) -> _Yardstick:
    return _Yardstick(machine.bandwidth * _CPU_SHARE, machine.cores * _CPU_POWER_PER_CORE, 0.0, {})


def _card(machine: Machine) -> _Yardstick:
    bandwidth = machine.card.bandwidth if machine.card else 1.0
    return _Yardstick(bandwidth * _CARD_SHARE, _CARD_POWER, _CARD_FLOOR_MS, {})


def _on_card(machine: Machine, entry: Entry, yardstick: _Yardstick) -> Estimate | None:
    form = _form_for("exllamav2", entry)
    if machine.card is None or form is None:
        return None
    needs = form.bytes + _cache_bytes(entry) + _CARD_OVERHEAD_BYTES
    limit = int(machine.card.memory_bytes * _CARD_MEMORY_SHARE)
    problem = _problem(needs, limit, f"of the memory of {machine.card.name}")
    return _estimate(entry, form, "card", needs, yardstick, problem)


def _on_cpu(machine: Machine, entry: Entry, yardstick: _Yardstick) -> Estimate | None:
    form = _form_for("llamacpp", entry)
    if form is None:
        return None
    needs = form.bytes + _cache_bytes(entry) + _CPU_OVERHEAD_BYTES
    problem = _problem(needs, int(machine.ram_bytes * _RAM_SHARE), "of main memory (half of it)")
    return _estimate(entry, form, "cpu", needs, yardstick, problem)


def _estimate(
    entry: Entry, form: Form, where: Where, needs: int, yardstick: _Yardstick, problem: str
) -> Estimate:
    decode_ms, prefill_ms, measured = yardstick.times(entry, form)
    line_ms = LINE_TOKENS * decode_ms + EVALUATED_TOKENS * prefill_ms
    return Estimate(entry, form, where, needs, line_ms, decode_ms, prefill_ms, measured, problem)


def _form_for(engine: str, entry: Entry) -> Form | None:
    """The form that an engine would be given: llama.cpp the GGUF, exllamav2 the smallest of its own."""
    if engine == "llamacpp":
        return entry.form("gguf")
    return min(
        (form for form in entry.forms if form.name != "gguf"), key=lambda each: each.bytes, default=None
    )


def _active_bytes(entry: Entry, form: Form) -> float:
    return form.bytes * entry.active_parameters / entry.parameters


def _per_token_ms(tokens_per_s: float, otherwise_ms: float) -> float:
    return 1000 / tokens_per_s if tokens_per_s else otherwise_ms


def _cache_bytes(entry: Entry) -> int:
    return entry.kv_bytes_per_token * min(CONTEXT_TOKENS, entry.context_tokens)


def _problem(needs: int, limit: int, of_what: str) -> str:
    if needs <= limit:
        return ""
    return f"needs {needs / 1e9:.1f} GB, and {limit / 1e9:.1f} GB {of_what} may be taken"
