"""Keys and tokens that are known by their form, as a table.

Invariant: each form begins at one of its literals, so that a text is searched for those and not for expressions;
an expression takes the whole token, and is bounded where it may begin again inside of one, so that the work grows as
the text does.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Span = tuple[int, int]

LOOKS_A_TURN = 64
"""Places looked at before others have a turn."""
_WINDOW = 50_000
"""Characters searched before others have a turn."""

_WORD = r"A-Za-z0-9_"


@dataclass(frozen=True, slots=True)
class Form:
    """Tokens of one kind: what they begin with, and the expression of a whole one from there.

    Where `group` is set, only that part of a match is the secret.
    """

    kind: str
    literals: tuple[str, ...]
    expression: re.Pattern[str]
    group: str = ""
    ahead: int = 0
    """Characters of a token that stand in front of its literal."""
    inside_words: bool = False
    """Whether the literal may follow a letter or digit: it is not the beginning of a token then."""


def _form(
    kind: str, literals: str, expression: str, *, group: str = "", ahead: int = 0, inside_words: bool = False
) -> Form:
    return Form(kind, tuple(literals.split()), re.compile(expression), group, ahead, inside_words)


AUTHORIZATION = "authorization header"

FORMS: tuple[Form, ...] = (
    _form("AWS key", "AKIA ASIA ABIA ACCA", r"A[KSBC][IC]A[A-Z2-7]{16}(?![A-Z0-9])"),
    _form("Google key", "AIza", rf"AIza[{_WORD}-]{{35}}(?![{_WORD}-])"),
    _form("Google key", "GOCSPX-", rf"GOCSPX-[{_WORD}-]{{28}}(?![{_WORD}-])"),
    _form("Google token", "ya29.", rf"ya29\.[{_WORD}-]{{30,}}"),
    _form("Azure key", "AccountKey= AccessKey=", r"A(?:ccount|ccess)Key=(?P<value>[A-Za-z0-9+/]{40,90}={0,2})",
          group="value", inside_words=True),
    _form("Azure signature", "sig=", r"sig=(?P<value>[A-Za-z0-9%+/]{42,80}(?:%3[Dd]|=))",
          group="value", inside_words=True),
    _form("Azure client secret", "8Q~ 7Q~", rf"[{_WORD}.~-]{{3}}[78]Q~[{_WORD}.~-]{{31,34}}(?![{_WORD}.~-])",
          ahead=3, inside_words=True),
    _form("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36,255}(?![A-Za-z0-9])"),
    _form("GitHub token", "github_pat_", rf"github_pat_[{_WORD}]{{22,255}}"),
    _form("GitLab token", "gl",
          rf"gl(?:pat|rt|dt|cbt|ptt|soat|imt)-[{_WORD}.-]{{20,300}}"),
    _form("Slack token", "xox", r"xox[abeoprs]-[A-Za-z0-9.-]{20,300}"),
    _form("Slack token", "xapp-", r"xapp-\d-[A-Za-z0-9-]{20,300}"),
    _form("Slack webhook", "hooks.slack.com/services/",
          r"hooks\.slack\.com/services/(?P<value>T\w+/B\w+/\w{16,})", group="value", inside_words=True),
    _form("Stripe key", "sk_live_ sk_test_ rk_live_ rk_test_", r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}"),
    _form("Stripe key", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,}"),
    _form("Anthropic key", "sk-ant-", rf"sk-ant-[{_WORD}-]{{24,300}}"),
    _form("OpenRouter key", "sk-or-v1-", r"sk-or-v1-[0-9a-f]{64}"),
    _form("OpenAI key", "sk-",
          rf"sk-(?:proj|svcacct|admin|None)-[{_WORD}-]{{32,300}}"),
    _form("OpenAI key", "sk-", r"sk-[A-Za-z0-9]{32,64}(?![A-Za-z0-9_-])"),
    _form("npm token", "npm_", r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9_])"),
    _form("PyPI token", "pypi-AgE", rf"pypi-AgE[{_WORD}-]{{50,500}}"),
    _form("Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{34,40}(?![A-Za-z0-9_])"),
    _form("SendGrid key", "SG.", rf"SG\.[{_WORD}-]{{22}}\.[{_WORD}-]{{43}}"),
    _form("Shopify token", "shp", r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"),
    _form("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", r"do[opr]_v1_[a-f0-9]{64}"),
    _form("Databricks token", "dapi", r"dapi[a-f0-9]{32}(?:-\d)?(?![A-Za-z0-9])"),
    _form("Docker token", "dckr_", rf"dckr_[po]at_[{_WORD}-]{{20,100}}"),
    _form("Vault token", "hvs. hvb.", rf"hv[sb]\.[{_WORD}-]{{24,300}}"),
    _form("Groq key", "gsk_", r"gsk_[A-Za-z0-9]{52}(?![A-Za-z0-9_])"),
    _form("xAI key", "xai-", r"xai-[A-Za-z0-9]{70,90}(?![A-Za-z0-9_])"),
    _form("Perplexity key", "pplx-", r"pplx-[A-Za-z0-9]{40,64}(?![A-Za-z0-9_])"),
    _form("Discord token", "MD MT Mj Mz ND NT Nj Nz OD OT",
          rf"[MNO][DTjz][{_WORD}-]{{21,26}}\.[{_WORD}-]{{6}}\.[{_WORD}-]{{27,40}}(?![{_WORD}-])"),
    _form("Discord webhook", "/webhooks/",
          rf"/webhooks/\d{{17,20}}/(?P<value>[{_WORD}-]{{60,80}})(?![{_WORD}-])", group="value", inside_words=True),
    _form("Telegram token", ":AA", rf"\d{{8}}:(?P<value>AA[{_WORD}-]{{33}})(?![{_WORD}-])",
          group="value", ahead=8, inside_words=True),
    _form("Linear key", "lin_", r"lin_(?:api|oauth|wh)_[A-Za-z0-9]{32,64}(?![A-Za-z0-9_])"),
    _form("New Relic key", "NRAK-", r"NRAK-[A-Z0-9]{27}(?![A-Z0-9])"),
    _form("New Relic key", "NRII- NRIQ-", rf"NRI[IQ]-[{_WORD}-]{{32}}(?![{_WORD}-])"),
    _form("New Relic key", "NRAL", rf"[a-fA-F0-9]{{36}}NRAL(?![{_WORD}])", ahead=36, inside_words=True),
    _form("Postman key", "PMAK-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}(?![a-f0-9])"),
    _form("Supabase key", "sbp_", r"sbp_(?:v0_)?[a-f0-9]{40}(?![A-Za-z0-9_])"),
    _form("Supabase key", "sb_secret_", rf"sb_secret_[{_WORD}-]{{20,60}}(?![{_WORD}-])"),
    _form("Notion token", "ntn_", r"ntn_[A-Za-z0-9]{40,60}(?![A-Za-z0-9_])"),
    _form("Notion token", "secret_", r"secret_[A-Za-z0-9]{43}(?![A-Za-z0-9_])"),
    _form("Square token", "EAAA", rf"EAAA[{_WORD}-]{{60}}(?![{_WORD}+/=-])"),
    _form("Square token", "sq0", rf"sq0(?:atp-[{_WORD}-]{{22}}|csp-[{_WORD}-]{{43}})(?![{_WORD}-])"),
    _form("Mailgun key", "key-", rf"(?<![{_WORD}.-])key-[a-f0-9]{{32}}(?![A-Za-z0-9_-])"),
    _form("age key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _form("JWT", "eyJ", rf"eyJ[{_WORD}-]{{8,2000}}+\.eyJ[{_WORD}-]{{8,16000}}+\.[{_WORD}-]{{16,16000}}+"),
    _form(AUTHORIZATION, "earer ", rf"earer[ \t]+(?P<value>[{_WORD}.~+/-]{{20,}}=*)", group="value", inside_words=True),
    _form(AUTHORIZATION, "asic ", r"asic[ \t]+(?P<value>[A-Za-z0-9+/]{16,}={0,2})", group="value",
          inside_words=True),
)  # fmt: skip
"""Longer beginnings stand before shorter ones of the same text: what is found first keeps its kind."""

_EXAMPLES = ("EXAMPLE", "example", "xxxxxx", "XXXXXX", "000000000", "1234567890abcdef", "your", "YOUR", "...")
"""What stands in tokens that somebody made up for a page of documentation."""


def matches(form: Form, text: str, joints: frozenset[int] = frozenset()) -> Iterator[Span | None]:
    """Spans of the tokens of one form in `text`; at `joints` a line began, so a token may.

    Yields None now and then between, so that a caller can let others have a turn.
    """
    for literal in form.literals:
        yield from look_at(literal, text, lambda at: _token(form, text, at, at in joints))


def look_at(
    literal: str, text: str, look: Callable[[int], Span | None], a_turn: int = LOOKS_A_TURN
) -> Iterator[Span | None]:
    """What `look` finds at each place where `literal` is in `text`, but for those inside of what it found before.

    Yields None now and then between: after `a_turn` looks, and after so many characters without anything to look at.
    """
    looked = at = 0
    while at < len(text):
        found = text.find(literal, at, at + _WINDOW)
        looked += 1
        if found < 0:
            yield None
            at += _WINDOW - len(literal) + 1
            continue
        if looked % a_turn == 0:
            yield None
        span = look(found)
        if span:
            yield span
        at = max(found + len(literal), span[1] if span else 0)


def _token(form: Form, text: str, at: int, begins_line: bool) -> Span | None:
    """The token whose literal is at `at`."""
    if not (form.inside_words or at == 0 or begins_line) and _continues(text[at - 1]):
        return None
    found = form.expression.match(text, max(0, at - form.ahead))
    if found is None or is_example(found[0]) or not _has_digit_or_case(found[form.group or 0]):
        return None
    return found.span(form.group or 0)


def is_example(token: str) -> bool:
    """Whether a token is plainly made up, or holds the name of a value and not the value."""
    return any(part in token for part in _EXAMPLES)


def _continues(character: str) -> bool:
    return character.isalnum() or character == "_"


def _has_digit_or_case(token: str) -> bool:
    """False for words: a token is made by chance, and chance leaves out neither digits nor all of one case."""
    return any(c.isdigit() for c in token) or not (token.islower() or token.isupper())
