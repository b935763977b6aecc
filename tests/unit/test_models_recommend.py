"""Which model suits a machine: a table of machines, and what follows from figures that were measured."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from turnout.models import hardware, recommend, speeds
from turnout.models.hardware import Card, Machine, Speed
from turnout.models.manifest import Entry, parse
from turnout.models.recommend import LINE_MS, Estimate

GB = 1_000_000_000

TWO_CORES = Machine(ram_bytes=8 * GB, cores=2, bandwidth=31.4e9)
OLD_LAPTOP = Machine(ram_bytes=4 * GB, cores=2, bandwidth=12e9)
LAPTOP = Machine(ram_bytes=16 * GB, cores=8, bandwidth=75e9)
SLOW_MEMORY = Machine(ram_bytes=16 * GB, cores=8, bandwidth=38e9)
APPLE = Machine(ram_bytes=32 * GB, cores=12, bandwidth=350e9)
RTX_4090 = Machine(
    ram_bytes=64 * GB, cores=16, bandwidth=70e9, card=Card("NVIDIA GeForce RTX 4090", 25_757_220_864)
)
RTX_3060 = Machine(
    ram_bytes=32 * GB, cores=8, bandwidth=45e9, card=Card("NVIDIA GeForce RTX 3060", 12_884_901_888)
)
H200 = Machine(ram_bytes=128 * GB, cores=16, bandwidth=100e9, card=Card("NVIDIA H200", 150_754_820_096))
TINY = Machine(ram_bytes=1 * GB, cores=1, bandwidth=5e9)


@pytest.fixture(scope="module")
def catalogue() -> list[Entry]:
    """The manifest that ships."""
    return list(parse(Path(recommend.__file__).with_name("manifest.toml").read_text("utf-8")).values())


@pytest.mark.parametrize(
    ("machine", "best", "where", "larger"),
    [
        (OLD_LAPTOP, "qwen2.5-coder-0.5b", "cpu", "qwen2.5-coder-1.5b"),
        (TWO_CORES, "qwen2.5-coder-0.5b", "cpu", "qwen2.5-coder-1.5b"),
        (SLOW_MEMORY, "qwen2.5-coder-0.5b", "cpu", "qwen2.5-coder-1.5b"),
        (LAPTOP, "qwen2.5-coder-1.5b", "cpu", "qwen2.5-coder-7b"),
        (APPLE, "qwen2.5-coder-7b", "cpu", "qwen2.5-coder-14b"),
        (RTX_3060, "qwen2.5-coder-7b", "card", "qwen2.5-coder-14b"),
        (RTX_4090, "qwen2.5-coder-32b", "card", None),
        (H200, "qwen2.5-coder-32b", "card", None),
        (replace(RTX_4090, card=None), "qwen2.5-coder-1.5b", "cpu", "qwen2.5-coder-7b"),
    ],
)
def test_a_machine_gets_the_largest_model_whose_line_comes_in_time(
    machine: Machine, best: str, where: str, larger: str | None, catalogue: list[Entry]
) -> None:
    """0.5B where more would come late, what the machine can pay elsewhere, and the next step named."""
    found = recommend.recommend(machine, catalogue)
    assert found.best is not None
    assert (found.best.entry.name, found.best.where) == (best, where)
    assert (found.larger and found.larger.entry.name) == larger
    if found.larger is not None:
        assert found.larger.problem or found.larger.line_ms > LINE_MS


def test_where_nothing_fits_nothing_is_recommended(catalogue: list[Entry]) -> None:
    """Half of the memory is left to everything else; each model says what it needs."""
    found = recommend.recommend(TINY, catalogue)
    assert found.best is None
    assert found.larger is not None
    assert "needs 0.9 GB, and 0.5 GB of main memory" in found.larger.problem


def test_models_that_are_not_free_to_use_are_estimated_and_not_recommended(catalogue: list[Entry]) -> None:
    """Every model has its line, for whoever chooses it by name."""
    found = recommend.recommend(LAPTOP, catalogue)
    assert {each.entry.name for each in found.estimates} == {entry.name for entry in catalogue}
    assert found.best is not None
    assert found.best.entry.automatic


@pytest.mark.parametrize(
    ("machine", "name", "line_ms"),
    [
        (TWO_CORES, "qwen2.5-coder-0.5b", 343),  # measured: 330
        (TWO_CORES, "qwen2.5-coder-1.5b", 806),
        (RTX_4090, "qwen2.5-coder-7b", 85),
        (H200, "qwen2.5-coder-7b", 26),
    ],
)
def test_the_formula_is_the_documented_one(
    machine: Machine, name: str, line_ms: float, catalogue: list[Entry]
) -> None:
    """12 generated and 5 evaluated tokens."""
    assert estimate_of(machine, name, catalogue).line_ms == pytest.approx(line_ms, abs=1)


def estimate_of(machine: Machine, name: str, catalogue: list[Entry]) -> Estimate:
    """The estimate of one model."""
    found = recommend.recommend(machine, catalogue)
    return next(each for each in found.estimates if each.entry.name == name)


def test_what_was_measured_takes_the_place_of_the_estimate(catalogue: list[Entry]) -> None:
    """For the model itself exactly, for its neighbours in proportion to their weights."""
    slow = replace(TWO_CORES, speeds=(Speed("qwen2.5-coder-0.5b", "llamacpp", 100.0, 20.0),))
    small = estimate_of(slow, "qwen2.5-coder-0.5b", catalogue)
    assert small.measured
    assert small.line_ms == pytest.approx(12 * 50 + 5 * 10)
    next_one = estimate_of(slow, "qwen2.5-coder-1.5b", catalogue)
    assert not next_one.measured
    assert next_one.decode_ms == pytest.approx(50 * 1_117_320_768 / 491_400_064)
    assert next_one.prefill_ms == pytest.approx(10 * 1543 / 494)


def test_a_speed_of_another_engine_says_nothing(catalogue: list[Entry]) -> None:
    """A card's figures are not the processor's."""
    other = replace(TWO_CORES, speeds=(Speed("qwen2.5-coder-0.5b", "exllamav2", 9e3, 500.0),))
    assert not estimate_of(other, "qwen2.5-coder-0.5b", catalogue).measured


@pytest.mark.parametrize(
    ("machine", "ready", "model", "form"),
    [
        (TWO_CORES, [], "qwen2.5-coder-0.5b", "gguf"),
        (TWO_CORES, ["qwen2.5-coder-1.5b"], "qwen2.5-coder-0.5b", "gguf"),
        (LAPTOP, [], "qwen2.5-coder-1.5b", "gguf"),
        (LAPTOP, ["qwen2.5-coder-0.5b"], "qwen2.5-coder-0.5b", "gguf"),
        (LAPTOP, ["qwen2.5-coder-3b"], "qwen2.5-coder-1.5b", "gguf"),
        (APPLE, [], "qwen2.5-coder-7b", "gguf"),
        (APPLE, ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"], "qwen2.5-coder-1.5b", "gguf"),
        (H200, [], "qwen2.5-coder-7b", "gptq"),
        (TINY, [], None, None),
    ],
)
def test_auto_takes_what_is_here_and_good_enough_before_it_fetches(
    machine: Machine, ready: list[str], model: str | None, form: str | None, catalogue: list[Entry]
) -> None:
    """Nothing is fetched where something acceptable is here, and never more than 6 GB without being asked."""
    estimate = recommend.choose(machine, catalogue, {(name, "gguf") for name in ready})
    assert (estimate and (estimate.entry.name, estimate.form.name)) == (model and (model, form))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state directory."""
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(tmp_path))
    return tmp_path


