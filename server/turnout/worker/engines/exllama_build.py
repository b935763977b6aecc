"""Compiles exllamav2's CUDA extension ahead of its first use: `python -m turnout.worker.engines.exllama_build`.

With `--json-lines` every line of output is an object: `{"done": n, "of": m, "line": "..."}` while it compiles, and
at the end of a build that failed `{"error": "...", "advice": "..."}`, with an exit status other than 0.
The sources and flags are exllamav2's own: its import is stopped at the point where it would compile.
Invariant: one build at a time, no compiler outlives it, and an interrupted one goes on where it stopped.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from turnout.worker.engines import nvidia, process_tree
from turnout.worker.engines.prepared import (
    EXTENSION,
    INSTALL,
    BuildState,
    Installed,
    installed,
    mark,
    missing,
    state,
)

__all__ = ["BuildState", "build", "main", "state"]

OnProgress = Callable[[int, int, str], None]
"""Hears how many of how many units are compiled, and what the compiler said last."""

_UNIT = re.compile(r"\[(\d+)/(\d+)\]\s*(.*)")
_TAIL_LINES = 12
_POLL_S = 0.5
_CUDA_HOMES = ("CUDA_HOME", "CUDA_PATH")
_USUAL_CUDA = "/usr/local/cuda"


class BuildError(Exception):
    """A build that cannot begin or did not end well; `advice` is what to do about it."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


