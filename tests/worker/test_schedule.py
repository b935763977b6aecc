"""Who is next: classes, newest first, superseding, and that nobody starves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.worker.engines.base import Work
from turnout.worker.schedule import GRACE_STEPS, PATIENCE, Job, Queue

KINDS = ("inline", "popup", "ahead", "warm", "chat", "refactor")
_ids = iter(range(1_000_000))


def job(kind: str, document: str = "", client: int = 1) -> Job:
    number = next(_ids)
    chat = kind in ("chat", "refactor")
    return Job(client, number, kind, Work(document or f"doc{number}", (), chat), arrived_s=0.0)


@pytest.mark.parametrize(
    ("arriving", "leaving"),
    [
        (["chat", "warm", "ahead", "popup", "inline"], ["inline", "popup", "ahead", "warm", "chat"]),
        (["inline", "popup", "warm", "chat"], ["inline", "popup", "warm", "chat"]),
        (["refactor", "popup", "refactor", "inline"], ["inline", "popup", "refactor", "refactor"]),
    ],
)
def test_classes_go_in_their_order(arriving: list[str], leaving: list[str]) -> None:
    """Inline goes first, then popup, what is asked ahead, warm and chat kinds, whenever they came."""
    queue = Queue()
    for kind in arriving:
        queue.push(job(kind))
    assert [taken.kind for taken in iter(queue.take, None)] == leaving


def test_the_newest_of_a_class_goes_first() -> None:
    """Across editors, who typed last is served first."""
    queue = Queue()
    jobs = [job("inline", client=client) for client in range(4)]
    for each in jobs:
        queue.push(each)
    assert list(iter(queue.take, None)) == jobs[::-1]


@pytest.mark.parametrize(
    ("older", "newer", "superseded"),
    [
        (("inline", "d", 1), ("inline", "d", 1), True),
        (("popup", "d", 1), ("popup", "d", 1), True),
        (("warm", "d", 1), ("warm", "d", 1), True),
        (("warm", "d", 1), ("inline", "d", 1), True),
        (("popup", "d", 1), ("inline", "d", 1), False),
        (("inline", "d", 1), ("popup", "d", 1), False),
        (("inline", "d", 1), ("warm", "d", 1), False),
        (("ahead", "d", 1), ("inline", "d", 1), True),
        (("ahead", "d", 1), ("ahead", "d", 1), True),
        (("ahead", "d", 1), ("warm", "d", 1), False),
        (("ahead", "d", 1), ("inline", "other", 1), False),
        (("inline", "d", 1), ("ahead", "d", 1), False),
        (("warm", "d", 1), ("ahead", "d", 1), False),
        (("inline", "d", 1), ("inline", "other", 1), False),
        (("inline", "d", 1), ("inline", "d", 2), False),
        (("chat", "d", 1), ("chat", "d", 1), False),
        (("chat", "d", 1), ("inline", "d", 1), False),
    ],
)
def test_what_a_newer_request_supersedes(
    older: tuple[str, str, int], newer: tuple[str, str, int], superseded: bool
) -> None:
    """A newer completion makes the older one of its kind and document, and any warm of it, pointless."""
    queue = Queue()
    first, second = job(*older), job(*newer)
    queue.push(first)
    assert queue.push(second) == ([first] if superseded else [])
    assert len(queue) == (1 if superseded else 2)


@given(st.lists(st.sampled_from(KINDS), min_size=1, max_size=12), st.sampled_from(KINDS))
def test_nobody_starves(waiting: list[str], stream: str) -> None:
    """However fast new requests of one class come, each waiting one is taken after a bounded number of turns."""
    queue = Queue()
    jobs = {job(kind) for kind in waiting}
    for each in jobs:
        queue.push(each)
    for _ in range(PATIENCE + len(jobs)):
        queue.push(job(stream))
        jobs.discard(queue.take())
    assert not jobs


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 3)), max_size=20), st.integers(1, 3))
def test_removing_a_client_takes_exactly_its_jobs(given_jobs: list[tuple[str, int]], gone: int) -> None:
    """A client that leaves takes its waiting jobs along and nobody else's."""
    queue = Queue()
    jobs = [job(kind, client=client) for kind, client in given_jobs]
    for each in jobs:
        queue.push(each)
    assert set(queue.remove(gone)) == {each for each in jobs if each.client == gone}
    assert set(iter(queue.take, None)) == {each for each in jobs if each.client != gone}


