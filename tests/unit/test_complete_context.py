"""What completions show of a repository: gathered at rest, from files that may go where the document may go."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import pytest

from turnout.complete.context import Gatherer
from turnout.complete.gathering import LEAST_ALIKE, Place, candidates
from turnout.complete.prompts import CompletionKind
from turnout.complete.recents import MAX_PLACES, Recents
from turnout.core.documents import Document, Position, Snapshot
from turnout.core.fim.layout import Window
from turnout.core.repository import Definition, Hit, Import, IndexState, Mention, Passage
from turnout.core.withholding import LeftOut

URI = "file:///w/app.py"
ROOM = Window(2000, 400, 1000)
SIMILAR = "def pay(customer):\n    total = price(customer)\n    send_receipt(customer, total)\n"
TEXT = "from shop import price\n\n\ndef bill(customer):\n    total = price(customer)\n    send_"


def definition(
    name: str, path: str, signature: str = "", container: str = "", kind: str = "function"
) -> Definition:
    return Definition(path, "python", name, kind, container, signature or f"def {name}(thing):", 0, 3)


@dataclass
class Index:
    """An index that says what a test tells it to."""

    defined: tuple[Definition, ...] = ()
    imported: tuple[Import, ...] = ()
    passages: tuple[Passage, ...] = ()
    beside: tuple[str, ...] = ()

    def definitions(
        self, names: Sequence[str], *, language: str | None = None, limit: int = 50
    ) -> tuple[Definition, ...]:
        return tuple(one for name in names for one in self.defined if one.name == name)

    def outline(self, path: str) -> tuple[Definition, ...]:
        return tuple(one for one in self.defined if one.path == path)

    def imports(self, path: str) -> tuple[Import, ...]:
        return tuple(one for one in self.imported if one.path == path)

    def importers(self, path: str, limit: int = 50) -> tuple[str, ...]:
        return ()

    def mentions(self, name: str, limit: int = 200) -> tuple[Mention, ...]:
        return ()

    def similar(
        self, words: Sequence[str], *, limit: int = 20, exclude: Collection[str] = ()
    ) -> tuple[Hit, ...]:
        return tuple(Hit(passage, 1.0) for passage in self.passages if passage.path not in exclude)

    def siblings(self, path: str) -> tuple[str, ...]:
        return self.beside

    def files(self) -> tuple[str, ...]:
        return ()

    def state(self) -> IndexState:
        return IndexState(0, 0, 0, False, "")


@dataclass
class Files:
    """One folder; `kept` are the paths that may not go along."""

    index: Index | None
    kept: set[str] = field(default_factory=set)
    disk: dict[str, object] = field(default_factory=dict)
    """How files look, where that is not how they always did."""
    lost: set[str] = field(default_factory=set)
    """Files whose text is not what the index says."""

    def repository(self, uri: str) -> Index | None:
        return self.index

    def relative_path(self, uri: str) -> str:
        return uri.rpartition("/")[2]

    def uri(self, beside: str, path: str) -> str | None:
        return None if ".." in path else f"file:///w/{path}"

    async def objection(self, kind: CompletionKind, uri: str, others: tuple[str, ...]) -> str:
        return "it is kept here" if {self.relative_path(other) for other in others} & self.kept else ""

    def look(self, uri: str) -> object:
        return self.disk.get(self.relative_path(uri), "as ever")

    def holds(self, uri: str, text: str) -> bool:
        return self.relative_path(uri) not in self.lost

    async def window(self, uri: str) -> Window:
        return ROOM


def document(text: str = TEXT, uri: str = URI) -> tuple[Snapshot, Position]:
    lines = text.split("\n")
    return Document(uri, "python", 1, text + "\n").snapshot(), Position(len(lines) - 1, len(lines[-1]))


def passage(path: str, text: str = SIMILAR) -> Passage:
    return Passage(path, "python", 0, text.count("\n"), text)


def place(text: str = TEXT, path: str = "app.py", lines: tuple[str, ...] = ()) -> Place:
    return Place(path, "python", text, "\n", 100, 130, lines)


IMPORTED = (Import("app.py", "shop", "price", "", 0),)
CANDIDATES = [
    ("similar", Index(passages=(passage("other.py"),)), place(), [("other.py", "similar")]),
    ("not alike", Index(passages=(passage("other.py", "nothing = 1\n"),)), place(), []),
    ("the file itself", Index(passages=(passage("app.py"),)), place(), []),
    (
        "imported",
        Index((definition("price", "shop.py"), definition("price", "else.py")), IMPORTED),
        place(),
        [("shop.py", "definition")],
    ),
    ("the only one", Index((definition("price", "shop.py"),)), place(), [("shop.py", "definition")]),
    ("by chance", Index((definition("price", "a.py"), definition("price", "b.py"))), place(), []),
    ("another name", Index((definition("cost", "shop.py"),)), place(), []),
    ("test", Index((definition("cost", "tests.py"),), beside=("tests.py",)), place(), [("tests.py", "sibling")]),
    ("top", Index(), place(lines=("import os\n",)), [("app.py", "definition")]),
    ("out of sight", Index((definition("cost", "app.py"),)), place(), [("app.py", "definition")]),
    ("nothing written yet", Index(passages=(passage("other.py"),)), place(""), []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("index", "at", "found"), [row[1:] for row in CANDIDATES], ids=[row[0] for row in CANDIDATES]
)
def test_what_may_help_is_found(index: Index, at: Place, found: list[tuple[str, str]]) -> None:
    """Where it comes from, and why it is a candidate."""
    assert [(chunk.path, chunk.source) for chunk in candidates(index, at)] == found


def test_a_class_comes_with_the_signatures_of_its_members() -> None:
    """What can be called on it is what will be written next."""
    members = (definition("pay", "shop.py", "def pay(self):", "Shop"), definition("lone", "shop.py"))
    index = Index((definition("Shop", "shop.py", "class Shop:", kind="class"), *members))
    (chunk,) = candidates(index, place("Shop"))
    assert chunk.text == "class Shop:\n    def pay(self):"


def test_nothing_of_the_hole_is_a_candidate() -> None:
    """The index may know the lines that are being written anew."""
    shown = Definition("app.py", "python", "price", "function", "", "def price():", 100, 101)
    assert candidates(Index((shown,)), place()) == []


FILLER = tuple(f"filler_{number} = {number}\n" for number in range(40))
ALIKE = tuple(SIMILAR.splitlines(keepends=True))


def test_the_file_itself_is_looked_through_out_of_sight() -> None:
    """Above and below what the prompt shows, whatever the index says of the file; never within."""
    shown = ("    total = price(customer)\n",) * 31
    above, below = (*FILLER, *ALIKE, *FILLER, *FILLER)[:100], (*FILLER, *ALIKE)
    found = candidates(Index(passages=(passage("app.py"),)), place(lines=(*above, *shown, *below)))
    similar = [chunk for chunk in found if chunk.source == "similar"]
    assert [chunk.path for chunk in similar] == ["app.py"] * 2
    assert all(SIMILAR in chunk.text for chunk in similar)
    assert not any(shown[0] * 2 in chunk.text for chunk in similar)


@pytest.mark.parametrize(
    "line", ["AWS_SECRET_ACCESS_KEY = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYq3e9d2X0aB'\n", "x" * 200_000 + "\n"]
)
def test_a_file_with_a_secret_or_without_end_is_not_looked_through(line: str) -> None:
    """A place may hold half of a secret; and somebody waits."""
    at = place(lines=(*FILLER, *ALIKE, line, *FILLER))
    assert [chunk for chunk in candidates(Index(), at) if chunk.source == "similar"] == []


@pytest.mark.parametrize("more", range(1, 6))
def test_what_is_typed_moves_nothing_else_of_the_file(more: int) -> None:
    """Lines above are counted from the beginning of the file and those below from its end, so the prompt stays."""
    lines = (*FILLER, *ALIKE, *FILLER, *FILLER, *FILLER, *ALIKE)
    longer = replace(
        place(), last_line=130 + more, lines=(*lines[:125], *("typed = 1\n",) * more, *lines[125:])
    )
    before = candidates(Index(), place(lines=lines))
    assert [chunk.key for chunk in candidates(Index(), longer)] == [chunk.key for chunk in before]
    assert len(before) == 2


def test_what_is_hardly_alike_is_left_out() -> None:
    """A threshold, since a model follows what it is shown."""
    found = candidates(Index(passages=(passage("other.py"),)), place())
    assert all(chunk.score >= LEAST_ALIKE for chunk in found)


async def test_a_completion_shows_what_was_gathered() -> None:
    """Chunks with their source, and for the receipt every file and why it is there."""
    gatherer = Gatherer(Files(Index(passages=(passage("other.py"),))), lambda _uri: None)
    snapshot, position = document()
    around = await gatherer.gather(snapshot, position)
    assert gatherer.around(URI).chunks == ()
    gatherer.adopt(URI)
    assert gatherer.around(URI) == around
    assert [(chunk.path, chunk.source) for chunk in around.chunks] == [("other.py", "similar")]
    assert [(file.uri, file.bytes, file.why) for file in around.files] == [
        ("file:///w/other.py", len(SIMILAR), "similar")
    ]


async def test_room_that_is_not_used_goes_to_the_file() -> None:
    """A window holds the chunks that there are, and more of the file in place of those that there are not."""
    snapshot, position = document()
    alone = await Gatherer(Files(Index()), lambda _uri: None).gather(snapshot, position)
    beside = await Gatherer(Files(Index(passages=(passage("o.py"),))), lambda _uri: None).gather(
        snapshot, position
    )
    assert alone.window is not None
    assert beside.window is not None
    assert (alone.window.chunk_chars, beside.window.chunk_chars) == (0, len(SIMILAR))
    assert alone.window.prefix_chars > beside.window.prefix_chars > ROOM.prefix_chars


SECRET = 'send_receipt(customer, key="AKIAIOSFODNN7EXAMPLE", total=price(customer))\n'


@pytest.mark.parametrize(
    ("text", "kept"),
    [(SIMILAR, {"other.py"}), (SECRET.replace("EXAMPLE", "QW3RTYU"), set())],
    ids=["policy", "secret"],
)
async def test_what_may_not_go_along_is_left_out(text: str, kept: set[str]) -> None:
    """A file that would change the route, and text with a secret in it."""
    gatherer = Gatherer(Files(Index(passages=(passage("other.py", text),)), kept), lambda _uri: None)
    around = await gatherer.gather(*document())
    reason = "it is kept here" if kept else "there is a secret in what would help of it"
    assert (around.chunks, around.left_out) == ((), (LeftOut("other.py", reason),))


async def test_what_may_no_longer_go_along_is_taken_out() -> None:
    """Settings can change between two moments of rest, and a choice that stays is judged again."""
    files = Files(Index(passages=(passage("other.py"),)))
    gatherer = Gatherer(files, lambda _uri: None)
    assert (await gatherer.gather(*document())).chunks
    gatherer.adopt(URI)
    files.kept.add("other.py")
    assert (await gatherer.gather(*document())).chunks == ()


async def gathered(files: Files, documents: dict[str, Snapshot] | None = None) -> Gatherer:
    gatherer = Gatherer(files, (documents if documents is not None else {}).get)
    assert (await gatherer.gather(*document())).chunks
    gatherer.adopt(URI)
    return gatherer


async def test_a_completion_shows_files_only_as_they_are_now() -> None:
    """The very next one shows nothing of a file that was written, moved or deleted, and what stays keeps its order."""
    for now in ("another", None):
        files = Files(Index((definition("price", "shop.py"),), IMPORTED, (passage("other.py"),)))
        gatherer = await gathered(files)
        whole = await gatherer.current("inline", URI)
        assert [chunk.path for chunk in whole.chunks] == ["other.py", "shop.py"]
        files.disk["other.py"] = now
        left = await gatherer.current("inline", URI)
        assert [(chunk.path, file.uri) for chunk, file in zip(left.chunks, left.files, strict=True)] == [
            ("shop.py", "file:///w/shop.py")
        ]
        assert left.window == whole.window
        files.disk.clear()
        assert await gatherer.current("inline", URI) == left == gatherer.around(URI)


async def test_a_completion_shows_documents_only_as_they_are_now() -> None:
    """An edit in the other document counts before it is saved, and so does that it was opened or closed."""
    other = "file:///w/other.py"
    saved, edited = (Document(other, "python", version, SIMILAR).snapshot() for version in (1, 2))
    for before, after in ((saved, edited), (saved, None), (None, saved)):
        documents = {other: before} if before else {}
        gatherer = await gathered(Files(Index(passages=(passage("other.py"),))), documents)
        assert (await gatherer.current("inline", URI)).chunks
        documents.pop(other, None)
        documents.update({other: after} if after else {})
        assert (await gatherer.current("inline", URI)).chunks == ()


async def test_a_completion_goes_on_without_what_was_closed_to_it() -> None:
    """Settings that came to keep a file away silence nobody, and it is back when they let go of it."""
    files = Files(Index(passages=(passage("other.py"),)))
    gatherer = await gathered(files)
    files.kept.add("other.py")
    closed = await gatherer.current("inline", URI)
    assert (closed.chunks, closed.files) == ((), ())
    assert closed.left_out == (LeftOut("other.py", "it is kept here"),)
    files.kept.clear()
    assert (await gatherer.current("inline", URI)).chunks


async def test_what_the_index_has_yet_to_learn_is_not_gathered() -> None:
    """It hears of a change a little later, and lines that were deleted may be what must not be seen any more."""
    files = Files(Index(passages=(passage("other.py"),)), lost={"other.py"})
    assert (await Gatherer(files, lambda _uri: None).gather(*document())).chunks == ()
    other = "file:///w/other.py"
    emptied = {other: Document(other, "python", 1, "").snapshot()}
    files.lost.clear()
    assert (await Gatherer(files, emptied.get).gather(*document())).chunks == ()


async def test_a_document_that_came_to_be_kept_out_is_let_go_of() -> None:
    """An editor that has a file open has it open also once an ignore file names it."""
    other = "file:///w/other.py"
    files = Files(Index(passages=(passage("other.py"),)))
    gatherer = await gathered(files, {other: Document(other, "python", 1, SIMILAR).snapshot()})
    assert (await gatherer.current("inline", URI)).chunks
    files.disk["other.py"] = False
    assert (await gatherer.current("inline", URI)).chunks == ()


async def test_what_a_file_says_of_itself_stays_while_it_is_typed_in() -> None:
    """The model has read it, and the request has the file anyway."""
    files = Files(Index((definition("cost", "app.py"),)), lost={"app.py"})
    gatherer = Gatherer(files, lambda _uri: None)
    await gatherer.gather(*document("x = 1\n" * 1000 + TEXT))
    gatherer.adopt(URI)
    files.disk["app.py"] = "another"
    assert [chunk.path for chunk in (await gatherer.current("inline", URI)).chunks] == ["app.py"]


async def test_nothing_to_ask_is_no_failure() -> None:
    """Without an index there may still be places where the user was."""
    gatherer = Gatherer(Files(None), lambda _uri: None)
    assert (await gatherer.gather(*document())).chunks == ()


async def test_a_failure_keeps_what_was_there(caplog: pytest.LogCaptureFixture) -> None:
    """Context is a gain, and never the end of a completion."""
    files = Files(Index(passages=(passage("other.py"),)))
    gatherer = Gatherer(files, lambda _uri: None)
    before = await gatherer.gather(*document())
    gatherer.adopt(URI)
    files.index = 3  # type: ignore[assignment]
    assert await gatherer.gather(*document()) == before
    assert "nothing was gathered" in caplog.text


async def test_a_closed_document_leaves_nothing() -> None:
    """Neither what it showed nor the places in it."""
    gatherer = Gatherer(Files(Index(passages=(passage("other.py"),))), lambda _uri: None)
    for closed in (False, True):
        await gatherer.gather(*document())
        if closed:
            gatherer.forget(URI)
        gatherer.adopt(URI)
        assert bool(gatherer.around(URI).chunks) is not closed


async def test_where_the_user_was_comes_along() -> None:
    """The lines around a change in another open document."""
    other = "file:///w/other.py"
    open_documents = {other: Document(other, "python", 2, SIMILAR).snapshot()}
    gatherer = Gatherer(Files(None), open_documents.get)
    gatherer.touch(other, 1, Position(0, 0))
    gatherer.touch(other, 2, Position(1, 4))
    around = await gatherer.gather(*document())
    assert [(chunk.path, chunk.source, chunk.text) for chunk in around.chunks] == [
        ("other.py", "recent", SIMILAR)
    ]


async def test_documents_of_other_folders_stay_out() -> None:
    """Their paths mean other files here, under other rules."""
    far = "file:///elsewhere/other.py"
    gatherer = Gatherer(Files(None), {far: Document(far, "python", 1, SIMILAR).snapshot()}.get)
    gatherer.touch(far, 1, Position(1, 4))
    assert (await gatherer.gather(*document())).chunks == ()


@pytest.mark.parametrize(
    "more", [SECRET.replace("EXAMPLE", "QW3RTYU"), "x = 1\n" * 20_000], ids=["secret", "long"]
)
async def test_a_document_with_a_secret_anywhere_is_left_out(more: str) -> None:
    """Also where the lines that would be shown hold none, and where it is too long to be sure."""
    other = "file:///w/other.py"
    documents = {other: Document(other, "python", 1, SIMILAR + "\n" * 30 + more)}
    gatherer = Gatherer(Files(None), lambda uri: documents[uri].snapshot() if uri in documents else None)
    gatherer.touch(other, 1, Position(1, 4))
    assert (await gatherer.gather(*document())).chunks == ()
    documents[other].replace_all(SIMILAR, 2)
    assert (await gatherer.gather(*document())).chunks != ()


async def test_gathering_is_broken_off_when_somebody_types() -> None:
    """A cancelled task ends, and what was there stays."""
    gatherer = Gatherer(Files(Index()), lambda _uri: None)
    task = asyncio.create_task(gatherer.gather(*document()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gatherer.around(URI).chunks == ()


def test_places_are_few_and_newest_first() -> None:
    """A day of editing takes no more memory than an hour."""
    recents = Recents()
    for number in range(3 * MAX_PLACES):
        recents.touch(f"file:///w/{number}", 1, 0)
    traces = recents.traces(but="file:///w/0")
    assert len(traces) == MAX_PLACES
    assert traces[0].uri.endswith(f"/{3 * MAX_PLACES - 1}")


def test_a_change_is_told_from_a_look() -> None:
    """Another version is a change, and a place that was changed stays one."""
    recents = Recents()
    recents.touch("a", 1, 5)
    assert [trace.edited for trace in recents.traces("")] == [False]
    recents.touch("a", 2, 5)
    recents.touch("a", 2, 6)
    recents.touch("b", 1, 0)
    assert [(trace.uri, trace.edited) for trace in recents.traces("")] == [("b", False), ("a", True)]
    recents.forget("a")
    assert [trace.uri for trace in recents.traces("")] == ["b"]