def main(argv: Sequence[str] | None = None) -> int:
    """Build the extension unless it is there; 0 when it is ready."""
    parser = argparse.ArgumentParser(prog="turnout.worker.engines.exllama_build", description=__doc__)
    parser.add_argument("--json-lines", action="store_true", help="say everything as JSON objects")
    parser.add_argument("--compile", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.compile is not None:
        _compile(args.compile)
        return 0
    try:
        build(lambda done, of, line: _say(args.json_lines, {"done": done, "of": of, "line": line}))
    except BuildError as exc:
        _say(args.json_lines, {"error": exc.message, "advice": exc.advice})
        return 1
    return 0


def build(
    on_progress: OnProgress,
    *,
    find: Callable[[], BuildState] = state,
    check: Callable[[BuildState], None] | None = None,
    command: Sequence[str] | None = None,
) -> None:
    """Compile the extension into `find().directory`, unless that was done; raises BuildError.

    Waits while another process builds the same one. `command` is what compiles, given the directory.
    """
    wanted = find()
    if wanted.ready:
        return
    (check or _check_tools)(wanted)
    wanted.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(wanted.directory, lambda: on_progress(0, 0, "another process is compiling it")):
        if find().ready:
            return
        # torch waits for as long as this file of an interrupted build is there.
        (wanted.directory / EXTENSION / "lock").unlink(missing_ok=True)
        _run(command or (sys.executable, "-P", "-m", __spec__.name, "--compile"), wanted, on_progress)
        _publish(wanted.directory)


def _run(command: Sequence[str], wanted: BuildState, on_progress: OnProgress) -> None:
    environment = {
        **os.environ,
        "PATH": _path(),
        "TORCH_EXTENSIONS_DIR": str(wanted.directory),
        "TORCH_CUDA_ARCH_LIST": os.environ.get("TORCH_CUDA_ARCH_LIST")
        or nvidia.architectures(nvidia.cards().gpus),
        "PYTHONUNBUFFERED": "1",
    }
    tail: list[str] = []
    with (
        process_tree.ended_by_sigterm(),
        subprocess.Popen(  # noqa: S603 (our own module, no shell)
            [*command, str(wanted.directory)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            **process_tree.apart(),
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                tail = [*tail, line.rstrip()][-_TAIL_LINES:]
                if (unit := _UNIT.match(line)) is not None:
                    on_progress(int(unit[1]), int(unit[2]), _source(unit[3]))
        except BaseException:
            process_tree.end(process)  # nobody listens any more: no compiler must go on without the lock
            raise
        status = process.wait()
    if status != 0:
        raise BuildError(
            "Compiling exllamav2's extension failed:\n" + "\n".join(tail),
            "The lines above say why. What was compiled is kept: the same command goes on from there.",
        )


def _compile(directory: Path) -> None:
    """In a process of its own: compile and load what exllamav2 would at its first import."""
    from torch.utils import cpp_extension

    recipe = exllama_recipe()
    (directory / EXTENSION).mkdir(exist_ok=True)
    cpp_extension.load(**{**recipe, "verbose": True, "build_directory": str(directory / EXTENSION)})


def exllama_recipe() -> dict[str, Any]:
    """The arguments with which exllamav2 has torch compile its extension."""
    from torch.utils import cpp_extension

    taken: dict[str, Any] = {}

    def take(**arguments: Any) -> None:
        taken.update(arguments)
        raise _StoppedError

    load = cpp_extension.load
    cpp_extension.load = take
    try:
        import exllamav2.ext  # noqa: F401 (imported for what it asks of `load`)
    except _StoppedError:
        return taken
    finally:
        cpp_extension.load = load
    raise BuildError("exllamav2 brings its extension along.", "There is nothing to compile.")


class _StoppedError(Exception):
    """Ends the import of exllamav2 where it would compile."""


def _publish(directory: Path) -> None:
    built = [path for path in (directory / EXTENSION).glob(f"{EXTENSION}*") if path.suffix in (".so", ".pyd")]
    if not built:
        raise BuildError(
            f"The compiler ended without an error, but left no library in {directory}.",
            "Remove that directory and run the same command again.",
        )
    place = directory / built[0].name
    place.unlink(missing_ok=True)
    shutil.copy2(built[0], place)
    mark(directory, place)


def _check_tools(_wanted: BuildState) -> None:
    """Say plainly what is missing, before anything is compiled."""
    found, cards = installed(), nvidia.cards()
    if not cards.gpus and not os.environ.get("TORCH_CUDA_ARCH_LIST"):
        raise BuildError(
            f"The extension is compiled for the card of this machine, and {cards.problem}.",
            "To compile for another machine, name its architecture: TORCH_CUDA_ARCH_LIST=8.9",
        )
    if problem := missing(found):
        raise BuildError(f"exllamav2 cannot be used here: {problem}.", INSTALL)
    check_compilers(found, lambda name: shutil.which(name, path=_path()))


def check_compilers(found: Installed, which: Callable[[str], str | None]) -> None:
    """Raise BuildError for the first tool that `which` does not find, or that does not fit torch."""
    if which("ninja") is None:
        raise BuildError("The program ninja is missing.", "Install it: pip install ninja")
    if which("cl" if sys.platform == "win32" else os.environ.get("CXX", "c++")) is None:
        raise BuildError(
            "There is no C++ compiler.", "Install one, such as the package g++ or build-essential."
        )
    nvcc = _nvcc(which)
    if nvcc is None:
        raise BuildError(
            "The CUDA compiler nvcc is missing.",
            f"Install NVIDIA's CUDA toolkit {found.cuda}, or set CUDA_HOME to where it is.",
        )
    said = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    release = re.search(r"release (\d+)", said)
    if release is not None and release[1] != found.cuda.split(".", maxsplit=1)[0]:
        raise BuildError(
            f"nvcc is of CUDA {release[1]}, but torch {found.torch} is built for CUDA {found.cuda}.",
            "Install the toolkit of that version and set CUDA_HOME to it, or install a torch for this one.",
        )


def _nvcc(which: Callable[[str], str | None]) -> str | None:
    """CUDA's compiler, where torch looks for it too."""
    homes = [os.environ[name] for name in _CUDA_HOMES if os.environ.get(name)]
    for place in (*homes, None, _USUAL_CUDA):
        if place is None:
            if (found := which("nvcc")) is not None:
                return found
        elif (Path(place) / "bin" / "nvcc").exists():
            return str(Path(place) / "bin" / "nvcc")
    return None


def _path() -> str:
    """Where programs are: beside this interpreter first, where pip puts ninja."""
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))


@contextmanager
def _locked(directory: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the build's lock; a process that dies lets go of it."""
    with (directory / "build.lock").open("a+b") as file:
        while not _try_lock(file):
            waiting()
            time.sleep(_POLL_S)
        yield


def _try_lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _source(line: str) -> str:
    """The file that a compiler's command line is about; the last one names none: it links."""
    named = re.findall(r"[\w.+-]+\.(?:cpp|cu)\b", line)
    return named[-1] if named else "linking"


def _say(as_json: bool, fact: dict[str, Any]) -> None:
    if as_json:
        text = json.dumps(fact)
    elif "error" in fact:
        text = f"{fact['error']}\n{fact['advice']}"
    else:
        text = f"{fact['done']}/{fact['of']} {fact['line']}"
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
