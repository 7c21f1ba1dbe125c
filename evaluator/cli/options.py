"""The command line as types. What tyro prints for ``--help`` is written here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import tyro
from tyro.constructors import PrimitiveConstructorSpec

from ...sandbox.limits import MIB, ByteCount, Count, DigitCount, Limits, Seconds
from ...sandbox.sizes import bytes_of

Jail = Literal["auto", "nsjail", "bubblewrap", "none"]


def _argument(metavar: str, *aliases: str, hint: str = "", text: str | None = None) -> object:
    """How an argument is shown; without the note on its default, where the text says what happens.

    ``text``: of an argument that several commands have; that of others is under their field."""
    return tyro.conf.arg(metavar=metavar, aliases=aliases, help_behavior_hint=hint, help=text)


def _number(metavar: str, kind: Any, of: Callable[[str], Any] = str) -> PrimitiveConstructorSpec[Any]:
    """A number within the bounds of its type. tyro itself would take any. ``of``: what a word stands for."""

    def read(words: list[str]) -> Any:
        given = of(words[0])
        try:
            return msgspec.convert(given, kind, strict=False)
        except msgspec.ValidationError as error:
            if not words[0].lstrip("-")[:1].isdigit():
                raise ValueError(f"{words[0]!r} is no number") from None
            bounds = str(error).partition(",")[0].replace("Expected `int`", "a whole number")
            raise ValueError(f"must be {bounds.replace('Expected `float`', 'a number')}") from None

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=read,
        is_instance=lambda value: value is None or isinstance(value, int | float),
        str_from_instance=lambda value: [str(value)],
    )


_plain = tyro.conf.arg(help_behavior_hint="")
_seconds, _count, _digits = _number("SECONDS", Seconds), _number("N", Count), _number("N", DigitCount)
_bytes = _number("SIZE", ByteCount, bytes_of)
_size = _number("N", Annotated[int, msgspec.Meta(ge=0, le=1 << 40)])
_port = _number("PORT", Annotated[int, msgspec.Meta(ge=0, le=65535)])
_engines = _number("N", Annotated[int, msgspec.Meta(ge=1, le=256)])
_workers = _number("N", Annotated[int, msgspec.Meta(ge=1, le=1024)])


def _at_most_one(words: list[str]) -> str:
    if len(words) > 1:
        raise ValueError(f"one address, not {len(words)}")
    return words[0] if words else "auto"


_address: PrimitiveConstructorSpec[str] = PrimitiveConstructorSpec(
    nargs="*",
    metavar="[ADDRESS]",
    instance_from_str=_at_most_one,
    is_instance=lambda value: isinstance(value, str),
    str_from_instance=lambda value: [value],
)

_Jail = Annotated[
    Jail,
    _argument(
        "{auto,nsjail,bubblewrap,none}",
        text="What isolates the programs; auto takes nsjail if it works here, else bubblewrap. none needs "
        "--unsafe-no-jail.",
    ),
]
_UnsafeNoJail = Annotated[
    bool, _argument("", text="Run the programs with your own rights, isolated by nothing. For programs you trust.")
]
_Python = Annotated[
    Path | None,
    _argument("PATH", text="Interpreter that runs the programs. Without it: the one that runs this command."),
]
_Packages = Annotated[
    tuple[str, ...] | None,
    _argument(
        "[NAME ...]",
        text="Installed packages that programs may import. Without it: numpy and sortedcontainers. All must be "
        "installed.",
    ),
]
_Testlib = Annotated[
    Path | None,
    _argument(
        "PATH",
        text="testlib.h, or its folder, for checkers that need it and do not bring it. Without it: what "
        "MICROCODER_TESTLIB names, else the one beside the compiler's headers.",
    ),
]
_AssertTrust = Annotated[
    Literal["any", "sealed"],
    _argument(
        "{any,sealed}",
        text="Tests of assertions that can only be judged in the process of the program: judge them there, or, with "
        "sealed, give no verdict.",
    ),
]
_Submissions = Annotated[
    tuple[Path, ...],
    _argument(
        "FILE [FILE ...]",
        text="Programs from files of their own instead, each row with its problem_id. The problems are then kept in "
        "memory.",
    ),
]
_StartsInThink = Annotated[
    bool,
    _argument(
        "",
        text="The prompts ended with an opened think section: of a completion only what follows its end is looked at.",
    ),
]


_Form = Annotated[
    Literal["fence", "raw"],
    _argument("{fence,raw}", text="What a completion is: a text in which the program is looked for, or the program."),
]
_Language = Annotated[str, _argument("NAME", text="Language of programs whose rows name none.")]


class LimitOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What each test may use. A limit given here replaces that of every problem.

    A SIZE is a number of bytes, or one with KB, MB, GB or TB (powers of 1024): 256MB."""

    cpu_time: Annotated[float | None, _seconds, _plain] = None
    """Processor seconds, user and system; decides. Without it: the time_limit of the problem, or 10."""
    idle_time: Annotated[float | None, _seconds, _plain] = None
    """Seconds blocked without using the processor."""
    wall_time: Annotated[float | None, _seconds, _plain] = None
    """Backstop in seconds of wall clock."""
    memory: Annotated[int | None, _bytes, _plain] = None
    """Peak resident memory, the interpreter included."""
    output: Annotated[int | None, _bytes, _plain] = None
    """Size of standard output, or of the returned value."""
    stderr: Annotated[int | None, _bytes, _plain] = None
    """Bytes of standard error that are kept. Whatever is more is no verdict."""
    file_size: Annotated[int | None, _bytes, _plain] = None
    """Size of the temporary files, each and together."""
    open_files: Annotated[int | None, _count, _plain] = None
    """Descriptors, the three standard ones included."""
    threads: Annotated[int | None, _count, _plain] = None
    """Threads of the program; further processes are never allowed."""
    int_digits: Annotated[int | None, _digits, _plain] = None
    """Decimal digits of an integer that Python turns into text, or reads."""
    compile_time: Annotated[float | None, _seconds, _plain] = None
    """Processor seconds for compiling the program and importing what it names."""

    def given(self) -> dict[str, float]:
        return {name: value for name in Limits.__struct_fields__ if (value := getattr(self, name)) is not None}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Judge programs: run each one on the tests of its problem, compare, report.

    A FILE is .jsonl, .json (also .gz, .zst) or .parquet, a directory of such files,
    a Kattis problem package, a directory of packages, or hf:owner/name:split.
    Rows are ours, or those of a known data set: docs/datasets/ has them all.
    An interrupted run keeps its reports; the same command with --resume goes on.

    exit codes:
      0    every program was judged, whatever the verdicts
      1    the judge failed on some: system_error, checker_error
      2    the command line, the input or the output file cannot be used
      3    no jail works here, or the sandbox broke down; ask doctor
      130  interrupted (SIGINT); 143 likewise (SIGTERM)
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, _argument("FILE [FILE ...]")] = ()
    """Problems and their programs."""

    submissions: _Submissions = ()
    format: Annotated[str | None, _argument("NAME")] = None
    """What the rows are: a name that inspect prints. Without it: seen from the fields of the first row of a file."""
    output: Annotated[Path | None, _argument("FILE", "-o")] = None
    """Reports as JSONL, one a program, in the order of the input, written as they come. Those that are finished before
    their turn wait in a second file beside it, which --resume reads and the end of the run removes."""
    json: Annotated[Path | None, _argument("FILE")] = None
    """Summary as JSON."""
    resume: Annotated[bool, _argument("")] = False
    """Go on after the reports that the output file already holds."""
    overwrite: Annotated[bool, _argument("")] = False
    """Replace an output file that exists."""
    skip_bad: Annotated[bool, _argument("")] = False
    """Leave out rows that cannot be used, and go on."""
    run_all: Annotated[bool, _argument("")] = False
    """Run all tests of a program, not only up to the first failure."""
    scores: Annotated[bool, _argument("")] = False
    """Where groups of tests are worth points: run what the score of a program depends on."""
    benefit_of_doubt: Annotated[bool, _argument("")] = False
    """Give no verdict instead of a rejection where a program broke its worker, or made a checker crash."""
    assert_trust: _AssertTrust = "any"
    preset: Annotated[str | None, _argument("NAME")] = None
    """Rule that replaces that of every problem without a checker program: default, strict, kattis, codeforces,
    codeforces:CHECKER (wcmp, rcmp6, ...), lcb, prime, lenient. docs/comparison.md says what each accepts."""
    language: _Language = "python"
    form: _Form = "fence"
    starts_in_think: _StartsInThink = False
    keep_outputs: Annotated[int | None, _bytes, _plain] = None
    """Keep up to so many bytes of each output in the reports, so that rejudge can compare them under another rule."""
    workers: Annotated[int | None, _workers, _plain] = None
    """Programs judged at the same time. Without it: one for each processor."""
    jail: _Jail = "auto"
    unsafe_no_jail: _UnsafeNoJail = False
    python: _Python = None
    allow_package: _Packages = None
    testlib: _Testlib = None
    no_lanes: Annotated[bool, _argument("")] = False
    """A process of its own for every test, also for quick ones. Slower; the verdicts are the same."""
    quiet: Annotated[bool, _argument("", "-q")] = False
    """No progress and no summary table; errors and warnings only."""

    limits_from: Annotated[Path | None, _argument("FILE")] = None
    """Limits of processor time by problem, as calibrate writes them. They win over the problem's own."""

    limits: LimitOptions = LimitOptions()


