"""Compiling exllamav2's extension ahead: what is ready, what is missing, and one build at a time."""

import ctypes
import json
import os
import re
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from turnout.commands import preparing
from turnout.worker.engines import exllama_build, nvidia, prepared, process_tree
from turnout.worker.engines.exllama_build import BuildError, BuildState, build
from turnout.worker.engines.prepared import Installed

CARD = nvidia.Gpu("card", (8, 9), 24 << 30, 20 << 30)
CARDS = nvidia.Cards((CARD,), "580.1")
NO_DRIVER = nvidia.Cards(problem="no NVIDIA driver answers on this machine")
WHOLE = Installed("0.3.2", "2.11.0+cu130", "13.0")

COMPILER = """
import os, pathlib, sys
log, behaviour, place = sys.argv[1:]
with open(log, "a") as file:
    file.write("compiled\\n")
ext = pathlib.Path(place, "exllamav2_ext")
ext.mkdir(exist_ok=True)
assert not (ext / "lock").exists(), "torch would wait for ever"
assert os.environ["TORCH_EXTENSIONS_DIR"] == place
print("Detected CUDA files")
print("[1/3] nvcc -c /x/cuda/graph.cu -o graph.cuda.o")
print("[2/3] c++ -c /x/ext_cache.cpp -o ext_cache.o")
if behaviour == "fails":
    print("graph.cu(12): error: out of registers")
    sys.exit(2)
print("[3/3] c++ graph.cuda.o ext_cache.o -shared -o exllamav2_ext.so")
if behaviour == "works":
    (ext / "exllamav2_ext.so").write_bytes(b"library")
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the extension goes, with a log of the compiler's runs beside it."""
    return tmp_path / "built"


def run(place: Path, behaviour: str = "works") -> list[tuple[int, int, str]]:
    """Build with a compiler of our own."""
    said: list[tuple[int, int, str]] = []
    log = str(place.with_suffix(".log"))
    build(
        lambda *progress: said.append(progress),
        find=lambda: BuildState(prepared.library(place) is not None, "key", place),
        check=lambda _state: None,
        command=(sys.executable, "-c", COMPILER, log, behaviour),
    )
    return said


def runs(place: Path) -> int:
    return place.with_suffix(".log").read_text().count("compiled")