def heard(keeper: speeds.Keeper, evaluated: int, prefill_ms: float, generated: int, decode_ms: float) -> bool:
    """Tell a keeper of one request."""
    return keeper.heard(
        "m", "llamacpp", evaluated=evaluated, prefill_ms=prefill_ms, generated=generated, decode_ms=decode_ms
    )


def test_speeds_are_medians_of_requests_that_show_them(state: Path) -> None:
    """One evaluated token or two generated ones tell nothing; one outlier moves nothing."""
    keeper = speeds.Keeper(lambda: 0.0)
    assert not heard(keeper, 1, 30.0, 2, 50.0)
    for decode_ms in (250.0, 260.0, 9000.0):
        assert heard(keeper, 100, 500.0, 10, decode_ms)
    keeper.write()
    decoding: Any = pytest.approx(38.46, abs=0.01)
    assert speeds.read() == (Speed("m", "llamacpp", 200.0, decoding),)


def test_speeds_are_written_now_and_then(state: Path) -> None:
    """The first figure at once, later ones every two minutes; several servers add to one file."""
    now = [0.0]
    keeper = speeds.Keeper(lambda: now[0])
    assert heard(keeper, 100, 500.0, 0, 0.0)
    keeper.write()
    assert not heard(keeper, 100, 250.0, 0, 0.0)
    now[0] = 121.0
    assert heard(keeper, 100, 250.0, 0, 0.0)
    keeper.write()
    other = speeds.Keeper(lambda: 0.0)
    heard(other, 100, 400.0, 0, 0.0)
    other.write()
    assert speeds.read()[0].prefill == pytest.approx(325.0)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"llamacpp m": 5}', '{"llamacpp m": {"decode": ["x", -1, null]}}']
)
def test_a_damaged_file_of_speeds_is_no_speeds(state: Path, text: str) -> None:
    """Figures are worth little: a file that cannot be read is begun anew."""
    (state / "speeds.json").write_text(text, "utf-8")
    assert all(speed.prefill == speed.decode == 0 for speed in speeds.read())
    keeper = speeds.Keeper(lambda: 0.0)
    heard(keeper, 100, 500.0, 10, 250.0)
    keeper.write()
    assert Speed("m", "llamacpp", 200.0, 40.0) in speeds.read()