@pytest.mark.parametrize(
    ("running", "waiting", "yields"),
    [
        ("chat", "inline", True),
        ("warm", "inline", True),
        ("popup", "inline", True),
        ("inline", "inline", False),
        ("inline", "chat", False),
        ("chat", "chat", False),
    ],
)
def test_what_yields_to_what(running: str, waiting: str, yields: bool) -> None:
    """A running job makes room for one of a class ahead of it, and for no other."""
    queue = Queue()
    queue.push(job(waiting))
    assert queue.wants_turn(job(running)) is yields


def test_a_job_that_waited_too_long_keeps_its_turn_for_some_steps() -> None:
    """Once its turn has come at last, a job is not interrupted before it got anywhere."""
    queue = Queue()
    patient = job("chat")
    queue.push(patient)
    for _ in range(PATIENCE):
        queue.push(job("inline"))
        assert queue.take() is not patient
    queue.push(job("inline"))
    assert queue.take() is patient
    assert patient.grace == GRACE_STEPS
    assert not queue.wants_turn(patient)
    patient.grace = 0
    assert queue.wants_turn(patient)


@pytest.mark.parametrize(
    ("waiting", "running", "begins"),
    [
        ("inline", ["inline"], True),
        ("popup", ["inline"], True),
        ("inline", ["chat"], True),
        ("chat", ["chat"], True),
        ("warm", ["chat"], True),
        ("chat", ["inline"], False),
        ("warm", ["popup", "chat"], False),
    ],
)
def test_what_begins_beside_what(waiting: str, running: list[str], begins: bool) -> None:
    """Nothing is read in the background beside a completion; everything else shares the lanes."""
    queue = Queue()
    queue.push(job(waiting))
    assert (queue.take([job(kind) for kind in running]) is not None) is begins


def test_who_was_passed_over_begins_beside_anything() -> None:
    """Completions that never pause do not keep a chat out for ever."""
    queue = Queue()
    chat, running = job("chat"), [job("inline")]
    queue.push(chat)
    for _ in range(PATIENCE):
        assert queue.take(running) is None
        queue.push(job("inline"))
        queue.take(running)
    assert queue.take(running) is chat


@pytest.mark.parametrize(
    ("running", "waiting", "lanes", "yielding"),
    [
        (["chat", "chat"], ["inline"], 2, [0]),
        (["chat", "chat"], ["inline", "inline"], 2, [0, 1]),
        (["inline", "chat"], ["inline"], 2, [1]),
        (["inline", "inline"], ["inline"], 2, []),
        (["chat"], ["inline"], 2, []),
        (["chat*"], ["inline"], 2, [0]),
        (["warm*", "chat"], ["inline"], 4, [0]),
        (["chat*"], ["warm"], 2, []),
        (["chat", "chat!"], ["inline"], 2, []),
    ],
)
def test_who_makes_room_in_a_batch(
    running: list[str], waiting: list[str], lanes: int, yielding: list[int]
) -> None:
    """As many yield as room is short of, the last in order first; who still reads (*) always; (!) is stopping."""
    queue = Queue()
    jobs = []
    for order, kind in enumerate(running):
        jobs.append(job(kind.rstrip("*!")))
        jobs[-1].order = order
        jobs[-1].prefilled_s = None if "*" in kind else 1.0
        jobs[-1].stop = "cancelled" if "!" in kind else None
    for kind in waiting:
        queue.push(job(kind))
    assert [n for n, each in enumerate(jobs) if queue.wants_turn(each, jobs, lanes)] == yielding