class Serve(msgspec.Struct, frozen=True, kw_only=True):
    """Serve verdicts over HTTP: for trainers, with a status page for people. Ends in order on SIGTERM.

    Without more it listens on the loopback interface only. Any other address needs a token, one a line in the file of
    --token-file or in the environment variable MICROCODER_TOKEN; or --insecure. docs/serve.md has the whole interface.

    exit codes:
      0    ended by SIGTERM or SIGINT, after what was taken in had been finished
      2    the command line cannot be used, the address is taken, or the engines do not stay up
      3    no jail works here; ask doctor
      130  ended at once by a second SIGINT; 143 likewise (SIGTERM), or before it had begun
    """

    host: Annotated[str, _argument("ADDRESS")] = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, _port] = 8080
    """Port; 0 takes a free one and logs it."""
    unix: Annotated[Path | None, _argument("FILE")] = None
    """Listen on this Unix socket instead, which only its owner may use."""
    token_file: Annotated[Path | None, _argument("FILE")] = None
    """Tokens that let a request in, one a line. Tokens never stand on the command line, where all users see them."""
    insecure: Annotated[bool, _argument("")] = False
    """Serve without a token on an address that other machines reach."""

    engines: Annotated[int, _engines, _plain] = 1
    """Engine processes behind the one port. One keeps some dozen processors busy; docs/serve.md tells when to add."""
    workers: Annotated[int | None, _workers, _plain] = None
    """Programs judged at the same time, by all engines together. Without it: one for each processor."""
    ray: Annotated[str | None, _address, _plain] = None
    """Judge on the nodes of a Ray cluster: that at this address (HOST:PORT), or else the one that this machine is in.
    Without --workers on all its processors that are free, as nodes come and go; with it, Ray is asked for so many."""
    actor_workers: Annotated[int | None, _workers, _plain] = None
    """With --ray: at most so many workers in one actor, each with a processor of the same node. Without it: 16."""
    actor_wait: Annotated[float | None, _seconds, _plain] = None
    """With --ray: how long to wait at the start while no node has a processor free. More than the 10 without it where
    Ray's autoscaler has to start a node first."""
    run_all: Annotated[bool, _argument("")] = False
    """Run all tests of a program, not only up to the first failure."""
    scores: Annotated[bool, _argument("")] = False
    """Where groups of tests are worth points: run what the score of a program depends on."""
    benefit_of_doubt: Annotated[bool, _argument("")] = False
    """Give no verdict instead of a rejection where a program broke its worker, or made a checker crash."""
    assert_trust: _AssertTrust = "any"
    preset: Annotated[str | None, _argument("NAME")] = None
    """Rule that replaces that of every problem without a checker program; as for run."""
    jail: _Jail = "auto"
    unsafe_no_jail: _UnsafeNoJail = False
    python: _Python = None
    allow_package: _Packages = None
    testlib: _Testlib = None
    no_lanes: Annotated[bool, _argument("")] = False
    """A process of its own for every test, also for quick ones. Slower; the verdicts are the same."""

    state: Annotated[Path | None, _argument("DIR")] = None
    """Folder for problems and verdicts that outlive the server. Without it: a temporary one."""
    verdict_cache: Annotated[int, _size, _plain] = 0
    """Verdicts to keep in that folder, so that a restart does not forget them. 0: none."""
    cache_memory: Annotated[int, _bytes] = 2048 * MIB
    """Memory for what is kept for later, by all engines together: problems, verdicts, history. docs/serve.md has the
    shares."""
    cache_disk: Annotated[int, _bytes] = 4096 * MIB
    """The same on the disk: problems and verdicts in the folder."""
    history: Annotated[int, _size] = 500
    """Judgements that can be read on the status page."""
    no_history: Annotated[bool, _argument("")] = False
    """Keep no programs, inputs or outputs for reading."""

    max_body: Annotated[int, _bytes] = 64 * MIB
    """Bytes of a request."""
    max_submissions: Annotated[int, _size] = 1024
    """Programs in one request."""
    max_files: Annotated[int, _size] = 16_384
    """Files beside the programs of one request, of all together."""
    max_tests: Annotated[int, _size] = 10_000
    """Tests of a problem."""
    max_values: Annotated[int, _size] = 1_000_000
    """Texts, numbers, lists, objects and names of fields in one request, however small they are."""
    max_cpu_time: Annotated[float, _seconds] = 120.0
    """Processor seconds that a problem may allow a test."""
    max_wall_time: Annotated[float, _seconds] = 3600.0
    """Seconds of wall clock that a problem may allow a test."""
    max_memory: Annotated[int, _bytes] = 4096 * MIB
    """Memory that a problem may allow a test."""
    max_output: Annotated[int, _bytes] = 64 * MIB
    """Output that a problem may allow a test."""
    max_queue: Annotated[int, _size] = 16_384
    """Programs that wait, in each engine. More are refused with 503, and half of that from one client with 429."""
    max_wait: Annotated[float, _seconds] = 3600.0
    """Seconds that a program may wait for its turn. Longer is refused with 504."""
    drain: Annotated[float, _seconds] = 60.0
    """Seconds after SIGTERM for what was taken in."""

    log_format: Annotated[Literal["json", "text"], _argument("{json,text}")] = "json"
    """Logs on standard error: lines of JSON, or text for people."""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], _argument("{debug,info,warning,error}")] = "info"
    """info has a line for each request."""


