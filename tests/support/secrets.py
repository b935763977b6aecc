"""Secrets that are none, of every form that is looked for; put together here, so that no scanner takes them for real.

`MADE` is chance with a fixed beginning: letters and digits that no example and no word would have.
"""

import base64
import random

_CHANCE = random.Random(20)
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"


def made(length: int, alphabet: str = _LETTERS + "23456789") -> str:
    """Characters by chance; every ninth is a digit where the alphabet has any."""
    digits = [c for c in alphabet if c.isdigit()] or list(alphabet)
    return "".join(_CHANCE.choice(digits if place % 9 == 4 else list(alphabet)) for place in range(length))


def lines_of_base64(count: int) -> list[str]:
    """Whole lines of a PEM block."""
    return [base64.b64encode(_CHANCE.randbytes(48)).decode() for _ in range(count)]


def pem(name: str, count: int = 6, ends: str = "\n", headers: str = "") -> tuple[str, list[str]]:
    """A private key and its lines."""
    lines = [*lines_of_base64(count), base64.b64encode(_CHANCE.randbytes(22)).decode()]
    mark = f"{name} PRIVATE KEY".strip()
    begin, end = f"-----BEGIN {mark}-----", f"-----END {mark}-----"
    return ends.join([begin, *([headers + ends] if headers else []), *lines, end]) + ends, lines


HEX = "0123456789abcdef"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

TOKENS: dict[str, str] = {
    "AWS key": "AKIA" + made(16, UPPER),
    "AWS temporary key": "ASIA" + made(16, UPPER),
    "Google key": "AIza" + made(35),
    "Google secret": "GOCSPX-" + made(28),
    "Google token": "ya29." + made(60),
    "GitHub": "ghp_" + made(36),
    "GitHub app": "ghs_" + made(36),
    "GitHub fine-grained": "github_pat_" + made(22) + "_" + made(59),
    "GitLab": "glpat-" + made(20),
    "GitLab runner": "glrt-" + made(20),
    "Slack bot": f"xoxb-{made(12, '123456789')}-{made(13, '123456789')}-{made(24)}",
    "Slack app": f"xapp-1-A{made(10, UPPER)}-{made(13, '123456789')}-{made(64, HEX)}",
    "Stripe": "sk_live_" + made(24),
    "Stripe restricted": "rk_test_" + made(24),
    "Stripe webhook": "whsec_" + made(32),
    "Anthropic": "sk-ant-api03-" + made(93) + "AA",
    "OpenRouter": "sk-or-v1-" + made(64, HEX),
    "OpenAI project": "sk-proj-" + made(48) + "T3BlbkFJ" + made(48),
    "OpenAI": "sk-" + made(48),
    "npm": "npm_" + made(36),
    "PyPI": "pypi-AgEIcHlwaS5vcmc" + made(120),
    "Hugging Face": "hf_" + made(34),
    "SendGrid": f"SG.{made(22)}.{made(43)}",
    "Shopify": "shpat_" + made(32, HEX),
    "DigitalOcean": "dop_v1_" + made(64, HEX),
    "Databricks": "dapi" + made(32, HEX),
    "Docker": "dckr_pat_" + made(27),
    "Vault": "hvs." + made(90),
    "Groq": "gsk_" + made(52),
    "age": "AGE-SECRET-KEY-1" + made(58, UPPER),
    "Azure client secret": made(3) + "8Q~" + made(34),
    "Perplexity": "pplx-" + made(48),
    "Discord": f"MTk4{made(20)}.G{made(5)}.{made(38)}",
    "Linear": "lin_api_" + made(40),
    "New Relic": "NRAK-" + made(27, UPPER),
    "New Relic licence": made(36, HEX) + "NRAL",
    "Postman": f"PMAK-{made(24, HEX)}-{made(34, HEX)}",
    "Supabase": "sbp_" + made(40, HEX),
    "Supabase secret": "sb_secret_" + made(31),
    "Notion": "ntn_" + made(46),
    "Notion of old": "secret_" + made(43),
    "Square": "EAAA" + made(60),
    "Square of old": "sq0atp-" + made(22),
    "Mailgun": "key-" + made(32, HEX),
    "JWT": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI{made(30)}.{made(43)}",
}
"""One token of every form, by what it is for."""
