"""Turnout beside llama.vim: one typing session in the same Neovim, on the same llama.cpp server and weights.

Three editors are open: llama.vim, Turnout on a server of its own like llama.vim's, and Turnout with its own model
process. They take turns, one passage each, so whatever else the machine does weighs on all of them. Invariant: what is
on the screen is told by `ghost_watch.lua` alone, and what a server computed by its own figures.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import typed
from bench.neovim import PLUGIN, ROOT
from bench.report import Row, percentile
from bench.served import computed, served
from bench.session import turnout_command
from bench.typed import Key, Script
from clients.install.neovim import install
from clients.neovim.session import Neovim
from turnout.models import DEFAULT_MODEL, locate

HERE = Path(__file__).parent
PEER = "TURNOUT_BENCH_LLAMA_VIM"
"""The environment variable with the folder of llama.vim."""

COMMIT = "a1c8e6e40cb45df59b78add5b65d575386832465"
VERSION = "0.12"
_LATE_S = 0.05
"""What the author makes good of a key that came late; a longer delay moves all keys after it."""

_AFTER_S = 1.0
"""How long the last key of a passage is watched."""

_MISSES: tuple[Callable[["Outcome"], bool], ...] = (
    lambda outcome: outcome.wait_ms is None,
    lambda outcome: bool(outcome.rest) and not outcome.exact,
)

_INIT = """
vim.opt.runtimepath:prepend([[{here}]])
vim.g.loaded_python3_provider = 0
vim.cmd("filetype indent off")
vim.o.showmode, vim.o.autoindent, vim.o.expandtab, vim.o.hidden = false, false, true, true
vim.api.nvim_create_autocmd("FileType", {{ callback = function() vim.bo.formatoptions = "" end }})
{plugin}
BenchWatch = dofile([[{here}/ghost_watch.lua]])
BenchWatch.start()
"""


class PeerMissing(Exception):
    """llama.vim is not there."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One redraw: when (seconds of the monotonic clock), the line, the text before the cursor, and the ghost text."""

    at_s: float
    line: int
    before: str
    ghost: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one key: until ghost text was drawn, None where none was before the next key; the last of it."""

    wait_ms: float | None
    ghost: str
    rest: str

    @property
    def exact(self) -> bool:
        """Whether the suggestion's first line is what the author went on to write there."""
        return bool(self.rest) and self.ghost.split("\n")[0] == self.rest


@dataclass(slots=True)
class Result:
    """One contestant's session."""

    name: str
    outcomes: list[Outcome] = field(default_factory=list)
    accepted: int = 0
    tokens: float | None = None


@dataclass(frozen=True, slots=True)
class Contestant:
    """An editor with one plugin; `base` is the URL of its model server where that is a program of its own.

    `accept_line` takes the first line of several; with `breaks_line` it also begins the next one.
    """

    name: str
    editor: Neovim
    folder: Path
    accept_line: str
    breaks_line: bool
    base: str | None


def measure(weights: Path | None, version: str = VERSION) -> list[Row]:
    """Replay the session in all three editors. Raises PeerMissing, InstallError or Unavailable."""
    peer = peer_folder(os.environ)
    model = weights or locate(DEFAULT_MODEL)
    binary = install(Path(os.environ.get("TURNOUT_EDITORS_DIR") or ROOT / ".cache" / "editors"), version)
    scripts = [typed.script(passage, typed.passage_text(passage)) for passage in typed.PASSAGES]
    with ExitStack() as stack:
        contestants = _contestants(binary, peer, model, scripts, stack)
        results = [Result(contestant.name) for contestant in contestants]
        before = [_computed(contestant) for contestant in contestants]
        for number, script in enumerate(scripts):
            for turn in range(len(contestants)):
                at = (number + turn) % len(contestants)  # nobody is always the one after the same other
                print(f"{script.path}: {contestants[at].name} ...", file=sys.stderr, flush=True)
                _replay(contestants[at], script, results[at])
                _tell(results[at], len(script.keys) - sum(key.looks for key in script.keys))
        for contestant, result, start in zip(contestants, results, before, strict=True):
            end = _computed(contestant)
            result.tokens = None if end is None or start is None else end - start
    print("\n".join(map(_summary, results)), file=sys.stderr)
    return [row for ours in results[1:] for row in rows(ours, results[0])]


def peer_folder(environment: Mapping[str, str]) -> Path:
    """Where llama.vim is; raises PeerMissing, which says how to get it."""
    folder = Path(environment.get(PEER, ""))
    if not (folder / "autoload" / "llama.vim").is_file():
        raise PeerMissing(
            f"{PEER} names no folder with llama.vim in it. Get it with `git clone "
            f"https://github.com/ggml-org/llama.vim DIR && git -C DIR checkout {COMMIT}`, and set {PEER}=DIR."
        )
    return folder.resolve()


