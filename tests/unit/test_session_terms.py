"""Which settings a cached completion depends on: the rows say of each whether it answers no more."""

from dataclasses import dataclass, replace

import pytest

from turnout.complete import Rules
from turnout.core.models import Model
from turnout.core.requests import Kind, Route
from turnout.errors import PathRefused
from turnout.session.terms import completion_terms

URI = "file:///w/a.py"
NEAR = Model("near", "local", "tiny")
FAR = Model("far", "completions", "large", base_url="http://house:8000", leaves_machine=True, input_usd=1.0)
RULES = Rules()
ROUTE = Route("inline", (NEAR, FAR), (), "")


@dataclass
class Folders:
    route: Route = ROUTE
    popup: Route = ROUTE
    kept: Rules = RULES

    def permits(self, kind: Kind, uris: tuple[str, ...], input_tokens: int) -> Route:
        if "strange" in uris[0]:
            raise PathRefused("It cannot be followed.")
        return self.popup if kind == "popup" else self.route

    def rules(self, uri: str) -> Rules:
        return self.kept


@pytest.mark.parametrize(
    ("folders", "same"),
    [
        (Folders(), True),
        (Folders(kept=Rules(enabled=False)), True),
        (Folders(kept=Rules(disabled_languages=frozenset({"python"}))), True),
        (Folders(replace(ROUTE, deadline_ms=100, limit_usd=1.0, reason="another file says so")), True),
        (Folders(replace(ROUTE, candidates=(NEAR, replace(FAR, input_usd=2.0, key="env:OTHER")))), True),
        (Folders(kept=Rules(max_tokens=8)), False),
        (Folders(kept=Rules(multiline="never")), False),
        (Folders(replace(ROUTE, candidates=(FAR, NEAR))), False),
        (Folders(replace(ROUTE, candidates=(NEAR,))), False),
        (Folders(popup=replace(ROUTE, candidates=())), False),
        (Folders(replace(ROUTE, candidates=(replace(NEAR, path="/m.gguf"), FAR))), False),
        (Folders(replace(ROUTE, candidates=(NEAR, replace(FAR, base_url="http://other")))), False),
    ],
)
def test_only_what_makes_another_completion_counts(folders: Folders, same: bool) -> None:
    """Whom the settings let answer, and how much; not whether, when or for how much one is asked."""
    assert (completion_terms(folders, URI) == completion_terms(Folders(), URI)) is same


def test_a_path_that_cannot_be_followed_has_no_terms() -> None:
    """Nothing is asked about it, and nothing fails."""
    assert completion_terms(Folders(), "file:///strange") is None
