"""The lines of instructions that sound as if they forbade a change, and of which no rule was made.

Invariant: nothing is held to because of what is found here; it is told to the user, who can name the path.
"""

import re
from collections.abc import Collection

from turnout.core.outline import outlined

_MOST_READ = 1_000
"""Characters of a line that are looked through."""

_NOT = r"(?:never|(?:do|must|should|may|shall|can) not|cannot|shalt not|(?:don|mustn|shouldn|can)'t)"
_DOES = r"(?:touch|edit|modify|change|alter|update|overwrite|rename|move|delete|remove|write to)"
_TOUCH = r"(?:touch|edit|modify|change|alter)"
_TOUCH_STEM = r"(?:touch|edit|modif|chang|alter|updat|delet|renam)"
_TOUCHED = r"(?:touched|edited|modified|changed|altered|renamed|deleted)"
_CHANGES = r"(?:changes|edits|modifications)"
_FOLDER = r"(?:folder|directory)"
_PLACE = r"(?:`[^`\s]*/[^`\s]*`|`[\w.-]*\.\w{1,6}`|[\w.-]+/)"

SOUNDS = {
    "never edit X": rf"\b(?:{_NOT}|not (?:allowed|permitted|supposed) to)\b(?:\W+\w+){{0,3}}?\W+{_DOES}\b",
    "you may read but not edit X": rf"\bbut not {_TOUCH}\b",
    "try not to edit X": rf"\bnot to {_TOUCH}\b",
    "I don't want you to edit X": rf"\bdon't want\b.{{1,40}}\b{_TOUCH}\b",
    "leave X alone": r"\b(?:leave|keep)\b.{1,80}\b(?:alone|unchanged|untouched|intact|as[ -]is)\b",
    "preserve X": rf"\b(?:preserve|leave) {_PLACE}",
    "avoid editing X": r"(?<!to )\b(?:avoid|refrain from)\s+(?:any |making )?"
    r"(?:touch|edit|modif|chang|alter|updat|overwrit|renam|delet)\w*",
    "X must not be edited": rf"\b(?:must|should|may|can|shall|is|are) (?:not|never) (?:to )?be {_TOUCHED}"
    rf"|\b(?:cannot|can't|mustn't|shouldn't) be {_TOUCHED}",
    "X is off limits": r"\b(?:off[ -]limits|out[ -]of[ -]bounds|hands off|(?:stay|keep) out of)\b",
    "stay away from X": rf"\b(?:stay|keep) away from (?:the )?{_PLACE}",
    "X is frozen": rf"{_PLACE}.{{0,30}}\b(?:is|are) (?:frozen|immutable|protected|sacred|out of scope)\b",
    "no X: `a/`": rf"^\W*[\u274c\u26d4\U0001f6ab\U0001f512]\W*{_PLACE}",
    "protected: X": rf"^\W*(?:forbidden|prohibited|protected|frozen|read[ -]only)\W*:\W*{_PLACE}",
    "it is forbidden to edit X": rf"\b(?:forbidden|prohibited) to {_TOUCH}\b",
    "under no circumstances edit X": r"\b(?:under no circumstances?|in no case|at no time|by no means|on no account)\b"
    rf".{{1,40}}?\b{_TOUCH_STEM}",
    "treat X as read-only": r"\b(?:treat|consider)\b.{1,80}\bas (?:read[ -]only|immutable|frozen)\b",
    "no changes to X": rf"^\W*(?:absolutely )?no (?:direct |manual )?{_CHANGES} (?:to|in|under|inside|outside)\b",
    "X: no changes": rf"[`/]\W{{1,6}}no {_CHANGES}\b",
    "nothing in X may be edited": r"^\W*nothing (?:under|in|inside|outside|within|below|but|except)\b.{1,80}"
    r"\b(?:may|must|should) (?:ever )?be (?:touch|edit|modifi|chang|alter)ed",
    "nobody edits X": rf"\b(?:nobody|no one)\b.{{1,20}}\b{_TOUCH}s?\b",
    "only edit files in X": r"\bonly (?:ever |(?:allowed|permitted) to )?(?:touch|edit|modify|change|write to) "
    rf"(?:the |any )?(?:files?|code|folders?|director\w+|`|\S+/|[\w.-]+ {_FOLDER})",
    "edit only files in X": r"\b(?:touch|edit|modify|change) (?:files |code )?only (?:files |code )?"
    r"(?:in|under|inside|within|`|\S+/)",
    "edit nothing but X": rf"\b{_TOUCH} nothing (?:but|except)\b",
    "work only in X": rf"\b(?:work|{_CHANGES}) (?:only|exclusively) (?:in|under|inside|within) (?:the )?{_PLACE}",
    "limit changes to X": rf"\b(?:limit|restrict|confine)(?:ed)?\b.{{0,40}}?\bto (?:the )?{_PLACE}",
    "only X may be edited": rf"^\W*only\b.{{1,60}}\b(?:may|can|should|must) be {_TOUCHED}",
    "changes to X are forbidden": rf"\b(?:{_CHANGES}|modification) (?:to|of|in|under|outside)\b.{{1,80}}"
    r"\b(?:forbidden|prohibited|not (?:allowed|permitted)|(?:must|may|should) only"
    r"|will be (?:rejected|reverted|overwritten|lost))",
    "exclude X from changes": rf"\bfrom (?:any |all )?{_CHANGES}\b",
    "editing X is forbidden": r"\b(?:touch|edit|modify|chang|alter|updat|delet|renam)ing\b.{1,80}"
    r"\b(?:forbidden|prohibited|not allowed|not permitted)\b",
    "do not reformat X": rf"\b{_NOT}\s+(?:\w+\s+)?(?:reformat|format|rewrite|refactor|replace|regenerate|bump|adjust"
    rf"|mutate|tamper with|mess with|fiddle with|commit {_CHANGES} to)\s+(?:the )?{_PLACE}",
    "do not create files in X": rf"\b{_NOT}\s+(?:add|create|write|put|place)\s+(?:\w+\s+){{1,3}}"
    rf"(?:to|in|into|under)\s+{_PLACE}",
    "X nicht ändern": r"\bnicht\s+(?:von hand\s+|manuell\s+|direkt\s+)?(?:ge|ver)?(?:ändert?|ändern|bearbeite[nt]"
    r"|editier(?:en|t)|anfassen|angefasst|modifizier(?:en|t)|berühr(?:en|t))\b"
    r"|\bfinger weg\b|\b(?:niemals|nie)\b.{1,60}\b(?:ändern|bearbeiten|editieren|anfassen)\b",
    "no modificar X": r"\b(?:no|nunca|jamás)\s+(?:se\s+)?(?:debes?\s+|deben\s+)?(?:modifi(?:car|ques|que|quen)"
    r"|edit(?:ar|es|e|en)|toc(?:ar|as)|toques?|cambi(?:ar|es|e|en))(?:se)?\b",
    "ne pas modifier X": r"\bne\s+(?:\w+\s+)?(?:pas|jamais)\s+(?:être\s+)?(?:modifi|édit|touch|chang)"
    r"|\bne\s+(?:modifi|édit|touch|chang)\w+\s+(?:pas|jamais)\b",
}  # fmt: skip
"""What sounds like a prohibition, by an example; one that is not understood has a row here until it is."""

_SOUNDS = re.compile("|".join(SOUNDS.values()), re.IGNORECASE)


def unheld(text: str, held: Collection[int]) -> tuple[int, ...]:
    """The lines (from 1) of instructions that seem to forbid something, where none of the lines `held` says what.

    A heading and a line that ends in a colon speak of what is below them, up to the next heading.
    """
    found: list[int] = []
    pending = 0
    for number, line, fenced in outlined(text):
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
