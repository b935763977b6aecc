"""Which family a model belongs to, where nobody can look into its vocabulary: by what the user says, or by its name."""

from turnout.core.fim.families import FAMILIES, Family


def named_family(model: str, family: str | None = None) -> Family | None:
    """The family called `family`, or without that the one that the model's name says; None where there is none."""
    if family is not None:
        return next((known for known in FAMILIES if known.name == family), None)
    return next((known for known in FAMILIES if known.models.search(model)), None)
