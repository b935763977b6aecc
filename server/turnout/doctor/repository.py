"""The index of the folder, and whether there can be one."""

from collections.abc import Iterator

from turnout.doctor.findings import Case, Finding
from turnout.index import Unusable, database_of, has_full_text, summary


def index(case: Case) -> Iterator[Finding]:
    """What is in the index of the folder."""
    if not case.loaded.settings.index.enabled:
        yield Finding(
            "index", "ok", "The settings switch the index off (`index.enabled`).", facts={"enabled": False}
        )
        return
    if not has_full_text():
        yield Finding(
            "index",
            "problem",
            "This Python's SQLite is built without full-text search (FTS5), so no folder is indexed.",
            "Install Turnout with another build of Python, such as that of python.org, your system or uv.",
        )
        return
    database = database_of(case.folder)
    try:
        found = summary(database)
    except Unusable as unusable:
        yield Finding(
            "index",
            "note",
            f"The repository index cannot be used: {unusable}.",
            "An editor that opens the folder builds it anew, and so does `turnout index`.",
            facts={"enabled": True, "path": str(database)},
        )
        return
    files = sum(found.files.values())
    facts = {"enabled": True, "path": found.database, "bytes": found.bytes, "files": files}
    if not files:
        text = "The folder is not indexed yet; an editor that opens it does so, and so does `turnout index`."
    else:
        text = f"{files:,} files and {found.definitions:,} definitions, {found.bytes / 1e6:,.1f} MB"
    yield Finding("index", "ok", text, facts=facts)