def outcomes(
    keys: Sequence[Key], sent_s: Sequence[float], end_s: float, seen: Sequence[Seen]
) -> Iterator[Outcome]:
    """What came of each key that was sent, from what was drawn until `end_s`; a look up is no key."""
    drawn = list(_fresh(seen))
    until = [*sent_s[1:], end_s]
    for key, start, end in zip(keys, sent_s, until, strict=True):
        if key.looks:
            continue
        there = [s for s in drawn if (s.line, s.before) == (key.line, key.before) and start <= s.at_s < end]
        shown = [s for s in there if s.ghost.strip()]
        wait_ms = (shown[0].at_s - start) * 1000 if shown else None
        yield Outcome(wait_ms, there[-1].ghost if there else "", key.rest)


def _fresh(seen: Sequence[Seen]) -> Iterator[Seen]:
    """What was drawn for the text as it was: now and then Neovim draws a key before it tells the plugins of it."""
    before = Seen(0.0, -1, "", "")
    for one in seen:
        moved = (one.line, one.before) != (before.line, before.before)
        if not (moved and one.ghost and one.ghost == before.ghost):
            yield one
        before = one


def rows(ours: Result, theirs: Result) -> Iterator[Row]:
    """Our figures beside theirs."""
    pairs = list(zip(ours.outcomes, theirs.outcomes, strict=True))
    both = [(o.wait_ms, t.wait_ms) for o, t in pairs if o.wait_ms is not None and t.wait_ms is not None]
    for share in (0.5, 0.9) if both else ():
        figures = [percentile([pair[side] for pair in both], share) for side in (0, 1)]
        figure = f"{ours.name}: key to ghost text where both show some ({len(both)}), p{share * 100:.0f}"
        yield Row(figure, "ms", figures[0], figures[1], theirs.name, 0.6, "ratio")
    if ours.tokens is not None and theirs.tokens is not None:
        yield Row(f"{ours.name}: tokens computed", "", ours.tokens, theirs.tokens, theirs.name, 0.5, "ratio")
    silent, wrong = (
        [float(sum(map(missed, side))) for side in (ours.outcomes, theirs.outcomes)] for missed in _MISSES
    )
    yield Row(f"{ours.name}: keys without ghost text, of {len(pairs)}", "", silent[0], silent[1], theirs.name)
    inside = sum(bool(outcome.rest) for outcome in ours.outcomes)
    figure = f"{ours.name}: keys inside a line without the author's rest of it, of {inside}"
    yield Row(figure, "", wrong[0], wrong[1], theirs.name, 1.0, "ratio")


def _tell(result: Result, keys: int) -> None:
    """Say what came of the last `keys` of a session."""
    last = result.outcomes[-keys:]
    shown, exact = (
        sum(outcome.wait_ms is not None for outcome in last),
        sum(outcome.exact for outcome in last),
    )
    print(f"  ghost text after {shown} of {keys} keys, {exact} exact", file=sys.stderr, flush=True)


def _summary(result: Result) -> str:
    waits = [outcome.wait_ms for outcome in result.outcomes if outcome.wait_ms is not None]
    exact = sum(outcome.exact for outcome in result.outcomes)
    spread = f"{percentile(waits, 0.5):.0f} / {percentile(waits, 0.9):.0f} ms" if waits else "-"
    return (
        f"{result.name}: ghost text after {len(waits)} of {len(result.outcomes)} keys (p50 / p90 {spread}), "
        f"{exact} times what the author wrote, {result.accepted} taken, {result.tokens} tokens"
    )


def _contestants(
    binary: Path, peer: Path, model: Path, scripts: Sequence[Script], stack: ExitStack
) -> list[Contestant]:
    root = Path(stack.enter_context(TemporaryDirectory(prefix="turnout-bench-")))
    bases = [stack.enter_context(served(model)) for _ in range(2)]
    house = f'api = "completions"\nbase_url = "{bases[1]}/v1"\nserver = "llama-server"\njurisdiction = "self-hosted"'
    near = f'path = "{model}"'
    plain = [
        ("llama.vim", _llama_vim(peer, bases[0]), "", "<S-Tab>", True, bases[0]),
        ("Turnout, the same server", _turnout(), house, "<M-Down>", False, bases[1]),
        ("Turnout, its own model process", _turnout(), near, "<M-Down>", False, None),
    ]
    made = []
    for number, (name, plugin, settings, accept_line, breaks_line, base) in enumerate(plain):
        home = root / str(number)
        folder = _workspace(home / "work", scripts)
        environment = _environment(home, settings)
        (home / "init.lua").write_text(_INIT.format(here=HERE, plugin=plugin))
        editor = Neovim(binary, folder, environment, (160, 40), "-u", str(home / "init.lua"))
        made.append(Contestant(name, stack.enter_context(editor), folder, accept_line, breaks_line, base))
    return made