class Calibrate(msgspec.Struct, frozen=True, kw_only=True):
    """Write limits of processor time for each problem, from what right programs take on this machine.

    Takes the same FILEs as run. Runs every program that is not labelled wrong, with much time; those that are accepted
    are right, and the slowest of their tests, times --factor, but at least --floor, is the limit of the problem.
    run --limits-from takes the file.

    exit codes:
      0    done
      1    the judge failed on some programs
      2    the command line, the input or the output file cannot be used
      3    no jail works here, or the sandbox broke down; ask doctor
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, _argument("FILE [FILE ...]")] = ()
    """Problems and their programs."""

    submissions: _Submissions = ()
    output: Annotated[Path | None, _argument("FILE", "-o")] = None
    """Limits as JSONL, one a problem."""
    overwrite: Annotated[bool, _argument("")] = False
    """Replace an output file that exists."""
    factor: Annotated[float, _number("N", Annotated[float, msgspec.Meta(ge=1, le=1000)])] = 4.0
    """How much more time than the slowest right program a program gets."""
    floor: Annotated[float, _seconds] = 2.0
    """Least limit in seconds: what is fast everywhere is not worth a verdict."""
    patience: Annotated[float, _seconds] = 60.0
    """Processor seconds per test while times are taken."""
    repeats: Annotated[int, _count] = 1
    """How often each program is run; the slowest counts."""
    preset: Annotated[str | None, _argument("NAME")] = None
    """Rule by which a program is right; as for run."""
    language: _Language = "python"
    form: _Form = "fence"
    starts_in_think: _StartsInThink = False
    format: Annotated[str | None, _argument("NAME")] = None
    """What the rows are. Without it: seen from the fields of the first row of a file."""
    skip_bad: Annotated[bool, _argument("")] = False
    """Leave out rows that cannot be used, and go on."""
    workers: Annotated[int | None, _workers, _plain] = None
    """Programs run at the same time. Without it: one for each processor."""
    jail: _Jail = "auto"
    unsafe_no_jail: _UnsafeNoJail = False
    python: _Python = None
    allow_package: _Packages = None
    testlib: _Testlib = None


class Inspect(msgspec.Struct, frozen=True, kw_only=True):
    """Say what was understood of files of problems: format, tests, limits, checkers, programs, what looks wrong.

    Takes the same FILEs as run. Runs nothing, but for --verify. Rows that cannot be used are counted, and the first
    ones are shown.

    exit codes:
      0    every row can be used, and nothing looks wrong
      1    some rows cannot be used, some problems look wrong, or a reference solution is not accepted
      2    the command line or the input cannot be used
      3    --verify: no jail works here; ask doctor
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, _argument("FILE [FILE ...]")] = ()
    """Problems and their programs."""

    format: Annotated[str | None, _argument("NAME")] = None
    """What the rows are. Without it: seen from the fields of the first row of a file."""
    json: Annotated[Path | None, _argument("FILE")] = None
    """The same as JSON, with everything that looks wrong, not only the first."""
    quiet: Annotated[bool, _argument("", "-q")] = False
    """No table; errors only."""

    verify: Annotated[bool, _argument("")] = False
    """Run the reference solutions, which are the programs labelled right, under the limits that run would judge them
    with, and list those that are not accepted, with the reason. What follows is for this."""
    preset: Annotated[str | None, _argument("NAME")] = None
    """Rule by which a program is right; as for run."""
    language: _Language = "python"
    form: _Form = "fence"
    starts_in_think: _StartsInThink = False
    workers: Annotated[int | None, _workers, _plain] = None
    """Programs run at the same time. Without it: one for each processor."""
    jail: _Jail = "auto"
    unsafe_no_jail: _UnsafeNoJail = False
    python: _Python = None
    allow_package: _Packages = None
    testlib: _Testlib = None
    limits_from: Annotated[Path | None, _argument("FILE")] = None
    """Limits of processor time by problem, as calibrate writes them. They win over the problem's own."""

    limits: LimitOptions = LimitOptions()


