"""What the installed llama.cpp can compute on, as the doctor shows it."""

import pytest

from turnout.worker.engines.llamacpp import devices


def test_there_is_always_something_to_compute_on() -> None:
    """Every build has the processor, with its memory; asking loads no model."""
    pytest.importorskip("xllamacpp")
    found = devices()
    assert [device for device in found if not device.gpu]
    assert all(device.name and 0 <= device.free_bytes <= device.memory_bytes for device in found)