def test_speeds_that_cannot_be_written_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state directory that is a file stops no request."""
    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv("TURNOUT_STATE_DIR", str(tmp_path / "file"))
    keeper = speeds.Keeper(lambda: 0.0)
    heard(keeper, 100, 500.0, 10, 250.0)
    keeper.write()
    assert speeds.read() == ()


def test_this_machine_is_measured() -> None:
    """Memory, cores and a speed of memory that is plausible, whatever the machine."""
    machine = hardware.measure([Card("small", 1), Card("NVIDIA H100 80GB HBM3", 80 * GB)], card_engine=True)
    assert machine.cores >= 1
    assert machine.ram_bytes > 100_000_000
    assert 1e8 < machine.bandwidth < 1e13
    assert machine.card == Card("NVIDIA H100 80GB HBM3", 80 * GB)
    assert machine.card.bandwidth == 3350e9
    assert Card("unheard of", 1).bandwidth == 250e9


def test_a_recommendation_is_for_what_a_container_leaves(tmp_path: Path) -> None:
    """The limits of the process's own control group count, as they do for the engine that then runs the model."""
    group = tmp_path / "sys/fs/cgroup/user/app"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/user/app\n", "utf-8")
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9000000 kB\n", "utf-8")
    (group / "memory.max").write_text("400000000", "utf-8")
    (group.parent / "cpu.max").write_text("100000 100000", "utf-8")
    found = hardware.measure(root=tmp_path)
    assert (found.ram_bytes, found.cores) == (400_000_000, 1)


def test_a_card_without_an_engine_is_named_and_not_counted() -> None:
    """What cannot be used promises no speed."""
    machine = hardware.measure([Card("NVIDIA T4", 16 * GB)], card_engine=False)
    assert (machine.card, machine.idle_card) == (None, "NVIDIA T4")
