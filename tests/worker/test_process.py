"""A real worker process behind its real socket, with the fake engine."""

import asyncio
import os
import signal
import socket as sockets
from pathlib import Path
from typing import Any

import pytest

from turnout.worker import wire
from worker import kit
from worker.kit import chat, fim, launch, text, worker

ENDLESS = {"chat": [{"contains": "endless", "text": "on ", "repeat": 100_000, "token_delay_s": 0.001}]}


async def test_a_completion_streams_and_ends_with_its_figures(socket_path: Path) -> None:
    """Chunks, then one done that says what it took."""
    async with worker(socket_path) as process:
        client = await process.connect()
        client.send(fim(1))
        frames = (await client.answers(1))[1]
        assert text(frames) == "lo_from_fake(42)"
        done = frames[-1]
        assert (done["reason"], done["figures"]["generated"]) == ("stop", 4)
        assert done["figures"]["evaluated"] + done["figures"]["reused"] == 1
        assert done["figures"]["stop_ms"] is None


async def test_socket_and_hello(socket_path: Path) -> None:
    """Only this user can reach the socket, and the worker says who it is."""
    async with worker(socket_path) as process:
        assert kit.mode(socket_path) == 0o600
        client = await process.connect(greet=False)
        client.send(kit.hello())
        greeting = await client.until("hello")
        assert (greeting["protocol"], greeting["engine"], greeting["model"]) == (
            wire.PROTOCOL,
            "fake",
            "test",
        )
        assert greeting["pid"] == process.process.pid


async def test_many_that_start_at_once_leave_one(socket_path: Path) -> None:
    """Who comes second says ready as well, since somebody listens, and ends."""
    started = await asyncio.gather(*(launch(socket_path) for _ in range(8)))
    greeter = await started[0].connect(greet=False)
    greeter.send(kit.hello())
    pid = (await greeter.until("hello"))["pid"]
    await greeter.close()
    survivor = next(each for each in started if each.process.pid == pid)
    assert [await each.ended() for each in started if each is not survivor] == [0] * 7
    client = await survivor.connect()
    assert (await client.status())["clients"] == 1
    client.send({"t": "unload", "id": 2})
    assert await client.read() is None
    assert await survivor.ended() == 0
    await survivor.kill()


async def test_a_socket_left_by_a_dead_worker_is_replaced(socket_path: Path) -> None:
    """kill -9 leaves the file; the next worker takes its place."""
    first = await launch(socket_path)
    await first.kill()
    assert kit.exists(socket_path)
    async with worker(socket_path) as second:
        client = await second.connect()
        client.send(fim(1))
        assert text((await client.answers(1))[1]) == "lo_from_fake(42)"


async def test_a_worker_without_clients_leaves_and_takes_its_socket_along(socket_path: Path) -> None:
    """Idle means no clients and no requests."""
    async with worker(socket_path, None, **{"idle-s": 0.05}) as process:
        assert await process.ended() == 0
        assert not kit.exists(socket_path)


async def test_a_worker_whose_socket_vanished_leaves_with_its_last_client(socket_path: Path) -> None:
    """Nobody could find it any more."""
    async with worker(socket_path) as process:
        client = await process.connect()
        kit.remove(socket_path)
        client.send(fim(1))
        assert text((await client.answers(1))[1]) == "lo_from_fake(42)"
        await client.close()
        assert await process.ended() == 0


async def test_the_socket_of_a_newer_worker_is_not_taken_along(socket_path: Path) -> None:
    """A worker that leaves removes its own socket and no other's."""
    async with worker(socket_path) as old:
        client = await old.connect()
        kit.remove(socket_path)
        async with worker(socket_path) as new:
            await client.close()
            assert await old.ended() == 0
            other = await new.connect()
            assert (await other.status())["clients"] == 1


async def test_requests_during_loading_wait_and_are_told_so(socket_path: Path) -> None:
    """status says loading, and a completion hears progress before its text."""
    async with worker(socket_path, {"load_s": 0.3}) as process:
        client = await process.connect()
        client.send({"t": "status", "id": 1}, fim(2))
        assert (await client.until("status"))["state"] == "loading"
        frames = (await client.answers(2))[2]
        phases = [frame["phase"] for frame in frames if frame["t"] == "progress"]
        assert phases == ["loading", "prefill"]
        assert text(frames) == "lo_from_fake(42)"
        assert (await client.status())["state"] == "idle"


async def test_a_model_that_does_not_load_is_an_answer(socket_path: Path) -> None:
    """Every request hears why, and status says failed."""
    async with worker(socket_path, {"load_error": "damaged file"}) as process:
        client = await process.connect()
        client.send(fim(1), {"t": "warm", "id": 2, "document": "d", "parts": fim(0)["parts"]})
        for frames in (await client.answers(1, 2)).values():
            assert (frames[-1]["reason"], frames[-1]["error"]) == ("error", "damaged file")
        status = await client.status()
        assert (status["state"], status["error"]) == ("failed", "damaged file")


