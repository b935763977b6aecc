"""What the tests of several folders share: directories of their own, the real model, the end of what was started."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from support.home import Home, short_directory
from support.real_model import real_model_path
from support.workers import end_workers

# No test is held to a time: the first example imports what it needs, which takes seconds on a busy machine.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared_runtime() -> Iterator[Path]:
    """Where the workers of tests that share them listen; all of them end with the session."""
    with short_directory() as path:
        path.chmod(0o700)
        yield path
        end_workers(path)


@pytest.fixture
def home(shared_runtime: Path) -> Iterator[Home]:
    """A user with an empty workspace; tests with the same script of the fake engine share a worker."""
    with short_directory() as root:
        (root / "work").mkdir()
        yield Home(root, shared_runtime)


@pytest.fixture
def lone_home() -> Iterator[Home]:
    """A user whose workers nobody shares."""
    with _lone_home() as home:
        yield home


@pytest.fixture(scope="module")
def module_home() -> Iterator[Home]:
    """The same for all tests of a module, which then keep to files of their own."""
    with _lone_home() as home:
        yield home


@pytest.fixture
def signals() -> Iterator[tuple[int, ...]]:
    """Signals that end a process, for commands in this process: those that change files leave them unheeded."""
    numbers = tuple(getattr(signal, name, signal.SIGINT) for name in ("SIGINT", "SIGTERM", "SIGHUP"))
    before = {number: signal.getsignal(number) for number in numbers}
    for number in before:  # a run in the background may ignore some
        signal.signal(number, signal.default_int_handler)
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


@contextmanager
def _lone_home() -> Iterator[Home]:
    with short_directory() as root:
        (root / "work").mkdir()
        (root / "run").mkdir(mode=0o700)
        yield Home(root, root / "run")
        end_workers(root / "run")


@pytest.fixture(scope="session")
def real_model() -> str:
    """Path of the default model's file."""
    return real_model_path()
