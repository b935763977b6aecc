"""This machine as a place for models, and the model that `model = "auto"` stands for on it.

Invariant: the first answer may take a second, so it is asked for off the event loop; later ones are a small file.
"""

import os

from turnout import models
from turnout.errors import ModelError
from turnout.models import choice, hardware, speeds
from turnout.models.choice import Choice
from turnout.models.hardware import Card, Machine
from turnout.models.manifest import DEFAULT_MODEL, FormName
from turnout.models.recommend import AUTOMATIC_BYTES
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
    return choice.chosen(machine, lambda form: form == "gguf" or _card_is_ready())


def model_name() -> str:
    """Its name alone."""
    return model().model


def form_of(name: str) -> FormName:
    """The form in which a missing model is fetched while its user types, without having asked for a download.

    What was chosen for `auto`, unless that is here: then it is the GGUF file that is missing. Raises ModelError for
    one that is too large to be fetched unasked, and ModelUnknown.
    """
    chosen = model()
    form = models.form_of(name, chosen.form if chosen.model == name else "gguf")
    if form.name != "gguf" and models.listed(models.entry(name), form).state == "ready":
        form = models.form_of(name, "gguf")
    if form.bytes > AUTOMATIC_BYTES:
        option = "" if form.name == "gguf" else f" --form {form.name}"
        raise ModelError(
            f"{name} is {form.bytes / 1e9:.1f} GB, and over {AUTOMATIC_BYTES / 1e9:.0f} GB are fetched only when you "
            "ask for it.",
            advice=f"Run: turnout models pull {name}{option}.",
        )
    return form.name
