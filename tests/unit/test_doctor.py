"""The doctor: what each check finds in good and bad situations, and how it is printed."""

import errno
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support import models_kit as kit
from turnout import doctor, models, paths
from turnout.doctor import configuration, engines, report, repository, system, weights, worker
from turnout.doctor.findings import Case, Check, Finding
from turnout.index import database_of
from turnout.index.indexing import Indexing
from turnout.models import choice
from turnout.models.hardware import Machine
from turnout.settings import load
from turnout.syntax import symbols

MACHINE = Machine(ram_bytes=16_000_000_000, cores=8, bandwidth=75e9)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directories of their own, one known model, and the fake engine."""
    for name, value in kit.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TURNOUT_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("TURNOUT_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("TURNOUT_ENGINE", "fake")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("ANTHROPIC_API_KEY", "ZAI_API_KEY", "TURNOUT_AUTO_MODEL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def case(home: Path, *, trusted: bool = False, **changes: object) -> Case:
    """The home as it is now."""
    folder = home / "work"
    folder.mkdir(exist_ok=True)
    made = Case(folder, MACHINE, load(folder, None, trusted=trusted), trusted)
    return replace(made, **changes)  # type: ignore[arg-type]


def found(check: Check, examined: Case) -> list[tuple[str, str]]:
    """Topic and level of what a check finds."""
    return [(finding.topic, finding.level) for finding in check(examined)]


def one(findings: Iterable[Finding], topic: str) -> Finding:
    """The finding of a topic."""
    return next(finding for finding in findings if finding.topic == topic)


def test_every_finding_that_is_not_fine_says_what_to_do(home: Path) -> None:
    """Nothing is complained of without advice, and JSON takes every fact."""
    findings = list(
        doctor.examine(case(home), {k: v for k, v in doctor.TOPICS.items() if k != "engine.llamacpp"})
    )
    assert [finding for finding in findings if finding.level != "ok" and not finding.advice] == []
    assert json.loads(report.as_json(findings))["format"] == 1


def test_a_check_that_fails_is_a_finding_and_stops_no_other(home: Path) -> None:
    """The doctor survives its own faults."""

    def broken(_case: Case) -> Iterator[Finding]:
        yield Finding("a", "ok", "before")
        raise RuntimeError("boom")

    findings = list(doctor.examine(case(home), {"a": broken, "python": system.python}))
    assert [(f.topic, f.level) for f in findings] == [("a", "ok"), ("a", "problem"), ("python", "ok")]
    assert "RuntimeError: boom" in findings[1].text


def test_a_healthy_home_has_no_problems(home: Path) -> None:
    """Directories, settings, routes and trust of a new user are fine."""
    for check in (
        system.python,
        system.machine,
        system.directories,
        configuration.settings,
        configuration.routes,
    ):
        assert {level for _, level in found(check, case(home))} == {"ok"}


@pytest.mark.parametrize(
    ("kind", "level"), [("config", "problem"), ("cache", "problem"), ("state", "problem"), ("run", "note")]
)
def test_a_directory_that_cannot_be_written_is_named_with_its_variable(
    home: Path, kind: str, level: str
) -> None:
    """What is lost by it and how to choose another."""
    (home / kind).write_text("in the way", "utf-8")
    bad = [finding for finding in system.directories(case_without_directories(home)) if finding.level != "ok"]
    assert [finding.level for finding in bad] == [level]
    variable = {"run": "RUNTIME"}.get(kind, kind.upper())
    assert f"TURNOUT_{variable}_DIR" in bad[0].advice
    assert str(home / kind) in bad[0].text


@pytest.mark.parametrize(
    ("topic", "level"),
    [("configuration", "problem"), ("cache", "problem"), ("state", "problem"), ("runtime", "note")],
)
def test_a_full_disk_is_found_by_writing_to_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, topic: str, level: str
) -> None:
    """An empty file can be made on a full disk: only bytes that reach it say that there is room."""

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    examined = case(home)
    monkeypatch.setattr(os, "fsync", full)
    finding = one(system.directories(examined), f"directory.{topic}")
    assert finding.level == level
    assert finding.advice.startswith("Free some space")


@pytest.mark.parametrize("topic", ["configuration", "cache", "state", "runtime"])
def test_little_room_is_a_note(home: Path, monkeypatch: pytest.MonkeyPatch, topic: str) -> None:
    """In every directory, before writing to it fails."""
    usage = type("Usage", (), {"free": 10_000_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    finding = one(system.directories(case(home)), f"directory.{topic}")
    assert (finding.level, "Only 10 MB are free" in finding.text) == ("note", True)


def case_without_directories(home: Path) -> Case:
    """A case whose settings were loaded elsewhere."""
    return Case(home, MACHINE, load(None, None, trusted=False), trusted=False)


def test_the_index_of_the_folder(home: Path) -> None:
    """The doctor says what is in the index, that there is none yet, or that its user wants none."""
    examined = case(home)
    (examined.folder / "a.py").write_text("def first(): pass\n")
    assert "not indexed yet" in one(repository.index(examined), "index").text
    building = Indexing(examined.folder.resolve(), database_of(examined.folder), symbols.read)
    building.round()
    building.close()
    finding = one(repository.index(examined), "index")
    assert (finding.level, finding.facts["files"]) == ("ok", 1)
    assert "1 files and 1 definitions" in finding.text
    database_of(examined.folder).write_bytes(b"\xff" * 9_000)
    spoilt = one(repository.index(examined), "index")
    assert (spoilt.level, spoilt.text) == ("note", "The repository index cannot be used: it is damaged.")
    assert "turnout index" in spoilt.advice
    assert database_of(examined.folder).read_bytes() == b"\xff" * 9_000
    (home / "config").mkdir(exist_ok=True)
    (home / "config" / "config.toml").write_text("[index]\nenabled = false\n")
    assert "switch the index off" in one(repository.index(case(home)), "index").text


def test_a_socket_path_that_is_too_long_goes_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It works all the same, and the note says what to set."""
    monkeypatch.setenv("TURNOUT_RUNTIME_DIR", str(home / ("x" * 120)))
    finding = one(system.socket(case(home)), "socket")
    assert finding.level == "note"
    assert "TURNOUT_RUNTIME_DIR" in finding.advice