async def test_a_newer_request_supersedes_the_older_one(socket_path: Path) -> None:
    """Of many keystrokes in a row only the last is answered in full, and every one is answered."""
    async with worker(socket_path, {"token_delay_s": 0.01}) as process:
        client = await process.connect()
        client.send(*(fim(number) for number in range(1, 21)))
        got = await client.answers(*range(1, 21))
        assert [frames[-1]["reason"] for frames in got.values()] == ["superseded"] * 19 + ["stop"]
        assert text(got[20]) == "lo_from_fake(42)"


async def test_two_clients_do_not_supersede_each_other(socket_path: Path) -> None:
    """The same document in two editors is two documents."""
    async with worker(socket_path, {"token_delay_s": 0.01}) as process:
        clients = [await process.connect() for _ in range(3)]
        for client in clients:
            client.send(fim(1))
        for client in clients:
            assert (await client.answers(1))[1][-1]["reason"] == "stop"


async def test_a_cancel_ends_a_request_and_frees_the_engine(socket_path: Path) -> None:
    """The done says cancelled and how long it took; the next request runs."""
    async with worker(socket_path, ENDLESS) as process:
        client = await process.connect()
        client.send(chat(1, "endless"))
        await client.until("chunk")
        client.send({"t": "cancel", "id": 1})
        done = await client.until("done")
        assert done["reason"] == "cancelled"
        assert done["figures"]["stop_ms"] is not None
        assert done["figures"]["generated"] < 100_000
        client.send({"t": "cancel", "id": 1}, {"t": "cancel", "id": 99}, fim(2))
        assert (await client.answers(2))[2][-1]["reason"] == "stop"


async def test_a_client_that_leaves_takes_its_requests_along(socket_path: Path) -> None:
    """Nothing is generated for nobody."""
    async with worker(socket_path, ENDLESS) as process:
        gone, staying = await process.connect(), await process.connect()
        gone.send(*(chat(number, "endless") for number in range(1, 6)))
        await gone.until("chunk")
        await gone.close()
        staying.send(chat(1, "hi"))
        assert text((await staying.answers(1))[1]) == "fake reply to: hi"
        status = await staying.status()
        assert (status["queued"], status["clients"]) == (0, 1)


async def test_inline_goes_ahead_of_a_long_chat_which_then_goes_on(socket_path: Path) -> None:
    """The chat loses nothing and repeats nothing."""
    reply = " ".join(str(number) for number in range(300))
    script = {"chat": [{"text": reply, "token_delay_s": 0.002}]}
    async with worker(socket_path, script) as process:
        client = await process.connect()
        client.send(chat(1, "count"))
        early = [await client.until("chunk")]
        client.send(fim(2))
        got: dict[int, list[wire.Frame]] = {1: early, 2: []}
        order: list[int] = []
        while len(order) < 2:
            frame = await client.read()
            assert frame is not None
            got[frame["id"]].append(frame)
            if frame["t"] == "done":
                order.append(frame["id"])
        assert order == [2, 1]
        assert text(got[1]) == reply
        assert text(got[2]) == "lo_from_fake(42)"


async def test_a_client_that_stops_reading_is_dropped_and_holds_up_nobody(socket_path: Path) -> None:
    """Its answers are bounded; the others' go on."""
    script = {"chat": [{"contains": "flood", "text": "x" * 4096 + " ", "repeat": 100_000}]}
    async with worker(socket_path, script) as process:
        lazy, eager = await process.connect(), await process.connect()
        lazy.writer.transport.pause_reading()  # type: ignore[attr-defined]
        lazy.send(chat(1, "flood"))
        eager.send(fim(1))
        assert text((await eager.answers(1))[1]) == "lo_from_fake(42)"
        while (await eager.status())["clients"] > 1:
            pass
        eager.send(chat(2, "hi"))
        assert text((await eager.answers(2))[2]) == "fake reply to: hi"


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        wire.HEADER.pack(wire.MAX_FRAME_BYTES + 1) + b"x" * 100,
        wire.encode(fim(1)),
        wire.encode(kit.hello()) * 2,
        wire.encode(kit.hello()) + wire.encode({"t": "chunk", "id": 1, "text": "I am no worker"}),
        wire.encode(kit.hello()) + wire.HEADER.pack(4) + b"oops",
        wire.encode(kit.hello(protocol=wire.PROTOCOL + 1)),
        wire.encode(kit.hello()) + wire.encode(fim(1)) * 2,
    ],
    ids=[
        "http",
        "oversized",
        "no hello",
        "two hellos",
        "wrong direction",
        "garbage",
        "other protocol",
        "same id",
    ],
)
async def test_bytes_that_are_not_the_protocol_end_their_connection_only(
    socket_path: Path, data: bytes
) -> None:
    """The worker lives on and serves others."""
    async with worker(socket_path) as process:
        bad = await process.connect(greet=False)
        bad.writer.write(data)
        while await bad.read() is not None:
            pass
        good = await process.connect()
        good.send(fim(1))
        assert text((await good.answers(1))[1]) == "lo_from_fake(42)"


