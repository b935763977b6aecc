"""`python -m bench.gpu`: checks and times the GPU engine; `--pack` makes what a machine with only torch needs."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.gpu import checks, convert, gptq, pieces, report, timings
from bench.gpu.holes import HOLES, TEXTS, line
from bench.gpu.seat import run
from turnout import models
from turnout.worker.engines import exllama_build, nvidia
from turnout.worker.engines.base import BatchEngine, in_lanes

MODEL = "qwen2.5-coder-0.5b"
REAL = "0.5b"
_CONTEXT = 4096
_TIMES = 15
_DRY = gptq.Shape(1, 256, 512, 4, 2, 64, 512)


def main(argv: Sequence[str] | None = None) -> int:
    """Pack, or run; 0 where every check holds, 1 where one does not, 3 where pieces are still to come."""
    parser = argparse.ArgumentParser(prog="bench.gpu", description=__doc__)
    parser.add_argument("--pack", type=Path, metavar="DIR", help="make the pieces to carry, and run nothing")
    parser.add_argument("--python", default="3.12", help="the Python of the machine that is packed for")
    parser.add_argument("--gguf", type=Path, help="the real model; default: the one that Turnout has here")
    parser.add_argument("--carried", type=Path, metavar="DIR", help="pieces that were carried here")
    parser.add_argument(
        "--work", type=Path, default=Path(".cache/bench-gpu"), help="where everything is kept"
    )
    parser.add_argument("--models", default="0.5b,1.5b,7b,32b", help="which to time")
    parser.add_argument("--write", type=Path, metavar="FILE", help="where the report goes as well")
    parser.add_argument("--dry-run", action="store_true", help="on a CPU, with a model that makes answers up")
    parser.add_argument("--one", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.pack is not None:
        return _pack(args)
    args.work.mkdir(parents=True, exist_ok=True)
    if args.one is not None:
        sys.stdout.write(json.dumps(_one(args)) + "\n")
        return 0
    return _run(args)


def _pack(args: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as place:
        wheels = pieces.wheels(Path(place), args.python)
        gguf = args.gguf or models.locate(MODEL)
        pieces.pack([*wheels, gguf], args.pack, expected_of(gguf))
    sizes = [piece.stat().st_size for piece in args.pack.iterdir()]
    print(
        f"{len(sizes)} files in {args.pack}, {sum(sizes) / 1e6:.0f} MB, the largest {max(sizes) / 1e6:.0f} MB"
    )
    return 0


def _run(args: argparse.Namespace) -> int:
    try:
        gguf, expected = _material(args)
    except pieces.MissingPiecesError as exc:
        print(f"still to be carried here: {exc}")
        return 3
    begun_s = time.perf_counter()
    if not args.dry_run:
        exllama_build.build(lambda done, of, text: print(f"compiling {done}/{of} {text}", flush=True))
    real = _real_model(gguf, args.work, "cpu" if args.dry_run else "cuda")
    found = [checks.attention("cpu" if args.dry_run else "cuda")]
    if expected:
        found.append(checks.tokens(real, expected["tokens"]))
    found += _check(args, real, {} if args.dry_run else expected)  # a made-up answer is no model's
    rows = [_time(args, name, real) for name in args.models.split(",") if name]
    said = report.markdown(found, rows, _machine(args), time.perf_counter() - begun_s)
    print(said)
    if args.write is not None:
        args.write.write_text(said, "utf-8")
    return 0 if all(check.holds for check in found) else 1


def _material(args: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    """The model and the answers to expect: as carried here, or from this machine."""
    if args.carried is not None:
        expected = pieces.gather(args.carried, args.work)
        pieces.use_wheels(args.work)
        return next(args.work.glob("*.gguf")), expected
    gguf = args.gguf or models.locate(MODEL)
    return gguf, {} if args.dry_run else expected_of(gguf)


def expected_of(gguf: Path) -> dict[str, Any]:
    """How llama.cpp fills the holes and reads the texts, on this machine's processor."""
    from turnout.worker.engines.llamacpp import LlamaEngine

    engine = LlamaEngine(gguf, MODEL, _CONTEXT, None)
    engine.load()
    lane = in_lanes(engine)
    answers = [run(lane, [line(prefix, suffix, f"hole {n}")])[0] for n, (prefix, suffix) in enumerate(HOLES)]
    tokens = [{"text": text, "ids": engine._side_door.tokens(text)} for text in TEXTS]
    engine.close()
    holes = [
        {"prefix": prefix, "suffix": suffix, "text": answer.text}
        for (prefix, suffix), answer in zip(HOLES, answers, strict=True)
    ]
    return {"holes": holes, "tokens": tokens}


def _real_model(gguf: Path, work: Path, device: str) -> Path:
    """The real model as a directory in 16 bits, with one in 4 bits beside it."""
    whole, packed = work / f"{REAL}-fp16", work / REAL
    if not (whole / "model.safetensors").exists():
        convert.gguf_to_directory(gguf, whole)
    if not (packed / "model.safetensors").exists():
        gptq.quantize(whole, packed, device)
    return whole


def _check(args: argparse.Namespace, real: Path, expected: dict[str, Any]) -> list[checks.Check]:
    engine = _load(args, real)
    found = list(checks.of_engine(engine, expected))
    engine.close()
    return found


def _time(args: argparse.Namespace, name: str, real: Path) -> dict[str, Any]:
    """The figures of one model, in a process of its own: a card forgets nothing else as reliably."""
    folder = args.work / name
    if not (folder / "config.json").exists():
        device = "cpu" if args.dry_run else "cuda"
        gptq.random_model(_DRY if args.dry_run else gptq.SHAPES[name], folder, real, device)
    command = [sys.executable, "-m", "bench.gpu", "--work", str(args.work), "--one", str(folder)]
    command += ["--dry-run"] if args.dry_run else []
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def _one(args: argparse.Namespace) -> dict[str, Any]:
    if (args.work / "packages").exists():
        pieces.use_wheels(args.work)
    weights = sum(path.stat().st_size for path in args.one.glob("*.safetensors"))
    speed = 0.0 if args.dry_run else timings.bandwidth()
    begun_s = time.perf_counter()
    engine = _load(args, args.one)
    load_s = time.perf_counter() - begun_s
    times = 2 if args.dry_run else _TIMES
    return timings.measure(engine, args.one.name, weights, load_s, speed, times).row()


def _load(args: argparse.Namespace, folder: Path) -> BatchEngine:
    if args.dry_run:
        from bench.gpu.dry import dry_engine

        return dry_engine(folder, MODEL)
    from turnout.worker.engines import exllama_v2
    from turnout.worker.engines.exllama import ExllamaEngine

    engine = ExllamaEngine(folder, MODEL, exllama_v2.opener(_CONTEXT))
    engine.load(lambda done, of: None)
    return engine


def _machine(args: argparse.Namespace) -> str:
    import torch

    cards = nvidia.cards()
    name = cards.gpus[0].name if cards.gpus else "no GPU (dry run: every figure is made up)"
    cpus = os.cpu_count()
    return f"{name}, driver {cards.driver or 'none'}, torch {torch.__version__}, {cpus} processor cores"


if __name__ == "__main__":
    sys.exit(main())
