"""A model as a directory: `config.json`, a tokenizer and safetensors, in EXL2, EXL3, GPTQ or 16-bit weights.

Read with the standard library alone, so that what is wrong with it is said before anything heavy is imported.
Invariant: every file that `read` has accepted is whole.
"""

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from turnout.worker.engines.base import EngineError
from turnout.worker.engines.vram import Shape

Quantization = Literal["exl2", "exl3", "gptq", "fp16"]

_LOOKS_SPECIAL = re.compile(r"<[^<>\s]{1,64}>|\[/?[A-Z_]{2,32}\]")
_LENGTH = struct.Struct("<Q")
_MAX_HEADER_BYTES = 100 << 20
_AGAIN = "Fetch the model again: `turnout models pull NAME`, or copy the directory anew."


@dataclass(frozen=True, slots=True)
class Folder:
    """A model's directory.

    `special` are the tokens that a tokenizer finds by their names and a user's text must never become;
    `ends` are those of them that end an answer.
    """

    path: Path
    architecture: str
    quantization: Quantization
    shape: Shape
    weights_bytes: int
    context_tokens: int
    special: Mapping[str, int]
    ends: frozenset[int]


def read(path: Path) -> Folder:
    """Look through the directory; raises EngineError that says what is wrong with it."""
    try:
        return _read(path)
    except OSError as exc:
        raise EngineError(f"{path} cannot be read: {exc.strerror}.") from exc
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as exc:
        raise EngineError(f"{path} is no sound model directory: {exc}. {_AGAIN}") from exc
    except (RecursionError, MemoryError) as exc:
        raise EngineError(
            f"{path} is no sound model directory: a file in it goes beyond measure. {_AGAIN}"
        ) from exc


def _read(path: Path) -> Folder:
    config = _json(path / "config.json", "It is no model directory, or was copied without its configuration.")
    tokenizer = _json(
        path / "tokenizer.json", "Copy tokenizer.json from the repository of the model that it was made from."
    )
    files = sorted(file for file in path.glob("*.safetensors") if file.is_file())
    if not files:
        raise EngineError(f"{path} holds no weights: there is no .safetensors file in it. {_AGAIN}")
    _check_index(path, files)
    tokens = _added_tokens(path, tokenizer)
    return Folder(
        path=path,
        architecture=_architecture(path, config),
        quantization=_quantization(path, config),
        shape=_shape(path, config),
        weights_bytes=sum(_whole(file) for file in files),
        context_tokens=_size(config, "max_position_embeddings", 0),
        special={t["content"]: t["id"] for t in tokens if _special(t)},
        ends=frozenset(t["id"] for t in tokens if t.get("special")),
    )


def _json(path: Path, otherwise: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise EngineError(f"There is no {path.name} in {path.parent}. {otherwise}") from None
    except OSError as exc:
        raise EngineError(f"{path} cannot be read: {exc.strerror}.") from exc
    except (ValueError, RecursionError) as exc:
        raise EngineError(f"{path} is damaged: {exc}. {_AGAIN}") from exc
    if not isinstance(found, dict):
        raise EngineError(f"{path} is damaged: it is no JSON object. {_AGAIN}")
    return found


def _whole(path: Path) -> int:
    """The size of a safetensors file, after holding it to what its header promises."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
            if length > min(size, _MAX_HEADER_BYTES):
                raise ValueError("its header is longer than the file")
            header = json.loads(file.read(length))
        ends = [
            _natural(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__"
        ]
        promised = _LENGTH.size + length + max(ends, default=0)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, struct.error) as exc:
        raise EngineError(f"{path} is no whole safetensors file: {exc}. {_AGAIN}") from exc
    if size < promised:
        raise EngineError(f"{path} is cut short: it has {size} of {promised} bytes. {_AGAIN}")
    return size


def _check_index(path: Path, files: list[Path]) -> None:
    index = path / "model.safetensors.index.json"
    if not index.exists():
        return
    weights = _json(index, "").get("weight_map", {})
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights.values()):
        raise EngineError(f"{index} is damaged: its weight_map names no files. {_AGAIN}")
    named = set(weights.values())
    missing = sorted(named - {file.name for file in files})
    # Quantized models are often one file beside the index of the model that they were made from.
    if missing and len(missing) < len(named):
        raise EngineError(f"{path} lacks {len(missing)} of its files, {missing[0]} among them. {_AGAIN}")


def _added_tokens(path: Path, tokenizer: dict[str, Any]) -> list[dict[str, Any]]:
    tokens = tokenizer.get("added_tokens", [])
    if "model" not in tokenizer or not isinstance(tokens, list) or not all(map(_is_token, tokens)):
        raise EngineError(f"{path / 'tokenizer.json'} is no tokenizer of the `tokenizers` library. {_AGAIN}")
    return tokens


def _is_token(token: Any) -> bool:
    return (
        isinstance(token, dict)
        and isinstance(token.get("content"), str)
        and type(token.get("id")) is int
        and token["id"] >= 0
    )


def _special(token: dict[str, Any]) -> bool:
    """Whether a text must never become this token; one without a name stands in no text."""
    name = token["content"]
    return name != "" and (bool(token.get("special")) or _LOOKS_SPECIAL.fullmatch(name) is not None)


def _architecture(path: Path, config: dict[str, Any]) -> str:
    match config.get("architectures"):
        case [str(name)]:
            return name
        case other:
            raise EngineError(f"{path / 'config.json'} does not name one architecture: {other!r:.80}.")


def _quantization(path: Path, config: dict[str, Any]) -> Quantization:
    found = config.get("quantization_config")
    if found is None:
        return "fp16"
    facts = found if isinstance(found, dict) else {"quant_method": found}
    match facts.get("quant_method"), facts.get("bits"):
        case "exl2", _:
            return "exl2"
        case "exl3", _:
            return "exl3"
        case "gptq", 4:
            return "gptq"
        case "gptq", bits:
            raise EngineError(f"{path} has {bits!r:.20}-bit GPTQ weights; only 4-bit ones can be used.")
        case other, _:
            raise EngineError(
                f"{path} is quantized as {other!r:.80}. Use EXL2, 4-bit GPTQ or 16-bit weights."
            )


def _shape(path: Path, config: dict[str, Any]) -> Shape:
    inner = config.get("text_config", config)
    try:
        heads = _size(inner, "num_attention_heads")
        return Shape(
            layers=_size(inner, "num_hidden_layers"),
            kv_heads=_size(inner, "num_key_value_heads", heads),
            head_dim=_size(inner, "head_dim", 0) or _positive(_size(inner, "hidden_size") // heads),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise EngineError(f"{path / 'config.json'} lacks the model's shape: {exc}. {_AGAIN}") from exc


def _size(facts: dict[str, Any], name: str, otherwise: int | None = None) -> int:
    """A number of something; `otherwise` where it is left out, null or 0."""
    value = facts.get(name) or otherwise
    if value is None:
        raise KeyError(name)
    return _natural(value) if otherwise == 0 else _positive(value)


def _positive(value: Any) -> int:
    if _natural(value) == 0:
        raise ValueError("a number is 0")
    return int(value)


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r:.40} is no number of anything")
    return value