class Formats(msgspec.Struct, frozen=True, kw_only=True):
    """Say which data sets are read, and by which fields their rows are known; and which are refused, and why.

    exit codes:
      0    said
    """


class Convert(msgspec.Struct, frozen=True, kw_only=True):
    """Write problems of any format that is read as rows of another: our own, or those that a trainer takes.

    Takes the same FILEs as run. What is written is read back as the same problems, with the same verdicts: trainers'
    rows have our own row as their ground truth. docs/convert.md says how each of them is trained on.

    exit codes:
      0    every row was written
      1    some rows were refused; the others were written
      2    the command line, the input or the output file cannot be used; nothing was written
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, _argument("FILE [FILE ...]")] = ()
    """Problems and their programs."""

    to: Literal["microcoder", "verl", "trl", "verifiers", "intellect-3", "open-instruct"] = "microcoder"
    """What the rows become: our own, or those of a trainer."""
    output: Annotated[Path | None, _argument("FILE", "-o")] = None
    """Rows as .jsonl, or as .parquet (the extra datasets). It is there when all of them are, or not at all."""
    submissions_output: Annotated[Path | None, _argument("FILE")] = None
    """The programs, as rows for --submissions. Without it they stand in our own rows; those of trainers have no place
    for them."""
    prompt: Annotated[str | None, _argument("TEXT")] = None
    """What a model is asked, with {statement} and {starter} for those. Without it: as the row asks, or, where it only
    has a statement, that, the starter code, and how to answer."""
    format: Annotated[str | None, _argument("NAME")] = None
    """What the rows are. Without it: seen from the fields of the first row of a file."""
    overwrite: Annotated[bool, _argument("")] = False
    """Replace output files that exist."""
    quiet: Annotated[bool, _argument("", "-q")] = False
    """No progress and no table; what is refused and errors only."""


class Rejudge(msgspec.Struct, frozen=True, kw_only=True):
    """Judge the reports of a run again, under another rule, from the outputs they keep. Nothing is run.

    The run must have had --keep-outputs, and --run-all where an early failure could turn out accepted.
    What cannot be decided that way gets the status skipped, with the reason.

    exit codes:
      0    every report was judged again, or says why it could not be
      1    the judge failed on some: system_error, checker_error
      2    the command line, the input or the output file cannot be used
    """

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, _argument("FILE [FILE ...]")] = ()
    """Reports that the run wrote with --output, which may be compressed since, and the problems of that run, in any
    order. The problems are kept in memory."""
    reports: Annotated[tuple[Path, ...], _argument("FILE [FILE ...]")] = ()
    """Reports too, whatever their first row looks like."""
    format: Annotated[str | None, _argument("NAME")] = None
    """What the rows of problems are. Without it: seen from the fields of the first row of a file."""
    preset: Annotated[str | None, _argument("NAME")] = None
    """Rule that replaces that of every problem, as in run. Without it: the rule that each problem asks for."""
    output: Annotated[Path | None, _argument("FILE", "-o")] = None
    """Reports as JSONL, in the order of the old ones."""
    json: Annotated[Path | None, _argument("FILE")] = None
    """Summary as JSON, with every program whose verdict changed."""
    overwrite: Annotated[bool, _argument("")] = False
    """Replace an output file that exists."""
    skip_bad: Annotated[bool, _argument("")] = False
    """Leave out rows that cannot be used, and reports of problems that are not there."""
    quiet: Annotated[bool, _argument("", "-q")] = False
    """No tables; errors only."""


class Doctor(msgspec.Struct, frozen=True, kw_only=True):
    """Say whether programs can be judged safely on this machine, and what to do where not.

    exit codes:
      0    judging is safe here
      3    it is not
    """

    jail: Annotated[Jail, _argument("{auto,nsjail,bubblewrap,none}")] = "auto"
    """Which jail to look at; auto: all of them."""
    python: Annotated[Path | None, _argument("PATH")] = None
    """Interpreter that will run the programs. Without it: the one that runs this command."""
    allow_package: _Packages = None


COMMANDS: dict[str, tuple[type, str]] = {
    "run": (Run, ".run"),
    "serve": (Serve, ".serve"),
    "inspect": (Inspect, ".inspect"),
    "formats": (Formats, ".formats"),
    "convert": (Convert, ".convert"),
    "calibrate": (Calibrate, ".calibrate"),
    "rejudge": (Rejudge, ".rejudge"),
    "doctor": (Doctor, "...sandbox.doctor"),
}
"""Name: its options, and the module whose ``main`` takes them, relative to this package, and gives the exit code."""


def parse(arguments: Sequence[str] | None) -> tuple[str, Any]:
    """(module, options) of the command. Ends the process, with code 0 or 2, after --help or a mistake."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    named = bool(words) and words[0] in COMMANDS
    commands: Any = None
    for name, (options, _) in COMMANDS.items():
        short = tyro.conf.subcommand(name, description=None if named else _first_line(options))
        command = Annotated[options, short]
        commands = command if commands is None else commands | command
    chosen = tyro.cli(
        commands,
        prog="microcoder-eval",
        description="Judges programs that language models wrote, in jailed processes, against hidden tests.",
        args=words,
        config=(tyro.conf.FlagCreatePairsOff,),
    )
    module = next(module for options, module in COMMANDS.values() if type(chosen) is options)
    return module, chosen


def _first_line(options: type) -> str:
    return (options.__doc__ or "").partition("\n")[0]
