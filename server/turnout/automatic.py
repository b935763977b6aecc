"""This machine as a place for models, and the model that `model = "auto"` stands for on it.

Invariant: the first answer may take a second, so it is asked for off the event loop; later ones are a small file.
"""

import os

from turnout import models
from turnout.models import choice, hardware, speeds
from turnout.models.choice import Choice
from turnout.models.hardware import Card, Machine
from turnout.models.manifest import DEFAULT_MODEL, FormName
from turnout.worker.engines import nvidia, prepared


def machine() -> Machine:
    """What a model finds here: memory, cores, cards that an engine is ready to use, and what was measured."""
    cards = [Card(gpu.name, gpu.total_bytes) for gpu in nvidia.cards().gpus]
    return hardware.measure(cards, card_engine=_card_is_ready(), speeds=speeds.read())


def _card_is_ready() -> bool:
    try:
        return prepared.state().ready
    except OSError:  # without a cache directory there is no extension either
        return False


def model() -> Choice:
    """The model that `auto` stands for."""
    if os.environ.get("TURNOUT_ENGINE") == "fake":
        return Choice(DEFAULT_MODEL, "gguf", "the fake engine runs no model")
    return choice.chosen(machine)


def model_name() -> str:
    """Its name alone."""
    return model().model


def form_of(name: str) -> FormName:
    """The form in which a model is fetched that is missing and that nobody named a form of.

    What was chosen for `auto`, unless that is here or cannot be run: then it is the GGUF file that is missing.
    """
    chosen = model()
    if chosen.model != name or chosen.form == "gguf" or not _card_is_ready():
        return "gguf"
    here = models.listed(models.entry(name), models.form_of(name, chosen.form))
    return "gguf" if here.state == "ready" else chosen.form
