"""The index of the folder, and whether there can be one."""

from collections.abc import Iterator

from turnout.doctor.findings import Case, Finding
from turnout.index import RepositoryIndex, Spec, database_of, has_full_text


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
    kept = RepositoryIndex(Spec(case.folder, database_of(case.folder)))
    summary = kept.summary()
    kept.close()
    files = sum(summary.files.values())
    facts = {"enabled": True, "path": summary.database, "bytes": summary.bytes, "files": files}
    if not files:
        text = "The folder is not indexed yet; an editor that opens it does so, and so does `turnout index`."
    else:
        text = f"{files:,} files and {summary.definitions:,} definitions, {summary.bytes / 1e6:,.1f} MB"
    yield Finding("index", "ok", text, facts=facts)
