"""The engines that are installed, what they run on, and what would be faster.

Native libraries are asked in a process of their own: one that crashes there is a finding here.
"""

import importlib.metadata
import importlib.util
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from turnout.doctor.findings import Case, Finding, Level
from turnout.worker.engines import nvidia, prepared

_ASK_TIMEOUT_S = 60.0

_WITHOUT_EXLLAMA = "Mend that, or leave it: llama.cpp runs the local models meanwhile."

_LLAMA = """
import json, xllamacpp
devices = [d["description"] for d in xllamacpp.get_device_info() if "GPU" in str(d["type"])]
print(json.dumps({"devices": devices, "features": xllamacpp.get_system_info()}))
"""
_TORCH = """
import json, torch
print(json.dumps({"torch": torch.__version__, "cuda": torch.version.cuda or "",
                  "usable": torch.cuda.is_available()}))
"""

_NATIVE_FEATURES = {"avx512f": "AVX512", "avx512_vnni": "AVX512_VNNI", "amx_int8": "AMX_INT8"}
"""Instructions of processors that llama.cpp uses where it was compiled for them, and its own names for them."""


def llama_cpp(_case: Case) -> Iterator[Finding]:
    """xllamacpp: whether it runs, on which devices, and whether it was built for this processor."""
    version = _version("xllamacpp")
    if not version:
        advice = f"Install it with: {shlex.quote(sys.executable)} -m pip install xllamacpp"
        yield Finding(
            "engine.llamacpp", "problem", "llama.cpp (the package xllamacpp) is not installed.", advice
        )
        return
    answer, problem = ask(_LLAMA)
    if problem:
        yield Finding(
            "engine.llamacpp",
            "problem",
            f"xllamacpp {version} is installed and does not run: {problem}",
            f"Install it anew: {shlex.quote(sys.executable)} -m pip install --force-reinstall xllamacpp",
            {"version": version},
        )
        return
    devices = [str(device) for device in answer["devices"]]
    where = f"on {', '.join(devices)}" if devices else "on the processor"
    facts = {"version": version, "devices": devices}
    yield Finding("engine.llamacpp", "ok", f"xllamacpp {version} runs {where}", facts=facts)
    yield from _native(str(answer["features"]), devices)


def _native(features: str, devices: Sequence[str]) -> Iterator[Finding]:
    """What a build of one's own would add."""
    unused = [
        flag
        for flag, name in _NATIVE_FEATURES.items()
        if flag in _cpu_flags() and f"{name} =" not in features
    ]
    if unused and not devices:
        yield Finding(
            "engine.native",
            "note",
            f"This processor has {', '.join(unused)}, which the installed build of llama.cpp does not use.",
            "A build of xllamacpp from its sources on this machine reads prompts up to half as fast again; "
            "completions in a warm document gain little.",
            {"unused": unused},
        )
    if other := _version("llama-cpp-python"):
        text = f"llama-cpp-python {other} is installed too; Turnout uses xllamacpp, in which one prompt can be stopped"
        yield Finding("engine.native", "ok", text, facts={"llama_cpp_python": other})
    if nvidia.cards().gpus and not devices:
        yield Finding(
            "engine.native",
            "note",
            "llama.cpp does not use the graphics card: the usual wheel of xllamacpp is built without CUDA.",
            "Use exllamav2 (the extra `gpu`), or a build of xllamacpp with CUDA or Vulkan.",
        )


def exllama(case: Case) -> Iterator[Finding]:
    """exllamav2 and v3, and whether the extension is compiled."""
    found, cards = prepared.installed(), nvidia.cards()
    if version := _version("exllamav3"):
        yield Finding(
            "engine.exllamav3", "ok", f"exllamav3 {version} is installed", facts={"version": version}
        )
    if not found.exllamav2:
        if cards.gpus:
            yield Finding(
                "engine.exllamav2",
                "note",
                "exllamav2 is not installed, so the graphics card is not used by it.",
                f"{prepared.INSTALL} Then run: turnout models prepare",
            )
        else:
            yield Finding("engine.exllamav2", "ok", "not installed, and without an NVIDIA card of no use")
        return
    facts = {"exllamav2": found.exllamav2, "torch": found.torch, "cuda": found.cuda}
    state = prepared.state()
    if state.ready:
        text = f"exllamav2 {found.exllamav2} with torch {found.torch}: its extension is ready"
        yield Finding("engine.exllamav2", "ok", text, facts={**facts, "ready": True})
    else:
        level: Level = "problem" if cards.gpus else "note"
        text = f"exllamav2 {found.exllamav2} cannot be used: {state.problem}."
        advice = prepared.ADVICE if "not compiled" in state.problem else _WITHOUT_EXLLAMA
        yield Finding("engine.exllamav2", level, text, advice, {**facts, "ready": False})
    if case.gpu:
        yield from _torch(case)


def _torch(case: Case) -> Iterator[Finding]:
    case.say("importing torch")
    answer, problem = ask(_TORCH)
    if problem:
        yield Finding(
            "engine.torch", "problem", f"torch does not start: {problem}", "Install the extra `gpu` anew."
        )
        return
    text = f"torch {answer['torch']}, CUDA {answer['cuda'] or 'none'}"
    if answer["usable"]:
        yield Finding("engine.torch", "ok", f"{text}: the card answers", facts=answer)
    else:
        advice = "Install a torch that is built for CUDA, and a driver at least as new."
        yield Finding("engine.torch", "problem", f"{text}: no card answers", advice, answer)


def card(case: Case) -> Iterator[Finding]:
    """The graphics cards, as their driver sees them."""
    here = nvidia.cards()
    for gpu in here.gpus:
        free, total = gpu.free_bytes / 1e9, gpu.total_bytes / 1e9
        facts = {
            "name": gpu.name,
            "total_bytes": gpu.total_bytes,
            "free_bytes": gpu.free_bytes,
            "driver": here.driver,
        }
        text = f"{gpu.name}, {free:.1f} of {total:.1f} GB free, driver {here.driver}"
        yield Finding("gpu", "ok", text, facts=facts)
    if not here.gpus:
        level: Level = "problem" if case.gpu else "ok"
        advice = "Install the driver of the card, or leave out --gpu." if case.gpu else ""
        yield Finding("gpu", level, here.problem, advice)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def ask(program: str) -> tuple[dict[str, Any], str]:
    """What a short Python program prints as JSON, or why it did not."""
    try:
        done = subprocess.run(  # noqa: S603 - our own program, above
            [sys.executable, "-P", "-c", program],
            capture_output=True,
            timeout=_ASK_TIMEOUT_S,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return {}, str(exc)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        ended = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
        return {}, f"it ended with {ended} ({last[0]})"
    try:
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return {}, "its answer is not to be understood"
    return (answer, "") if isinstance(answer, dict) else ({}, "its answer is not to be understood")


def _cpu_flags() -> frozenset[str]:
    """The instruction sets of the processor, where Linux lists them."""
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return frozenset()
    flags = (line.partition(":")[2].split() for line in text.splitlines() if line.startswith("flags"))
    return frozenset(next(flags, []))
