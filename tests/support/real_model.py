"""The default model on this machine, for tests that run it."""

import os

import pytest

from turnout import models
from turnout.errors import ModelMissing


def real_model_path() -> str:
    """Path of the default model's file, or of the one that TURNOUT_TEST_MODEL names; without it the test is skipped.

    In CI it fails.
    """
    named = os.environ.get("TURNOUT_TEST_MODEL")
    if named:
        return named
    try:
        return str(models.locate(models.DEFAULT_MODEL))
    except ModelMissing as exc:
        if os.environ.get("CI"):
            pytest.fail(f"{exc} In CI a missing model is a failure.")
        pytest.skip(str(exc))