def _llama_vim(peer: Path, base: str) -> str:
    """llama.vim with its defaults; only the port is this run's."""
    return (
        f"vim.opt.runtimepath:prepend([[{peer}]])\nvim.g.llama_config = {{ endpoint_fim = '{base}/infill' }}"
    )


def _turnout() -> str:
    command = ", ".join(f"[[{word}]]" for word in turnout_command())
    return f'vim.opt.runtimepath:prepend([[{PLUGIN}]])\nrequire("turnout").setup({{ cmd = {{ {command} }} }})'


def _environment(home: Path, settings: str) -> dict[str, str]:
    """A user's environment with directories of its own, and one model for completions."""
    own = {f"XDG_{kind}_HOME": str(home / kind) for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
    own |= {
        f"TURNOUT_{kind}_DIR": str(home / f"turnout-{kind}")
        for kind in ("CONFIG", "STATE", "RUNTIME", "CACHE")
    }
    config = Path(own["TURNOUT_CONFIG_DIR"])
    config.mkdir(parents=True)
    routes = "".join(f'[routes.{kind}]\nmodels = ["here"]\n' for kind in ("inline", "popup"))
    (config / "config.toml").write_text(f'[models.here]\nmodel = "{DEFAULT_MODEL}"\n{settings}\n{routes}')
    return {**os.environ, **own}


def _workspace(folder: Path, scripts: Sequence[Script]) -> Path:
    """The folders of the passages, without what will be typed."""
    for passage in typed.PASSAGES:
        for source in typed.siblings(passage):
            target = folder / passage.package / Path(passage.path).parent / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for script in scripts:
        (folder / script.path).write_text(script.text)
    (folder / ".turnout.toml").touch()
    return folder


def _computed(contestant: Contestant) -> float | None:
    """Tokens that the contestant's server has computed so far, once it is quiet."""
    return None if contestant.base is None else computed(contestant.base)


def _replay(contestant: Contestant, script: Script, result: Result) -> None:
    """Open the file, look at it, type the passage, save, and leave insert mode."""
    editor = contestant.editor
    editor.command(f"edit {contestant.folder / script.path}")
    editor.request("nvim_win_set_cursor", 0, [script.start + 1, 0])
    time.sleep(typed.LOOK_S)
    editor.type("A")
    editor.lua("BenchWatch.take()")
    typist = _Typist(contestant)
    for key in script.keys:
        typist.press(key)
    result.accepted += typist.accepted
    time.sleep(_AFTER_S)
    result.outcomes += outcomes(script.keys, typist.sent_s, time.monotonic(), typist.seen())
    editor.type("<Esc>")
    editor.command("write")
    _computed(contestant)


class _Typist:
    """The author at one editor, for one passage."""

    def __init__(self, contestant: Contestant) -> None:
        self.sent_s: list[float] = []
        self.accepted = 0
        self._contestant = contestant
        self._editor = contestant.editor
        self._seen: list[Seen] = []
        self._next_s = time.monotonic()
        self._line_is_broken = False

    def press(self, key: Key) -> None:
        """Wait as long as the author does, and press one key or look up."""
        self._next_s = max(self._next_s, time.monotonic() - _LATE_S) + key.pause_s
        time.sleep(max(0.0, self._next_s - time.monotonic()))
        keys = self._look(key) if key.looks else key.keys
        if self._line_is_broken and not key.looks:
            keys, self._line_is_broken = keys.removeprefix("<CR>"), False
        self.sent_s.append(time.monotonic())
        if keys:
            self._editor.type(keys)
        if key.looks:
            self._editor.until(lambda: self._line(key.line) == key.before, f"the line {key.before!r}")

    def seen(self) -> list[Seen]:
        """Everything that was drawn."""
        self._seen += [Seen(*drawn) for drawn in self._editor.lua("return BenchWatch.take()")]
        return self._seen

    def _look(self, key: Key) -> str:
        """The key that takes what is suggested, if it is what the author was about to write; else all of that."""
        seen = self.seen()
        first, _, more = (seen[-1].ghost if seen else "").partition("\n")
        if first != key.rest:
            return key.keys
        self.accepted += 1
        self._line_is_broken = bool(more) and self._contestant.breaks_line
        return self._contestant.accept_line if more else "<Tab>"

    def _line(self, number: int) -> Any:
        lines = self._editor.request("nvim_buf_get_lines", 0, number, number + 1, False)
        return lines[0] if lines else None