async def test_a_worker_of_another_protocol_still_says_hello(socket_path: Path) -> None:
    """So that the client can say what is wrong."""
    async with worker(socket_path) as process:
        client = await process.connect(greet=False)
        client.send(kit.hello(protocol=wire.PROTOCOL + 1))
        assert (await client.until("hello"))["protocol"] == wire.PROTOCOL
        assert await client.read() is None


async def test_unload_finishes_what_runs(socket_path: Path) -> None:
    """A worker that is asked to leave answers first."""
    async with worker(socket_path, {"token_delay_s": 0.01}) as process:
        client = await process.connect()
        client.send(fim(1), {"t": "unload", "id": 2})
        assert (await client.answers(1))[1][-1]["reason"] == "stop"
        assert await client.read() is None
        assert await process.ended() == 0


async def test_requests_after_unload_are_answered_while_others_run(socket_path: Path) -> None:
    """Editors go on typing until the worker leaves; what came too late is the next worker's."""
    async with worker(socket_path, {"token_delay_s": 0.02}) as process:
        client = await process.connect()
        client.send(fim(1, document="a"), {"t": "unload", "id": 2}, fim(3, document="b"))
        for frames in (await client.answers(1, 3)).values():
            assert frames[-1]["reason"] == "stop"
        assert await client.read() is None
        assert await process.ended() == 0


async def test_a_retired_worker_leaves_with_its_last_client(socket_path: Path) -> None:
    """It finishes what its editors asked for, and does not wait for new ones."""
    async with worker(socket_path, {"token_delay_s": 0.01}) as process:
        first, second = await process.connect(), await process.connect()
        first.send({"t": "unload", "id": 1, "when_alone": True}, fim(2))
        assert (await first.answers(2))[2][-1]["reason"] == "stop"
        await first.close()
        second.send(fim(1))
        assert (await second.answers(1))[1][-1]["reason"] == "stop"
        await second.close()
        assert await process.ended() == 0


async def test_an_id_may_be_used_again_after_its_end(socket_path: Path) -> None:
    """Only ids of requests that are still open are taken."""
    async with worker(socket_path) as process:
        client = await process.connect()
        for _ in range(3):
            client.send(fim(1))
            assert text((await client.answers(1))[1]) == "lo_from_fake(42)"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_worker_and_answers_what_waits(socket_path: Path, number: int) -> None:
    """Requests under way end as cancelled, and the socket is gone."""
    async with worker(socket_path, ENDLESS) as process:
        client = await process.connect()
        client.send(chat(1, "endless"), chat(2, "endless"))
        await client.until("chunk")
        os.kill(process.process.pid, number)
        got = await client.answers(1, 2)
        assert [frames[-1]["reason"] for frames in got.values()] == ["cancelled"] * 2
        assert await process.ended() == 0
        assert not kit.exists(socket_path)


async def test_an_engine_that_hangs_ends_the_worker_and_not_the_editor(socket_path: Path) -> None:
    """A stopped request that keeps the engine ends the process, which the next request replaces."""
    script = {"fim": [{"text": "a b", "hang_after": 1}]}
    async with worker(socket_path, script, **{"hang-s": 0.05}) as process:
        client = await process.connect()
        client.send(fim(1))
        await client.until("chunk")
        client.send({"t": "cancel", "id": 1})
        assert await client.read() is None
        assert await process.ended() == 70


async def test_over_tcp_a_token_is_needed(socket_path: Path) -> None:
    """Where there are no Unix sockets, the file holds port and token for this user alone."""
    async with worker(socket_path, transport="tcp") as process:
        assert kit.mode(socket_path) == 0o600
        port, token = kit.read(socket_path).split()
        for shown, greeted in [({}, False), ({"token": "wrong"}, False), ({"token": token}, True)]:
            client = kit.RawClient(*await asyncio.open_connection("127.0.0.1", int(port)))
            client.send(kit.hello(**shown))
            frame = await client.read()
            assert (frame is not None and frame["t"] == "hello") is greeted
            await client.close()
            assert await (await launch(socket_path, transport="tcp")).ended() == 0
        assert process.process.returncode is None


async def test_a_file_that_is_no_socket_is_replaced(socket_path: Path) -> None:
    """Whatever stands at the address and does not answer makes room."""
    kit.write(socket_path, "not a socket")
    async with worker(socket_path) as process:
        client = await process.connect()
        assert (await client.status())["clients"] == 1


async def test_an_address_that_cannot_be_is_an_error_at_once() -> None:
    """The worker ends with a status, and says nothing of being ready."""
    process = await launch(Path("/dev/null/w.sock"))
    assert await process.ended() != 0


async def test_a_probe_that_says_nothing_is_no_client(socket_path: Path) -> None:
    """A connection that closes at once leaves nothing behind."""
    async with worker(socket_path) as process:
        for _ in range(20):
            with sockets.socket(sockets.AF_UNIX) as probe:
                probe.connect(str(socket_path))
        client = await process.connect()
        status: dict[str, Any] = await client.status()
        while status["clients"] > 1:
            status = await client.status()
