"""The hub source against a loopback server that breaks, stalls and lies."""

import socket
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import models_kit as kit
from support.models_kit import Act
from turnout.errors import DownloadFailed
from turnout.models import hub
from turnout.models.manifest import HuggingFace

WHERE = HuggingFace("owner/tiny", "tiny.gguf", "main")
SIZE = len(kit.PAYLOAD)


def read(url: str, monkeypatch: pytest.MonkeyPatch, offset: int = 0, timeout_s: float | None = 60) -> bytes:
    """What the source yields from `offset` on; waits between attempts are left out."""
    monkeypatch.setenv("HF_ENDPOINT", url)
    monkeypatch.setenv("no_proxy", "*")
    source = hub.source(kit.tiny(), WHERE, timeout_s=timeout_s, pause=lambda seconds: None)
    return b"".join(source.read(offset, lambda extra: None))


@pytest.mark.parametrize(
    ("acts", "offset", "ranges"),
    [
        ([], 0, [None]),
        ([], 1000, ["bytes=1000-"]),
        ([], SIZE, []),
        ([Act(ranges=False)], 1000, ["bytes=1000-"]),
        ([Act(headers={"Content-Length": ""})], 0, [None]),
        ([Act(cut_after=50_000)], 0, [None, "bytes=50000-"]),
        ([Act(cut_after=1), Act(cut_after=1), Act(cut_after=1)], 7, [f"bytes={n}-" for n in (7, 8, 9, 10)]),
        ([Act(cut_after=5), Act(status=503), Act()], 0, [None, "bytes=5-", "bytes=5-"]),
        ([Act(cut_after=9), Act(ranges=False, cut_after=700)], 0, [None, "bytes=9-", "bytes=700-"]),
    ],
)
def test_the_file_arrives_whole(
    acts: list[Act], offset: int, ranges: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From any offset, over broken connections and from servers without ranges, exactly the rest arrives."""
    with kit.hub(*acts) as server:
        assert read(server.url, monkeypatch, offset) == kit.PAYLOAD[offset:]
    assert server.ranges == ranges
    assert {path for path, _ in server.asked} <= {"/owner/tiny/resolve/main/tiny.gguf"}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(offset=st.integers(0, SIZE), cut=st.integers(1, SIZE))
def test_any_offset_and_any_cut_resume(offset: int, cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever an earlier download stopped and wherever this one breaks, the bytes join without a seam."""
    with kit.hub(Act(cut_after=cut)) as server:
        assert read(server.url, monkeypatch, offset) == kit.PAYLOAD[offset:]


def test_a_silent_connection_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stops sending is asked again from where it stopped."""
    with kit.hub(Act(hold_after=60_000)) as server:
        assert read(server.url, monkeypatch, timeout_s=0.2) == kit.PAYLOAD
    assert server.ranges == [None, "bytes=60000-"]


@pytest.mark.parametrize(
    ("acts", "offset", "reason"),
    [
        ([Act(status=404)], 0, "it answered HTTP 404"),
        ([Act(status=503)], 0, "it answered HTTP 503"),
        ([Act(body=b"short")], 0, f"a file of 5 bytes, not the pinned {SIZE}"),
        ([Act(body=kit.PAYLOAD + b"x")], 9, f"a file of {SIZE + 1} bytes, not the pinned {SIZE}"),
        ([Act(headers={"Content-Range": "bytes 3-9/*"})], 5, "asked for bytes from 5 and sent them from 3"),
        ([Act(headers={"Content-Range": ""})], 5, "no usable Content-Range"),
        ([Act(cut_after=0)], 0, "it was closed early"),
        ([Act(cut_after=1) for _ in range(4)], 0, "broke 4 times in a row (it was closed early)"),
    ],
)
def test_a_hub_that_does_not_deliver_is_given_up(
    acts: list[Act], offset: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot get better is given up at once, what might after a few attempts, each with its reason."""
    asked = len(acts)
    with kit.hub(*acts) as server, pytest.raises(DownloadFailed) as error:
        read(server.url, monkeypatch, offset)
    assert reason in error.value.message
    assert len(server.asked) == asked


def _refused() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (_refused, "the connection was refused"),
        (lambda: "http://does-not-exist.invalid", "its host name cannot be resolved"),
        (lambda: "file:///etc", "not an http address"),
    ],
)
def test_a_hub_that_cannot_be_reached_says_why(
    url: Callable[[], str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No connection is one reason and no second attempt: another source may be quicker."""
    with pytest.raises(DownloadFailed, match=reason):
        read(url(), monkeypatch)


def test_a_hub_that_accepts_and_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for the whole way to the first byte, not for each step of it."""
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        pytest.raises(DownloadFailed, match=r"no answer for 0\.2 s"),
    ):
        read(f"http://127.0.0.1:{mute.getsockname()[1]}", monkeypatch, timeout_s=0.2)


def test_the_time_out_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_DOWNLOAD_TIMEOUT says how long silence may last."""
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "0.2")
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        pytest.raises(DownloadFailed, match=r"no answer for 0\.2 s"),
    ):
        read(f"http://127.0.0.1:{mute.getsockname()[1]}", monkeypatch, timeout_s=None)


def test_offline_mode_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """With HF_HUB_OFFLINE the hub is not asked at all."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with kit.hub() as server, pytest.raises(DownloadFailed, match="HF_HUB_OFFLINE"):
        read(server.url, monkeypatch)
    assert server.asked == []
