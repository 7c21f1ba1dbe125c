"""A problem: tests, limits, and how outputs are compared. The same type in files, on the wire and in the API."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import msgspec

from ..sandbox.limits import Limits, Seconds
from ..sandbox.names import check_names, unplaceable
from ..sandbox.validated import ValidText

Mode = Literal["stdio", "call", "assert", "output_prediction", "input_prediction"]
CheckerType = Literal[
    "default",
    "python_eq",
    "assert",
    "strict",
    "kattis",
    "codeforces",
    "lcb",
    "prime",
    "lenient",
    "validator",
    "testlib",
    "python",
]
PREDICTIONS: tuple[Mode, ...] = ("output_prediction", "input_prediction")
"""Those where what is submitted is no program, but an answer."""
TEST = 96
"""Bytes of memory that a test takes besides its texts."""
Identifier = Annotated[str, msgspec.Meta(pattern=r"^[^\W\d]\w*(?![\s\S])", max_length=255)]
Name = Annotated[str, msgspec.Meta(max_length=1000)]
"""They come back in every report, and errors name them."""
Flags = Annotated[str, msgspec.Meta(max_length=4096)]
"""They may end up in a command line."""


class TestCase(ValidText, frozen=True):
    """One test. stdio: text for standard input and the expected text on standard output.

    call: ``input`` is a JSON list of arguments, ``output`` the JSON value that must come back.
    assert: ``code`` is source that runs after the program and fails when the program is wrong; where it has test
    functions of unittest or pytest, ``function`` may say which one of them is this test.
    output_prediction: a call, for reading, and the value of it, as Python source.
    input_prediction: ``output`` is the value, as Python source, that ``entry_point`` has to return; ``input``, for
    reading, are arguments that it returns it for.
    """

    __test__ = False  # not a pytest class

    input: str = ""
    output: str = ""
    code: str | None = None
    function: Name | None = None
    """As ``test_f``, or ``TestC.test_m``. None: all that the code has, together."""
    group: Name | None = None
    """Name of the group that the test belongs to: sample, secret/group1, base, plus."""
    flags: Flags | None = None
    """Instead of the flags of the checker, for this test."""


class Checker(ValidText, frozen=True, kw_only=True):
    """Which comparison decides, with its options.

    default     bytes, then tokens, then decimals; ``flags`` ask for more or for less
    python_eq   call mode: values equal, floats within ``float_tol``
    assert      assert mode: the test code decides
    strict      the same bytes, but for one newline at the end
    kattis      the default output validator of Kattis, with its ``flags``
    codeforces  the standard checker of testlib called ``name``; without one: wcmp
    lcb, prime, lenient   the rules of LiveCodeBench, of verl's prime_code, of the MicroCoder paper

    Programs that read input, expected output and output, and decide, in a jail of their own:

    validator   Kattis output validator: exit code 42 or 43
    testlib     testlib checker: its exit codes
    python      a check function, or a generated checker of open-r1
    """

    type: CheckerType = "default"
    flags: Flags = ""
    float_tol: Annotated[float, msgspec.Meta(ge=0, le=1e9)] | None = None
    name: Name | None = None
    """The checker meant among those of one type: ``wcmp``, ``rcmp6``."""
    source: str | None = None
    """Programs: the source text."""
    language: Name | None = None
    files: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    """Programs: name and text of files beside the source, such as headers."""
    limits: Limits | None = None
    """Programs: what the checker itself may use."""
    note: str | None = None


class Group(ValidText, frozen=True, kw_only=True):
    """What some tests are worth together, in the terms of the problem package format.

    score_aggregation   of the tests' scores: ``pass-fail``, all points when every test is accepted, else none;
                        ``min``, what the worst test gets of all points; ``sum``, every test its equal share
    require_pass        groups whose tests must all be accepted, or this one gets nothing
    """

    max_score: Annotated[float, msgspec.Meta(gt=0, le=1e9)]
    score_aggregation: Literal["pass-fail", "min", "sum"] = "pass-fail"
    require_pass: tuple[Name, ...] = ()


class Included(ValidText, frozen=True, kw_only=True):
    """What a problem adds to every program in one language: headers, modules, or a grader that calls it.

    files     name and text of what lies beside the program, instead of a file of the same name that it brings
    main      the one of them in which the program begins; None: it begins as it does without
    program   the name of the program's own file, by which others find it in Python, JavaScript and Rust
    """

    files: dict[str, str]
    main: str | None = None
    program: str | None = None

    def _check(self) -> None:
        check_names(self.files, "files")
        if self.program is not None:
            check_names([self.program], "program")
            if self.program in self.files:
                raise ValueError(f"program: is one of the files (found {self.program!r})")

        placed = {name: text.encode() for name, text in self.files.items()} | {self.program or "program": b""}
        if (lack := unplaceable(placed)) is not None:
            raise ValueError(f"files: {lack}")
        if self.main is not None and self.main not in self.files:
            raise ValueError(f"main: is none of the files (found {self.main!r})")


class Problem(ValidText, frozen=True, kw_only=True):
    """Tests, limits, comparison and, for reading, description of a problem. Rows may carry more fields; left alone."""

    problem_id: Name
    tests: Annotated[tuple[TestCase, ...], msgspec.Meta(min_length=1)]
    mode: Mode = "stdio"
    time_limit: Seconds | None = None
    """Processor seconds per test. Short for ``limits.cpu_time``; wins over it."""
    limits: Limits = Limits()
    checker: Checker = Checker()
    groups: dict[Name, Group] = msgspec.field(default_factory=dict[Name, Group])
    """By name, the groups that are worth points, see ``Report.score``. The tests of one carry its name as ``group``."""
    include: dict[Name, Included] = msgspec.field(default_factory=dict[Name, Included])
    """By language, what is added to every program: `cpp` stands for all of C++, `python` for `pypy`, too."""
    entry_point: Identifier | None = None
    """call: name of the function or method; input_prediction: of the function. Required there."""
    entry_class: Identifier | None = None
    """call: class to instantiate, without arguments, for every test; assert: one that the tests ask for."""
    prelude: str = ""
    """Source that the data set assumes before the program: imports, helper classes. input_prediction: the function."""
    title: str | None = None
    statement: str | None = None
    """What is asked, as the data set tells it to a model."""
    starter_code: str | None = None
    """Source that the program is to begin with: a signature, a class."""
    partial_solution: str | None = None
    """Source that a completion goes on from: it is put before the program there, unless that begins so. Source that is
    given as such is whole."""
    difficulty: str | None = None
    """In the words, or the number, of the data set."""
    contest_date: str | None = None
    """ISO 8601; when the problem became public."""
    source: str | None = None
    """Where the problem comes from."""

    def _check(self) -> None:
        if self.mode in ("call", "input_prediction") and self.entry_point is None:
            raise ValueError(f"entry_point: required when mode is {self.mode}")
        if self.mode in PREDICTIONS and len(self.tests) > 1:
            raise ValueError(f"tests: {len(self.tests)} of them, but mode is {self.mode}: one answer is for one test")
        if self.mode != "stdio":
            for number, test in enumerate(self.tests):
                if test.flags is not None:
                    words = f"is for problems that compare text, but mode is {self.mode} (found {test.flags!r})"
                    raise ValueError(f"tests[{number}].flags: {words}")
                if test.code is None and self.mode == "assert":
                    raise ValueError(f"tests[{number}].code: required when mode is assert")
        for number, test in enumerate(self.tests):
            if test.function is not None and self.mode != "assert":
                words = f"is for problems whose tests are code, but mode is {self.mode} (found {test.function!r})"
                raise ValueError(f"tests[{number}].function: {words}")
        if self.include and self.mode != "stdio":
            raise ValueError(f"include: is for programs that read standard input, but mode is {self.mode}")
        if self.groups:
            _check_groups(self.groups, {test.group for test in self.tests})

    @property
    def size(self) -> int:
        """Bytes of memory that it takes, roughly."""
        checker = self.checker
        texts = [
            self.prelude,
            self.statement,
            self.starter_code,
            self.partial_solution,
            checker.source,
            *checker.files.values(),
        ]
        texts += [text for included in self.include.values() for text in included.files.values()]
        for test in self.tests:
            texts += test.input, test.output, test.code, test.function
        return sum(sys.getsizeof(text) for text in texts if text) + TEST * len(self.tests)

    @property
    def effective_limits(self) -> Limits:
        """``limits`` with ``time_limit`` in it."""
        if self.time_limit is None:
            return self.limits
        return msgspec.structs.replace(self.limits, cpu_time=self.time_limit)


def _check_groups(groups: dict[str, Group], named: set[str | None]) -> None:
    """Raises ValueError."""
    before: set[str] = set()
    for name, group in groups.items():
        if name not in named:
            raise ValueError(f"groups: no test is of the group {name!r}")
        for required in group.require_pass:
            if required not in named:
                raise ValueError(f"groups[{name!r}].require_pass: no test is of the group {required!r}")
            if required in groups and required not in before:
                raise ValueError(f"groups[{name!r}].require_pass: {required!r} does not come before it")
        before.add(name)
