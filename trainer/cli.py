"""``microcoder-train``: run, eval, calibrate, plot. Nothing heavy is imported before the command line has parsed.

A run is described by a TOML file. What follows it on the command line replaces fields of it, by their names:
``microcoder-train run FILE --preset dapo --optimizer.lr 1e-6``; ``microcoder-train run FILE --help`` names all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import tyro

if TYPE_CHECKING:
    from .config import Config

DONE, UNUSABLE, NO_JAIL = 0, 2, 3
"""Exit codes, besides 130 for an interrupt."""
_file = tyro.conf.arg(metavar="FILE")


class _Described(msgspec.Struct, frozen=True, kw_only=True):
    file: Annotated[Path, tyro.conf.Positional, _file]
    """TOML file of the run; any of its fields may follow, as --table.field VALUE."""
    preset: Literal["grpo", "dapo", "microcoder"] | None = None
    """Instead of the preset that the file names."""


class Run(_Described, frozen=True, kw_only=True):
    """Train."""

    resume: bool = False
    """Go on after the last checkpoint of the output folder."""


class Eval(_Described, frozen=True, kw_only=True):
    """pass@k of a model on the held-out problems of a run."""

    checkpoint: Path | None = None
    """Folder of a checkpoint (step-000020). Without it: the model that the run begins with."""
    json: Path | None = None
    """Write the result there."""


class Calibrate(_Described, frozen=True, kw_only=True):
    """Measure the diversity of responses at several temperatures, and pick one."""

    target: float = 0.7
    """The diversity that is wanted."""
    temperatures: tuple[float, ...] = (0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8)
    prompts: int = 16
    """Prompts that are asked."""


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """Draw runs: accuracy, response length, diversity, temperature, time of a step."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN ...]")]
    """Output folders of runs."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("run.svg")
    """Picture, .svg or .png."""


COMMANDS: dict[str, type[Any]] = {"run": Run, "eval": Eval, "calibrate": Calibrate, "plot": Plot}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of ``microcoder-train``; returns the exit code. A mistake of the user is a sentence on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    kind = COMMANDS.get(words[0]) if words else None
    if kind is None:
        return _usage(words)
    from ..sandbox.errors import JailUnavailable, MicrocoderError

    prog = f"microcoder-train {words[0]}"
    try:
        if kind is Plot:
            return _plot(tyro.cli(Plot, prog=prog, args=words[1:]))
        options, config = _described(kind, prog, words[1:])
        return _ACTIONS[words[0]](options, config)
    except MicrocoderError as error:
        from ..evaluator.cli.terminal import say

        say(f"microcoder-train: {error}")
        return NO_JAIL if isinstance(error, JailUnavailable) else UNUSABLE
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "transformers", "jaxtyping", "safetensors", "vllm", "peft", "matplotlib"):
            raise
        print(f"microcoder-train: {error.name} is missing: pip install 'microcoder[train]'", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("microcoder-train: interrupted; --resume goes on after the last checkpoint", file=sys.stderr)
        return 130


def _usage(words: list[str]) -> int:
    """The commands in one view; to stdout when that was asked for."""
    lines = [f"  {name:<10} {(kind.__doc__ or '').partition(chr(10))[0]}" for name, kind in COMMANDS.items()]
    asked = bool(words) and words[0] in ("-h", "--help")
    text = "\n".join(["usage: microcoder-train COMMAND ...", "", *lines, "", "COMMAND --help says more."])
    if words and not asked:
        text = f"microcoder-train: no command {words[0]!r}\n{text}"
    print(text, file=sys.stdout if asked else sys.stderr)
    return DONE if asked else UNUSABLE


def _described(kind: type[Any], prog: str, words: list[str]) -> tuple[Any, Config]:
    """The options of the command, and the config that file, preset and the other words come to."""
    helps = {"-h", "--help"} & set(words)
    named = [word for word in words if word not in helps]
    if helps and (not named or named[0].startswith("-")):
        tyro.cli(kind, prog=prog, args=["--help"])
    options, rest = tyro.cli(
        kind, prog=prog, args=named, return_unknown_args=True, config=(tyro.conf.FlagCreatePairsOff,)
    )
    from .config import Config, load

    default = load(options.file, options.preset)
    return options, tyro.cli(Config, prog=f"{prog} {options.file}", default=default, args=[*rest, *helps])


def _run(options: Run, config: Config) -> int:
    from .loop import run

    run(config, resume=options.resume, say=_say())
    return DONE


def _eval(options: Eval, config: Config) -> int:
    from .loop import describe, evaluate_model

    result = evaluate_model(config, options.checkpoint)
    print(describe(result))
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    return DONE


def _calibrate(options: Calibrate, config: Config) -> int:
    from .calibrate import measure
    from .temperature import pick

    choice = pick(measure(config, options.temperatures, options.prompts), options.target)
    found = "" if choice.reached else f"; no temperature reaches D = {options.target}, this is the highest"
    print(f"T = {choice.temperature:.2f} for D = {options.target}{found}")
    return DONE


def _plot(options: Plot) -> int:
    from .plot import draw

    draw(options.runs, options.output)
    print(options.output)
    return DONE


_ACTIONS: dict[str, Callable[[Any, Config], int]] = {"run": _run, "eval": _eval, "calibrate": _calibrate}


def _say() -> Callable[[str], None]:
    from rich.console import Console

    from ..evaluator.cli.terminal import plain

    console = Console(highlight=False, soft_wrap=True)
    return lambda line: console.print(plain(line), markup=False)


if __name__ == "__main__":
    sys.exit(main())