def test_mistakes_in_settings_are_problems_with_their_place(home: Path) -> None:
    """File, line and what is wrong, as `turnout settings check` says it."""
    config = paths.config_dir() / "config.toml"
    config.write_text('[routes.inlin]\nmodels = ["near"]\n', "utf-8")
    finding = one(configuration.settings(case(home)), "settings")
    assert finding.level == "problem"
    assert f"{config}:1" in finding.text


def test_keys_are_present_or_not_and_never_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference is named, the key nowhere; only a model that the user entered is missed."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    team = 'api = "openai-chat"\nmodel = "m"\nbase_url = "https://x.example/v1"\nkey = "env:TEAM_KEY"\n'
    (paths.config_dir() / "config.toml").write_text(f"[models.team]\n{team}", "utf-8")
    findings = list(configuration.keys(case(home)))
    levels = {(f.facts["model"], f.facts["present"], f.level) for f in findings}
    assert levels >= {("opus", True, "ok"), ("glm", False, "ok"), ("team", False, "note")}
    assert "sk-secret" not in report.as_json(findings) + report.text(findings, colour=True)


def test_trust_is_a_note_only_where_settings_wait_for_it(home: Path) -> None:
    """A folder without settings needs no trust."""
    assert found(configuration.trust, case(home)) == [("trust", "ok")]
    (home / "work" / ".turnout.toml").write_text("", "utf-8")
    assert found(configuration.trust, case(home)) == [("trust", "note")]
    assert found(configuration.trust, case(home, trusted=True)) == [("trust", "ok")]


def test_models_are_missing_partial_right_or_wrong(home: Path) -> None:
    """A wrong file is a problem, is deleted, and the advice fetches it again."""
    directory = home / "cache" / "models"
    assert found(weights.files, case(home)) == [("model", "note")]
    (directory / "tiny.gguf.partial").write_bytes(b"GGUF")
    partial = one(weights.files(case(home)), "model")
    assert (partial.level, partial.advice) == ("note", "Run: turnout models pull tiny")
    (directory / "tiny.gguf.partial").unlink()
    (directory / "tiny.gguf").write_bytes(kit.PAYLOAD)
    assert "hashed now" in one(weights.files(case(home)), "model").text
    assert "unchanged since" in one(weights.files(case(home)), "model").text
    assert "hashed now" in one(weights.files(case(home, verify=True)), "model").text
    (directory / "tiny.gguf").unlink()
    (directory / "tiny.gguf").write_bytes(b"GGUF, but corrupt")
    wrong = one(weights.files(case(home)), "model")
    assert wrong.level == "problem"
    assert "turnout models pull tiny" in wrong.advice


@pytest.mark.parametrize(
    ("setting", "level", "words"),
    [
        ("path = '{home}/mine.gguf'", "ok", "held to no hash"),
        ("path = '{home}/text.gguf'", "problem", "is not a GGUF file"),
        ("path = '{home}/absent.gguf'", "problem", "cannot be read"),
        ("path = '~nobody-of-that-name/x.gguf'", "problem", "cannot be read"),
        ("path = '{home}/empty'", "problem", "holds no model"),
        ("model = 'tinny'", "problem", "no model named 'tinny'"),
    ],
)
def test_the_configured_model_is_judged(home: Path, setting: str, level: str, words: str) -> None:
    """What the settings name comes first, also where the catalogue does not know it; `auto` is then no matter."""
    (home / "mine.gguf").write_bytes(kit.PAYLOAD)
    (home / "text.gguf").write_text("<html>", "utf-8")
    (home / "empty").mkdir()
    (paths.config_dir() / "config.toml").write_text(f"[models.near]\n{setting.format(home=home)}\n", "utf-8")
    first = next(iter(weights.files(case(home))))
    assert (first.topic, first.level, words in first.text) == ("model", level, True), first
    assert bool(first.advice) == (level == "problem")
    assert "`auto` is not asked" in one(weights.suited(case(home)), "model.auto").text


