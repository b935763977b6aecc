"""Places of a reply that its model may not hear of: a file that is kept from it, a hidden one, or nothing at all.

Invariant: what is said of such a place is the same whether there is a file or not.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace

from turnout.act.seams import Seams
from turnout.core.edits.paths import as_written, is_hidden
from turnout.core.edits.replies import Rename, Reply, Step
from turnout.core.models import Model
from turnout.core.requests import Kind
from turnout.errors import PathRefused


async def without_closed(
    reply: Reply, known: Collection[str], kind: Kind, model: Model, seams: Seams
) -> tuple[Reply, tuple[PathRefused, ...]]:
    """`reply` without the steps that touch a place closed to `model`, and why; `known` are the paths it was shown."""
    places = {place for step in reply.steps for place in _places(step) if place not in known}
    closed = await _closed(sorted(places), kind, model, seams)
    kept = tuple(step for step in reply.steps if closed.keys().isdisjoint(_places(step)))
    return replace(reply, steps=kept), tuple(PathRefused(said) for said in closed.values())


async def _closed(places: list[str], kind: Kind, model: Model, seams: Seams) -> dict[str, str]:
    """What is said of those of `places` that are closed."""
    said = {place: f"{place} is hidden: a reply may not create it." for place in places if is_hidden(place)}
    uris: dict[str, str] = {}
    for place in places:
        with suppress(PathRefused):  # said where the place is looked at
            uris[place] = seams.workspace.uri(place)
    if seams.outlook is not None and uris:
        for place, readers in zip(uris, await seams.outlook.readers(kind, [*uris.values()]), strict=True):
            if model not in readers:
                said.setdefault(place, f"{place} is not among the files that this request may change.")
    return said


def _places(step: Step) -> Iterator[str]:
    """The paths that `step` names, as far as they are any."""
    for path in (step.path, step.new_path) if isinstance(step, Rename) else (step.path,):
        with suppress(PathRefused):
            yield as_written(path)