@pytest.mark.parametrize(
    ("installed", "cards", "ready", "problem"),
    [
        (Installed("0.3.2", "", ""), CARDS, False, "the package torch is not installed"),
        (Installed("", "2.11.0", "13.0"), CARDS, False, "the package exllamav2 is not installed"),
        (Installed("0.3.2", "2.13.0+cpu", ""), CARDS, False, "torch 2.13.0+cpu is built without CUDA"),
        (Installed("", "", ""), NO_DRIVER, False, "no NVIDIA driver answers on this machine"),
        (WHOLE, NO_DRIVER, False, "no NVIDIA driver answers on this machine"),
        (WHOLE, CARDS, False, "the CUDA extension of exllamav2 is not compiled yet"),
        (Installed("0.3.2", "2.11.0+cu130", "13.0", prebuilt=True), CARDS, True, ""),
    ],
)
def test_the_state_says_the_first_thing_that_is_missing(
    installed: Installed,
    cards: nvidia.Cards,
    ready: bool,
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A card, then packages, then torch's CUDA, then the compiled library."""
    monkeypatch.setenv("TURNOUT_CACHE_DIR", str(tmp_path))
    state = prepared.state(lambda: installed, lambda: cards)
    assert (state.ready, state.problem) == (ready, problem)


@pytest.mark.parametrize(
    ("installed", "gpu"),
    [
        (Installed("0.3.3", "2.11.0+cu130", "13.0"), CARD),
        (Installed("0.3.2", "2.12.0+cu130", "13.0"), CARD),
        (Installed("0.3.2", "2.11.0+cu130", "12.8"), CARD),
        (WHOLE, nvidia.Gpu("other", (9, 0), 1, 1)),
    ],
)
def test_a_build_belongs_to_its_versions_and_its_card(
    installed: Installed, gpu: nvidia.Gpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade of any of them, or another card, looks for another build."""
    monkeypatch.setenv("TURNOUT_CACHE_DIR", str(tmp_path))
    usual = prepared.state(lambda: WHOLE, lambda: CARDS)
    other = prepared.state(lambda: installed, lambda: nvidia.Cards((gpu,)))
    assert usual.directory != other.directory
    assert usual.directory.is_relative_to(tmp_path)


def test_without_a_cache_directory_nothing_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer, not an exception: a server asks this on the way to llama.cpp."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("TURNOUT_CACHE_DIR", str(tmp_path / "file" / "cache"))
    found = prepared.state(lambda: WHOLE, lambda: CARDS)
    assert not found.ready
    assert "no directory" in found.problem


def test_the_state_is_told_without_importing_torch() -> None:
    """A server may ask at any time."""
    script = (
        "import sys; from turnout.worker.engines import exllama_build as b; b.state();"
        "sys.exit(any(name in sys.modules for name in ('torch', 'exllamav2')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_build_counts_its_units_and_leaves_a_library(place: Path) -> None:
    """Progress comes from the compiler's own output; a second build has nothing to do."""
    assert run(place) == [(1, 3, "graph.cu"), (2, 3, "ext_cache.cpp"), (3, 3, "linking")]
    assert prepared.library(place) == place / "exllamav2_ext.so"
    assert run(place) == []
    assert runs(place) == 1


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [("fails", "out of registers"), ("leaves nothing", "left no library")],
)
def test_a_failed_build_says_why_and_can_be_tried_again(place: Path, behaviour: str, words: str) -> None:
    """The compiler's last lines are in the message, and what was compiled stays for the next try."""
    with pytest.raises(BuildError, match=words):
        run(place, behaviour)
    assert prepared.library(place) is None
    (place / "exllamav2_ext" / "lock").touch()
    run(place)
    assert prepared.library(place) is not None


def test_a_library_that_was_cut_short_is_no_library(place: Path) -> None:
    """The marker remembers how large it was."""
    run(place)
    (place / "exllamav2_ext.so").write_bytes(b"lib")
    assert prepared.library(place) is None


def test_two_that_build_at_once_compile_once(place: Path) -> None:
    """The second waits for the first and finds its work done."""
    threads = [threading.Thread(target=run, args=(place,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs(place) == 1


def test_the_command_answers_in_json_lines(tmp_path: Path) -> None:
    """Where nothing can be compiled, the last line says what is missing and what to do."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TURNOUT_CACHE_DIR": str(tmp_path)}
    environment.pop("TORCH_CUDA_ARCH_LIST", None)
    command = [sys.executable, "-m", "turnout.worker.engines.exllama_build", "--json-lines"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    answer = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 1
    assert "for the card of this machine" in answer["error"]
    assert "TORCH_CUDA_ARCH_LIST" in answer["advice"]


def test_what_is_missing_is_installed_by_this_interpreter_from_a_clone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For another machine's card the packages come next; no package is named that may be a stranger's."""
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "8.9")
    monkeypatch.setattr(exllama_build, "installed", lambda: Installed("", "", ""))
    with pytest.raises(BuildError, match="torch is not installed") as caught:
        exllama_build._check_tools(prepared.state(lambda: WHOLE, lambda: CARDS))
    assert f"{sys.executable} -m pip install '.[gpu]'" in caught.value.advice


@pytest.mark.parametrize(
    ("missing", "words"),
    [("ninja", "ninja"), ("c++", "C++ compiler"), ("nvcc", "CUDA compiler nvcc")],
)
def test_a_missing_compiler_is_named(missing: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tool has its own message, before anything is compiled."""
    for name in ("CUDA_HOME", "CUDA_PATH", "CXX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(exllama_build, "_USUAL_CUDA", "/nowhere")
    with pytest.raises(BuildError, match=re.escape(words)) as caught:
        exllama_build.check_compilers(WHOLE, lambda name: None if name == missing else "/bin/" + name)
    assert caught.value.advice


class FakeNvml:
    """NVML with two cards, as far as it is asked."""

    def __init__(self, status: int = 0) -> None:
        self._status = status

    def nvmlInit_v2(self) -> int:
        return self._status

    def nvmlShutdown(self) -> int:
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: ctypes.c_uint, device: Any) -> int:
        device._obj.value = index.value + 1
        return 0

    def nvmlDeviceGetCudaComputeCapability(self, device: ctypes.c_void_p, major: Any, minor: Any) -> int:
        major._obj.value, minor._obj.value = (8, 6) if device.value == 1 else (9, 0)
        return 0

    def nvmlDeviceGetMemoryInfo(self, device: ctypes.c_void_p, memory: Any) -> int:
        memory._obj.total, memory._obj.free = 24 << 30, 20 << 30
        return 0

    def nvmlDeviceGetName(self, device: ctypes.c_void_p, buffer: Any, size: ctypes.c_uint) -> int:
        buffer.value = b"card %d" % (device.value or 0)
        return 0

    def nvmlSystemGetDriverVersion(self, buffer: Any, size: ctypes.c_uint) -> int:
        buffer.value = b"580.65"
        return 0


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ["card 1", "card 2"]),
        ("0,1", ["card 1", "card 2"]),
        ("1", ["card 2"]),
        ("-1", []),
        ("", []),
        ("GPU-8932f937", ["card 1", "card 2"]),
    ],
)
def test_the_cards_are_those_that_programs_may_use(
    visible: str | None, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`CUDA_VISIBLE_DEVICES` counts here as it does for CUDA."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = nvidia.cards(lambda _name: FakeNvml(), visible)
    assert [gpu.name for gpu in found.gpus] == names
    assert found.driver == "580.65"
    assert bool(found.problem) == (not names)


def test_no_driver_is_an_answer() -> None:
    """Neither a missing library nor one that refuses raises."""

    def absent(name: str) -> Any:
        raise OSError(name)

    assert nvidia.cards(absent).problem
    assert nvidia.cards(lambda _name: FakeNvml(status=9)).problem
    assert nvidia.architectures(nvidia.cards(lambda _name: FakeNvml(), "0,1").gpus) == "8.6;9.0"


@pytest.mark.parametrize(
    "refused",
    ["nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetCudaComputeCapability", "nvmlDeviceGetMemoryInfo"],
)
@pytest.mark.parametrize(("visible", "names"), [("0,1", ["card 2"]), ("1", ["card 2"]), ("0", [])])
def test_a_card_that_does_not_answer_is_left_out(refused: str, visible: str, names: list[str]) -> None:
    """A card that is lost or of another kind has no architecture and no memory; the others keep their numbers."""

    class Lost(FakeNvml):
        pass

    usual = getattr(FakeNvml, refused)

    def refuse_the_first(self: FakeNvml, first: Any, *rest: Any) -> int:
        number = first.value + (refused == "nvmlDeviceGetHandleByIndex_v2")
        return 15 if number == 1 else int(usual(self, first, *rest))

    setattr(Lost, refused, refuse_the_first)
    found = nvidia.cards(lambda _name: Lost(), visible)
    assert [gpu.name for gpu in found.gpus] == names
    assert bool(found.problem) == (not names)


FAMILY = """
import os, signal, subprocess, sys, time
place, deaf = sys.argv[1:3]
if deaf == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
line = os.open(place, os.O_WRONLY)
ready = "import time; print(0, flush=True); time.sleep(100)"
child = subprocess.Popen([sys.executable, "-c", ready], stdout=subprocess.PIPE, pass_fds=[line])
child.stdout.readline()
print("[1/2] nvcc -c /x/graph.cu -o graph.o", flush=True)
time.sleep(100)
"""
"""A compiler that starts another one, as ninja and nvcc do; both hold a pipe open. A deaf one has a deaf child."""

BUILDING = """
import sys
from pathlib import Path
from turnout.worker.engines.exllama_build import BuildState, build
place, program, line = sys.argv[1:]
build(lambda *_: print('{"done": 1, "of": 2}', flush=True), find=lambda: BuildState(False, "key", Path(place)),
      check=lambda _state: None, command=(sys.executable, "-c", program, line, "hears"))
"""


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[str, Callable[[], bool]]]:
    """The name of a pipe for a family of compilers, and whether all that held it have ended."""
    if sys.platform == "win32":
        pytest.skip("has no named pipes of this kind")
    os.mkfifo(tmp_path / "line")
    end = os.open(tmp_path / "line", os.O_RDONLY | os.O_NONBLOCK)

    def is_cut() -> bool:
        return bool(select.select([end], [], [], 20)[0]) and os.read(end, 1) == b""

    yield str(tmp_path / "line"), is_cut
    os.close(end)


def interrupt(*_progress: object) -> None:
    """What Ctrl-C does to whoever shows the progress."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("deaf", ["hears", "deaf"])
def test_a_build_that_nobody_listens_to_ends_its_compilers(
    place: Path, line: tuple[str, Callable[[], bool]], deaf: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that its compiler has started, asked or killed: none goes on without the lock."""
    monkeypatch.setattr(process_tree, "_PATIENCE_S", 0.1)
    with pytest.raises(KeyboardInterrupt):
        build(
            interrupt,
            find=lambda: BuildState(False, "key", place),
            check=lambda _state: None,
            command=(sys.executable, "-c", FAMILY, line[0], deaf),
        )
    assert line[1]()


def test_the_end_of_a_build_is_the_end_of_its_compilers(
    place: Path, line: tuple[str, Callable[[], bool]]
) -> None:
    """`turnout models prepare` that is interrupted ends the build, which takes its compilers along."""
    command = [sys.executable, "-c", BUILDING, str(place), FAMILY, line[0]]
    with pytest.raises(KeyboardInterrupt):
        preparing.build(command, interrupt, lambda _text: None)
    assert line[1]()


EVIL = "import pathlib; pathlib.Path({!r}).touch()"


@pytest.mark.parametrize(
    "program",
    [
        "from turnout.commands import preparing; preparing.run(None)",
        "from pathlib import Path; from turnout.worker.engines.exllama_build import BuildState, build;"
        "build(print, find=lambda: BuildState(False, 'key', Path('built').resolve()), check=lambda _state: None)",
    ],
)
def test_nothing_of_the_current_folder_is_run(tmp_path: Path, program: str) -> None:
    """A folder with packages of our names, or of those that the build imports, is a folder like any other."""
    ran = tmp_path / "ran"
    for name in ("turnout", "torch", "exllamav2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(EVIL.format(str(ran)))
    for name in ("argparse", "json", "subprocess"):
        (tmp_path / f"{name}.py").write_text(EVIL.format(str(ran)))
    environment = {
        **os.environ,
        "TURNOUT_CACHE_DIR": str(tmp_path / "cache"),
        "CUDA_VISIBLE_DEVICES": "-1",
        "CUDA_HOME": "/nowhere",
        "CXX": "/nowhere/c++",
    }
    environment.pop("TORCH_CUDA_ARCH_LIST", None)
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert done.stderr  # it came as far as to miss something
    assert not ran.exists()
