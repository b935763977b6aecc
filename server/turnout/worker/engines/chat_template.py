"""A model's own chat template (Jinja, from its directory), filled by a process of its own: it came with weights.

Jinja's sandbox keeps a template from everything but the messages, yet not from looping or growing without end. So it
is filled in a process that may use only so much time and memory, and whose answer is read only so far.
Invariant: a template can read the messages and nothing else, and holds up nobody for longer than `TIMEOUT_S`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from turnout.worker.engines.base import EngineError

TIMEOUT_S = 10.0
MOST_SOURCE_CHARS = 1 << 20
MOST_FILLED_CHARS = 4 << 20
_MOST_MEMORY_BYTES = 512 << 20
_KEPT = 256

_FILES = ("chat_template.jinja", "chat_template.json", "tokenizer_config.json")


class ChatTemplate:
    """The template of the model in `folder`.

    What was filled is kept by its messages, as starting a process takes a tenth of a second: engines fill in marks,
    so that all chats of one shape are the same to it.
    """

    def __init__(self, folder: Path, timeout_s: float = TIMEOUT_S) -> None:
        self._folder = folder
        self._timeout_s = timeout_s
        self._filled: dict[str, str] = {}

    def fill(self, messages: list[dict[str, str]]) -> str:
        """The prompt for `messages`, up to where the answer begins; raises EngineError where there is none."""
        key = json.dumps(messages)
        if key not in self._filled:
            if len(self._filled) >= _KEPT:
                self._filled.clear()
            self._filled[key] = self._fill(messages)
        return self._filled[key]

    def _fill(self, messages: list[dict[str, str]]) -> str:
        source = _template(self._folder)
        if source is None:
            raise EngineError(
                f"The model in {self._folder} has no chat template, so it can only complete. "
                "For rewrites and chats choose an instruct model."
            )
        if len(source) > MOST_SOURCE_CHARS:
            raise self._broken(f"it has {len(source)} characters")
        task = {"source": source, "messages": messages, "names": _names(self._folder)}
        answer = self._ask(json.dumps(task).encode())
        if "filled" not in answer:
            raise self._broken(str(answer.get("error", "it said nothing")))
        return str(answer["filled"])

    def _ask(self, task: bytes) -> dict[str, Any]:
        # -P: nothing in the folder that this process lives in may be taken for a module of ours.
        command = [sys.executable, "-P", "-m", __spec__.name]
        try:
            done = subprocess.run(  # noqa: S603 (our own interpreter and module, no shell)
                command, input=task, stdout=subprocess.PIPE, timeout=self._timeout_s, check=False
            )
            answer = json.loads(done.stdout)
        except subprocess.TimeoutExpired as exc:
            raise self._broken(f"it was not filled within {self._timeout_s:g} s") from exc
        except OSError as exc:
            raise self._broken(f"no process can be started for it: {exc}") from exc
        except ValueError as exc:
            raise self._broken(f"its process ended with {done.returncode}") from exc
        return answer if isinstance(answer, dict) else {}

    def _broken(self, why: str) -> EngineError:
        return EngineError(f"The chat template of the model in {self._folder} does not work: {why}.")


def main() -> None:
    """Fill the template that standard input holds, and write what came of it as JSON."""
    task = json.loads(sys.stdin.buffer.read())
    _limit_memory()
    try:
        answer = {"filled": _filled(task["source"], task["messages"], task["names"])}
    except MemoryError:
        answer = {"error": "it takes too much memory"}
    except RecursionError:
        answer = {"error": "it never comes to its end"}
    except Exception as exc:  # the process's boundary: a template may raise anything
        answer = {"error": str(exc)[:500] or type(exc).__name__}
    sys.stdout.write(json.dumps(answer))


def _limit_memory() -> None:
    """Bound what this process may take; Windows has no such limit, and only the time counts there."""
    if sys.platform != "win32":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = _MOST_MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(_MOST_MEMORY_BYTES, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _filled(source: str, messages: list[dict[str, str]], names: dict[str, str]) -> str:
    import jinja2.sandbox

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _refuse
    pieces, length = list[str](), 0
    template = environment.from_string(source)
    for piece in template.generate(messages=messages, add_generation_prompt=True, tools=None, **names):
        pieces.append(piece)
        length += len(piece)
        if length > MOST_FILLED_CHARS:
            raise ValueError(f"it makes more than {MOST_FILLED_CHARS} characters")
    return "".join(pieces)


def _template(folder: Path) -> str | None:
    for name in _FILES:
        path = folder / name
        if not path.is_file():
            continue
        if path.suffix == ".jinja":
            return _text(path)
        found = _loaded(path).get("chat_template")
        if isinstance(found, list):  # several by name: tools, retrieval; the usual one is called default
            named = (each for each in found if isinstance(each, dict) and each.get("name") == "default")
            found = next((each.get("template") for each in named), None)
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
    if not path.is_file():
        return {}
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError) as exc:
        raise EngineError(f"{path} is damaged: {exc}. Fetch the model again.") from exc
    return found if isinstance(found, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as exc:
        raise EngineError(f"{path} cannot be read: {exc}.") from exc


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> NoReturn:
    import jinja2

    raise jinja2.TemplateError(message)


if __name__ == "__main__":
    main()
