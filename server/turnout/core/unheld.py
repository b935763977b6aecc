"""The lines of instructions that sound as if they forbade a change, and of which no rule was made.

Invariant: nothing is held to because of what is found here; it is told to the user, who can name the path.
"""

import re
from collections.abc import Collection

_MOST_READ = 1_000
"""Characters of a line that are looked through."""

_DOES = r"(?:touch|edit|modify|change|alter|update|overwrite|rename|move|delete|remove|write to)"
_TOUCH = r"(?:touch|edit|modify|change|alter)"
_TOUCH_STEM = r"(?:touch|edit|modif|chang|alter|updat|delet|renam)"
_FOLDER = r"(?:folder|directory)"

SOUNDS = {
    "never edit X": r"\b(?:never|(?:do|must|should|may) not|(?:don|mustn|shouldn)'t"
    rf"|not (?:allowed|permitted|supposed) to)\b(?:\W+\w+){{0,3}}?\W+{_DOES}\b",
    "leave X alone": r"\b(?:leave|keep)\b.{1,80}\b(?:alone|unchanged|untouched|intact|as[ -]is)\b",
    "avoid editing X": r"(?<!to )\b(?:avoid|refrain from)\s+(?:any |making )?"
    r"(?:touch|edit|modif|chang|alter|updat|overwrit|renam|delet)\w*",
    "X must not be edited": r"\b(?:must|should|may|is|are) (?:not|never) (?:to )?be "
    r"(?:touched|edited|modified|changed|altered|renamed|deleted)",
    "X is off limits": r"\b(?:off[ -]limits|hands off|stay out of)\b",
    "it is forbidden to edit X": rf"\b(?:forbidden|prohibited) to {_TOUCH}\b",
    "under no circumstances edit X": rf"\bunder no circumstances\b.{{1,40}}?\b{_TOUCH_STEM}",
    "treat X as read-only": r"\b(?:treat|consider)\b.{1,80}\bas (?:read[ -]only|immutable)\b",
    "no changes to X": r"^\W*no (?:direct |manual )?(?:changes|edits|modifications) (?:to|in|under|inside|outside)\b",
    "nothing in X may be edited": r"^\W*nothing (?:under|in|inside|outside|within|below|but|except)\b.{1,80}"
    r"\b(?:may|must|should) (?:ever )?be (?:touch|edit|modifi|chang|alter)ed",
    "only edit files in X": r"\bonly (?:touch|edit|modify|change|write to) (?:the |any )?"
    rf"(?:files?|code|folders?|director\w+|`|\S+/|[\w.-]+ {_FOLDER})",
    "edit only files in X": r"\b(?:touch|edit|modify|change) (?:files |code )?only (?:files |code )?"
    r"(?:in|under|inside|within|`|\S+/)",
    "editing X is forbidden": r"\b(?:touch|edit|modify|chang|alter|updat|delet|renam)ing\b.{1,80}"
    r"\b(?:forbidden|prohibited|not allowed)\b",
}
"""What sounds like a prohibition, by an example; one that is not understood has a row here until it is."""

_SOUNDS = re.compile("|".join(SOUNDS.values()), re.IGNORECASE)


def unheld(text: str, held: Collection[int]) -> tuple[int, ...]:
    """The lines (from 1) of instructions that seem to forbid something, where none of the lines `held` says what.

    A heading and a line that ends in a colon speak of what is below them, up to the next heading.
    """
    found: list[int] = []
    pending = 0
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        if number in held:
            pending = 0
        is_heading = line.startswith("#") and not fenced
        if pending and is_heading:
            found.append(pending)
            pending = 0
        if fenced or number in held or not _SOUNDS.search(line.replace("\u2019", "'")[:_MOST_READ]):
            continue
        if is_heading or line.rstrip("*_ ").endswith(":"):
            pending = pending or number
        else:
            found.append(number)
    return tuple(sorted({*found, *([pending] if pending else ())}))