def test_a_better_model_than_the_chosen_one_is_a_note(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `auto` stands for is not changed behind anybody's back: the doctor says how to."""
    monkeypatch.delenv("TURNOUT_MANIFEST")
    assert "suits this machine" in one(weights.suited(case(home)), "model.auto").text
    choice.choose(replace(MACHINE, bandwidth=20e9))
    note = one(weights.suited(case(home)), "model.auto")
    assert note.level == "note"
    assert note.facts["auto"] == models.DEFAULT_MODEL
    assert note.facts["recommended"] == "qwen2.5-coder-1.5b"
    choice.choose(MACHINE)
    assert found(weights.suited, case(home)) == [("model.auto", "ok")]


def test_a_machine_without_room_is_a_problem(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the way out is another machine."""
    monkeypatch.delenv("TURNOUT_MANIFEST")
    small = replace(MACHINE, ram_bytes=500_000_000)
    assert found(weights.suited, case(home, machine=small)) == [("model.auto", "problem")]


def test_the_worker_is_started_and_asked(home: Path) -> None:
    """With the fake engine there is nothing to time."""
    assert found(worker.speed, case(home)) == [("worker", "ok")]


def test_a_missing_model_is_a_reason_and_not_a_problem(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured, and the advice fetches the model."""
    pytest.importorskip("xllamacpp")
    monkeypatch.setenv("TURNOUT_ENGINE", "llamacpp")
    (paths.config_dir() / "config.toml").write_text('[models.near]\nmodel = "tiny"\n', "utf-8")
    finding = one(worker.speed(case(home)), "worker")
    assert (finding.level, finding.facts) == ("note", {"skipped": "model missing"})
    assert "turnout models pull tiny" in finding.advice


def test_a_model_that_cannot_be_loaded_is_a_problem(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker starts, and its own words say what is wrong with the file."""
    pytest.importorskip("xllamacpp")
    monkeypatch.setenv("TURNOUT_ENGINE", "llamacpp")
    broken = home / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    (paths.config_dir() / "config.toml").write_text(f"[models.near]\npath = '{broken}'\n", "utf-8")
    finding = one(worker.speed(case(home)), "worker")
    assert finding.level == "problem"
    assert str(broken) in finding.text


def test_without_a_local_model_no_worker_is_needed(home: Path) -> None:
    """Completions may go to a team's server."""
    (paths.config_dir() / "config.toml").write_text('[routes.inline]\nmodels = ["opus"]\n', "utf-8")
    finding = one(worker.speed(case(home)), "worker")
    assert (finding.level, "no local model" in finding.text) == ("ok", True)


def test_speed_is_judged_against_the_machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Well below what it should give is a note with what to look at, and what was measured is kept."""
    monkeypatch.delenv("TURNOUT_MANIFEST")
    model = case(home).loaded.policy.models[0]
    named = replace(model, model=models.DEFAULT_MODEL)
    fast = worker.Run("llamacpp", 400, 600.0, 32, 400.0)
    slow = worker.Run("llamacpp", 400, 6000.0, 32, 4000.0)
    assert worker.judged(MACHINE, named, fast).level == "ok"
    note = worker.judged(MACHINE, named, slow)
    assert note.level == "note"
    assert note.facts["decode_tokens_per_s"] == 8.0
    assert worker.judged(MACHINE, replace(model, model="own"), slow).level == "ok"


@pytest.mark.parametrize(
    ("program", "answer", "problem"),
    [
        ("print('noise'); print('{\"a\": 1}')", {"a": 1}, ""),
        ("raise SystemExit('no such module')", {}, "it ended with status 1 (no such module)"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            {},
            "it ended with signal 11 (it said nothing)",
        ),
        ("print('[1]')", {}, "its answer is not to be understood"),
        ("", {}, "its answer is not to be understood"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals are a POSIX matter")
def test_a_library_that_crashes_is_a_sentence(program: str, answer: dict[str, int], problem: str) -> None:
    """Native code is asked in a process of its own."""
    assert engines.ask(program) == (answer, problem)


def test_the_text_is_aligned_and_wrapped() -> None:
    """Level, topic and text in columns; advice below; a count at the end; colour only where asked for."""
    findings = [
        Finding("python", "ok", "fine"),
        Finding("model", "problem", "one two three four five six seven eight", "Run: this and that"),
    ]
    assert report.text(findings, colour=False, columns=50).splitlines() == [
        "ok       python  fine",
        "PROBLEM  model   one two three four five six seven",
        "                 eight",
        "                 -> Run: this and that",
        "",
        "1 problem and no notes.",
    ]
    assert "\x1b[31mPROBLEM\x1b[0m" in report.text(findings, colour=True)
    assert report.text(findings[:1], colour=False).endswith("No problems.")
    assert not report.is_well(findings)
