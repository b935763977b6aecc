"""A model's own chat template (Jinja, from its directory), filled in a sandbox: it came with downloaded weights.

Invariant: a template can read the messages and nothing else.
"""

import json
from pathlib import Path
from typing import Any, NoReturn

from turnout.worker.engines.base import EngineError

_FILES = ("chat_template.jinja", "chat_template.json", "tokenizer_config.json")


def fill(folder: Path, messages: list[dict[str, str]]) -> str:
    """The prompt for `messages`, up to where the answer begins; raises EngineError where there is no template."""
    source = _template(folder)
    if source is None:
        raise EngineError(
            f"The model in {folder} has no chat template, so it can only complete. "
            "For rewrites and chats choose an instruct model."
        )
    import jinja2
    import jinja2.sandbox

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    try:
        filled = environment.from_string(source).render(
            messages=messages, add_generation_prompt=True, tools=None, **_names(folder)
        )
    except jinja2.TemplateError as exc:
        raise EngineError(f"The chat template of the model in {folder} does not work: {exc}.") from exc
    return str(filled)


def _template(folder: Path) -> str | None:
    for name in _FILES:
        path = folder / name
        if not path.is_file():
            continue
        if path.suffix == ".jinja":
            return path.read_text("utf-8")
        found = _loaded(path).get("chat_template")
        if isinstance(found, list):  # several by name: tools, retrieval; the usual one is called default
            found = next((each.get("template") for each in found if each.get("name") == "default"), None)
        if isinstance(found, str):
            return found
    return None


def _names(folder: Path) -> dict[str, str]:
    """The tokens that templates call by their role."""
    config = _loaded(folder / "tokenizer_config.json")
    names = {}
    for role in ("bos_token", "eos_token", "pad_token", "unk_token"):
        value = config.get(role)
        names[role] = str(value.get("content", "")) if isinstance(value, dict) else str(value or "")
    return names


def _loaded(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise EngineError(f"{path} cannot be read: {exc}.") from exc
    return found if isinstance(found, dict) else {}


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> NoReturn:
    import jinja2

    raise jinja2.TemplateError(message)
