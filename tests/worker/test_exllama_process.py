"""The worker process with a GPU engine where that cannot work: every request hears why."""

from pathlib import Path

import pytest

from worker import kit


@pytest.mark.parametrize("engine", ["exllamav2", "exllamav3"])
async def test_a_directory_that_is_no_model_is_said_to_each_request(
    socket_path: Path, tmp_path: Path, engine: str
) -> None:
    """Found out without torch, so also where only llama.cpp is installed."""
    options = {"engine": engine, "path": tmp_path, "smaller": "qwen2.5-coder-7b=6000000000"}
    async with kit.worker(socket_path, None, **options) as worker:
        client = await worker.connect()
        client.send(kit.fim(1), kit.fim(2, document="other"))
        answers = await client.answers(1, 2)
        for frames in answers.values():
            assert frames[-1]["reason"] == "error"
            assert "There is no config.json" in frames[-1]["error"]
        assert (await client.status())["engine"] == engine
