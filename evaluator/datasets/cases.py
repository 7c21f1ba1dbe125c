"""Test cases in the forms that training sets publish them in; shared by several formats.

    {"inputs": [...], "outputs": [...], "fn_name": "f"}      APPS, TACO, PRIME, verl, NeMo-Gym
    {"input": [...], "output": [...]}                        RLVR_Coding_Problems, X-Coder
    {"test_case_inputs": ["..."], ...}                       prime-rl, each of them JSON
    [{"input": ..., "output": ...}, ...]                     open-r1, PrimeIntellect, DeepCoder, LiveCodeBench, SkyRL
    [{"input": ..., "expected_output": ...}, ...]            the same, renamed
    [{"input": {"stdin": ...}, "output": {"stdout": ...}}]   CommonOJ of SandboxFusion
    {"stdin": [...], "stdout": [...]}                        KodCode
    {"functional": "def check(candidate): ..."}              LeetCode in DeepCoder
    {"test_code": "def check(candidate): ...",               Skywork
     "entry_point": "Solution().f", "import_prefix": "..."}
    {"assert_case": ["assert ..."]}                          verl, Skywork
    {"test_cases": [...]}                                    X-Coder; one of the lists here
    {"pytest": "def test_f(): ..."}                          Code-R1
    ["assert ...", ...]                                      AceCode, open-r1, open-instruct
    "def test_f(): ..."                                      rLLM: a module of tests, or assertions, as they are

Each may be text: JSON, a Python literal, or packed; and so may the JSON within it. For standard input, a list stands
for lines. For functions, arguments are a list, or JSON values on lines of their own. Outputs of functions are often
wrapped in a list of one, which their graders accept along with the plain form; `wrapped` says what is meant here.
"""

from __future__ import annotations

import ast
import json
import marshal
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

from ..asserts import functions, split
from ..asserts.functions import ASSERTING
from ..digits import Digits, dumps, loads
from ..problem import Checker, TestCase
from ..starter import is_class, list_depth, methods_of
from . import packed
from .base import Unusable, as_list, as_object

LITERAL = 1 << 23
"""Characters of a Python literal that are parsed: it takes much memory, and JSON is the usual form."""
LITERAL_MEMORY = 4 << 30
"""Bytes that the longest may take."""
SHORT = 1 << 13
"""Characters that are parsed at once, in about ten milliseconds."""
ENCODED = 4
"""Times that JSON may be encoded as JSON."""
_PACKED = ("eJ", "eN", "eA", "eF")
"""How base64 of zlib begins."""

PRELUDE = """\
import bisect, collections, copy, datetime, functools, heapq, itertools, json, math
import operator, random, re, statistics, string, sys
from typing import *
from bisect import *
from collections import *
from functools import *
from heapq import *
from itertools import *
from math import *
from operator import *
from string import *
from builtins import *
"""
"""What LeetCode and its like import before a solution. Names of the language come last, so they win."""

NODES = """\
class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next
class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val = val
        self.left = left
        self.right = right
def list_node(values):
    head = None
    for val in reversed(values or []):
        head = ListNode(val, head)
    return head
def is_same_list(p1, p2):
    while p1 and p2 and p1.val == p2.val:
        p1, p2 = p1.next, p2.next
    return not p1 and not p2
def tree_node(values):
    rest = iter(values or [])
    nodes = [TreeNode(val) for val in itertools.islice(rest, 1)]
    for node in nodes:
        for side in ("left", "right"):
            val = next(rest, None)
            if val is not None:
                nodes.append(TreeNode(val))
                setattr(node, side, nodes[-1])
    return nodes[0] if nodes else None
def is_same_tree(p, q):
    pairs = [(p, q)]
    for p, q in pairs:
        if p and q and p.val == q.val:
            pairs += (p.left, q.left), (p.right, q.right)
        elif p or q:
            return False
    return True
"""
"""What LeetCodeDataset has besides, for tests that use it."""
_NODES = re.compile(r"\b(?:ListNode|TreeNode|list_node|tree_node|is_same_list|is_same_tree)\b")

TOLERANCE = 1e-5
"""Of floats that functions return; LeetCode's."""


class Cases(NamedTuple):
    """The tests of a problem, and what they say of how to run it; fields of Problem."""

    tests: tuple[TestCase, ...]
    mode: str = "stdio"
    entry_point: str | None = None
    entry_class: str | None = None
    prelude: str = ""
    """What the tests bring along for programs to use, besides what all get."""

    def fields(self) -> dict[str, Any]:
        """For `make_problem`."""
        fields: dict[str, Any] = {"tests": self.tests, "mode": self.mode}
        if self.mode == "call":
            checker = Checker(type="python_eq", float_tol=TOLERANCE)
            fields |= {"checker": checker, "entry_point": self.entry_point, "entry_class": self.entry_class}
        elif self.mode == "assert":
            fields |= {"checker": Checker(type="assert")}
            fields |= {"entry_point": self.entry_point, "entry_class": self.entry_class}
        if self.mode != "stdio":
            fields["prelude"] = PRELUDE
            if not _NODES.search(self.prelude) and any(_NODES.search(test.code or "") for test in self.tests):
                fields["prelude"] += NODES
            fields["prelude"] += self.prelude
        return fields


def parse(text: Any, field: str) -> Any:
    """Objects as they are; text as JSON, as a Python literal, or packed; source of tests as it is. JSON of JSON is what
    that says. Raises Unusable."""
    for _ in range(ENCODED):
        if not isinstance(text, str):
            break
        text = _parsed(text, field)
        if isinstance(text, str) and text.lstrip()[:1] not in ("{", "[", '"'):
            break
    return text


def is_packed(text: str) -> bool:
    """Whether it begins as base64 of zlib does, and has no blank."""
    return text.startswith(_PACKED) and not any(blank in text for blank in " \n")


def _parsed(text: str, field: str) -> Any:
    if is_packed(text):
        return packed.read(text, Any, field)
    try:
        return loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error)
    if len(text) <= LITERAL and text[:1] in "{[(":
        try:
            return ast.literal_eval(text) if _literals_here or len(text) <= SHORT else _long_literal(text)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            pass
    if is_source(text):
        return text
    raise Unusable(field, f"neither JSON nor a Python literal: {reason}", text)


_literals_here = False


def read_literals_here() -> None:
    """Long ones, too: this process does nothing else, and has limits of its own."""
    global _literals_here
    _literals_here = True


_READ_LITERAL = """\
import ast, marshal, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
_, most = resource.getrlimit(resource.RLIMIT_AS)
if most == resource.RLIM_INFINITY:
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), most))
sys.stdout.buffer.write(marshal.dumps(ast.literal_eval(sys.stdin.buffer.read().decode("utf-8", "surrogatepass"))))
"""


def _long_literal(text: str) -> Any:
    """In a process of its own: Python's parser lets no other thread of this one run. Raises ValueError."""
    command = [sys.executable, "-I", "-S", "-c", _READ_LITERAL, str(LITERAL_MEMORY)]
    done = subprocess.run(command, input=text.encode("utf-8", "surrogatepass"), capture_output=True, check=False)
    if done.returncode != 0:
        raise ValueError(text)
    return marshal.loads(done.stdout)


def read_cases(value: Any, field: str, *, starter: str | None = None, fn_name: str | None = None) -> Cases:
    """Tests in any of the forms above. ``starter``: starter code or statement, for a class and the type of results."""
    value = parse(value, field)
    if isinstance(value, str) and is_source(value):
        cases = _module(value)
    elif (columns := as_object(value)) is not None:
        cases = _columns(columns, field, starter or "", fn_name)
    elif (rows := as_list(value)) is not None:
        cases = _objects(rows, field, starter or "", fn_name)
    else:
        raise Unusable(field, "holds no tests: neither inputs and outputs nor a list of tests", value)
    if not cases.tests:
        raise Unusable(field, "empty: the problem has no tests")
    return cases


def is_source(text: str) -> bool:
    """Whether the text is source that asks something of a program: lines with assertions, or test functions."""
    return len(text) <= LITERAL and (_ASKS.search(text) is not None or bool(functions(text)))


def _module(text: str) -> Cases:
    return _checked((TestCase(code=text),) if _ASKS.search(text) else function_tests(text))


def _checked(tests: tuple[TestCase, ...]) -> Cases:
    """Tests that call ``check`` themselves, with the function or the method that is asked for."""
    function, kind = None, None
    for test in tests:
        for name, method in _CHECKED.findall(test.code or ""):
            function, kind = (None, name) if method else (name, None)
    return Cases(tests, "assert", function, kind)


_COLUMNS = (("inputs", "outputs"), ("input", "output"), ("test_case_inputs", "test_case_outputs"), ("stdin", "stdout"))
"""What they are called; the first is usual. Of the third each value is JSON."""
_CHECKED = re.compile(r"^check\(([^\W\d]\w*)(\(\)\.\w+)?\)", re.MULTILINE)
_ASKS = re.compile(r"^(?:assert\b|check\()", re.MULTILINE)
"""Lines of tests that are source: an assertion, or a call of ``check``."""
_SOURCES = ("functional", "pytest", "test_code", "assert_case", "test_cases")


def holds_cases(value: dict[str, Any]) -> bool:
    """Whether an object is in one of the forms above, by its fields; ``input`` and ``output`` have to be lists."""
    names = {*_SOURCES, *_COLUMNS[0], *_COLUMNS[2]}
    lists = {name for name, each in value.items() if isinstance(each, list)}
    return not names.isdisjoint(value) or any(lists.issuperset(_COLUMNS[pair]) for pair in (1, 3))


def _columns(value: dict[str, Any], field: str, starter: str, fn_name: str | None) -> Cases:
    if code := value.get("functional"):
        return _checked((TestCase(code=_text(code, f"{field}.functional")),))
    if code := value.get("pytest"):
        return Cases(function_tests(_text(code, f"{field}.pytest")), "assert")
    if value.get("test_code"):
        return _check(value, field)
    if asserts := value.get("assert_case"):
        several = as_list(asserts)
        return _assertions([asserts] if several is None else several, f"{field}.assert_case")
    metadata = as_object(value.get("metadata")) or {}
    name = value.get("fn_name") or metadata.get("func_name") or fn_name
    if value.get("test_cases"):
        return _objects(_column(value, "test_cases", field), f"{field}.test_cases", starter, name)
    if value.keys() == {"question_id"}:
        raise Unusable(
            f"{field}.question_id",
            "names a problem of LiveCodeBench, whose tests are not here: judge the files of LiveCodeBench",
            value["question_id"],
        )
    if value.keys().isdisjoint(name for pair in _COLUMNS for name in pair):
        raise Unusable(field, "holds no tests: neither inputs and outputs nor code that tests", sorted(value))
    pair = next((pair for pair in _COLUMNS if any(value.get(each) for each in pair)), _COLUMNS[0])
    if pair == ("input", "output") and not all(isinstance(value.get(each), list) for each in pair):
        return _tests([(field, value)], starter, fn_name)
    inputs, outputs = (_column(value, each, field) for each in pair)
    if len(inputs) != len(outputs):
        raise Unusable(field, f"{len(inputs)} inputs, but {len(outputs)} outputs")
    fields = [(f"{field}.{pair[0]}[{number}]", f"{field}.{pair[1]}[{number}]") for number in range(len(inputs))]
    if pair == _COLUMNS[2]:
        inputs = [_json(each, place) for each, (place, _) in zip(inputs, fields, strict=True)]
        outputs = [_json(each, place) for each, (_, place) in zip(outputs, fields, strict=True)]
    if name:
        return call_cases(inputs, outputs, fields, function_name(name, f"{field}.fn_name"), starter)
    return Cases(stdio_cases(inputs, outputs, fields))


def _column(value: dict[str, Any], name: str, field: str) -> list[Any]:
    if value.get(name) is None:
        raise Unusable(f"{field}.{name}", "missing")
    column = as_list(parse(value[name], f"{field}.{name}"))
    if column is None:
        raise Unusable(f"{field}.{name}", "not a list", value[name])
    return column


def _check(value: dict[str, Any], field: str) -> Cases:
    """``check`` is defined in the code, and called here."""
    code = _text(value["test_code"], f"{field}.test_code")
    name = _text(value.get("entry_point"), f"{field}.entry_point")
    prelude = _text(value.get("import_prefix") or "", f"{field}.import_prefix")
    test = TestCase(code=f"{code}\n\ncheck({name})\n")
    return _checked((test,))._replace(prelude=f"{prelude}\n")


def _assertions(value: Sequence[Any], field: str) -> Cases:
    return Cases(tuple(TestCase(code=assertion(each, f"{field}[{n}]")) for n, each in enumerate(value)), "assert")


def assertion(value: Any, field: str) -> str:
    """Raises Unusable for a test that lets every program pass, or none."""
    code = _text(value, field)
    if not ASSERTING.search(code) and "raise" not in code:
        raise Unusable(field, "asserts nothing, and would accept every program: write it as an assertion", code)
    if re.match(r"assert\b.*\bcandidate\(", code) and "candidate =" not in code:
        reason = "calls candidate, which nobody defines: write the name of the function, or a check(candidate)"
        raise Unusable(field, reason, code)
    return code


def function_tests(code: str, prelude: str = "") -> tuple[TestCase, ...]:
    """One for each test function where that may be; else the code is one test."""
    return tuple(TestCase(code=code, function=name) for name in split(code, prelude)) or (TestCase(code=code),)


def _objects(value: Sequence[Any], field: str, starter: str, fn_name: str | None) -> Cases:
    if value and all(isinstance(each, str) for each in value):
        begins = {each.lstrip()[:1] for each in cast("Sequence[str]", value)}
        if begins == {"["} and len(value) == 1:
            return read_cases(value[0], f"{field}[0]", starter=starter, fn_name=fn_name)
        if begins != {"{"}:
            return _assertions(value, field)
    return _tests([(f"{field}[{number}]", each) for number, each in enumerate(value)], starter, fn_name)


_OUTPUTS = ("output", "expected_output")
"""What the wanted output of a test is called."""


def _tests(tests: Sequence[tuple[str, Any]], starter: str, fn_name: str | None) -> Cases:
    """``tests``: field, and what stands there."""
    named: str | None = None
    inputs: list[Any] = []
    outputs: list[Any] = []
    fields: list[tuple[str, str]] = []
    for place, each in tests:
        test = as_object(parse(each, place))
        if test is None:
            raise Unusable(place, "not an object with input and output", each)
        wanted = next((name for name in _OUTPUTS if test.get(name) is not None), _OUTPUTS[0])
        fields.append((f"{place}.input", f"{place}.{wanted}"))
        for name, stream, column in (("input", "stdin", inputs), (wanted, "stdout", outputs)):
            if test.get(name) is None:
                raise Unusable(f"{place}.{name}", "missing")
            column.append(_stream(test[name], stream, f"{place}.{name}"))
        kind = test.get("testtype") or test.get("type")
        metadata = as_object(test.get("metadata")) or {}
        if kind in ("functional", "function_call"):
            own = test.get("fn_name") or metadata.get("func_name")
            if own and named and named != own:
                raise Unusable(f"{place}.fn_name", f"another function than that of the tests before it, {named}", own)
            named = own or named
            fn_name = fn_name or own
            if not fn_name:
                raise Unusable(f"{place}.fn_name", f"missing, but the test is of type {kind}")
        elif kind in (None, "stdin", "stdin_stdout"):
            fn_name = fn_name or test.get("fn_name")
        else:
            raise Unusable(f"{place}.type", "not supported; supported: stdin_stdout, function_call", kind)
    if fn_name:
        return call_cases(inputs, outputs, fields, function_name(fn_name, f"{tests[0][0]}.fn_name"), starter)
    return Cases(stdio_cases(inputs, outputs, fields))


def _stream(value: Any, name: str, field: str) -> Any:
    """What stands there itself, or under the name of the stream, beside which may be files."""
    files = as_object(value)
    if files is None:
        return value
    if name not in files:
        raise Unusable(f"{field}.{name}", "missing")
    if others := files.keys() - {name}:
        reason = "files are not supported: programs read standard input and write standard output"
        raise Unusable(field, reason, sorted(others))
    return files[name]


def stdio_cases(
    inputs: Iterable[Any], outputs: Iterable[Any], fields: Sequence[tuple[str, str]]
) -> tuple[TestCase, ...]:
    rows = zip(inputs, outputs, fields, strict=True)
    return tuple(TestCase(input=_lines(given, a), output=_lines(wanted, b)) for given, wanted, (a, b) in rows)


def call_cases(
    inputs: Sequence[Any], outputs: Sequence[Any], fields: Sequence[tuple[str, str]], fn_name: str, starter: str
) -> Cases:
    """Arguments and results as JSON. Text is taken for JSON on lines, as LiveCodeBench has it."""
    name = fn_name.rpartition(".")[2]
    arguments = [_arguments(given, field) for given, (field, _) in zip(inputs, fields, strict=True)]
    results = list(outputs)
    if all(isinstance(result, str) for result in results) and all(isinstance(given, str) for given in inputs):
        results = [_json(result, field) for result, (_, field) in zip(results, fields, strict=True)]
    elif wrapped(results, result_depth(starter, name)):
        results = [result[0] for result in results]
    tests = tuple(
        TestCase(input=_dumps(given, a), output=_dumps(wanted, b))
        for given, wanted, (a, b) in zip(arguments, results, fields, strict=True)
    )
    in_class = re.search(r"\bclass Solution\b", starter) is not None and not is_class(starter, name)
    return Cases(tests, "call", name, "Solution" if in_class else None)


def function_name(value: Any, field: str) -> str:
    """What stands there, if it can be called: ``f``, ``Solution.f``. Raises Unusable."""
    name = _text(value, field)
    if not name.rpartition(".")[2].isidentifier():
        raise Unusable(field, "no name of a function", name)
    return name


def wrapped(results: Sequence[Any], depth: int | None) -> bool:
    """Whether every result stands in a list of one.

    So it is when each is such a list, unless the signature says that lists of this depth are returned.
    """
    if not results or not all(len(as_list(result) or ()) == 1 for result in results):
        return False
    return depth is None or max(_depth(result) for result in results) > depth


def result_depth(starter: str, name: str) -> int | None:
    """How deep the lists are that a function returns, by its annotation. None: it has none that says. Of a class they
    are what its methods return, in a list."""
    if is_class(starter, name):
        return 1
    methods = methods_of(starter, name)
    return list_depth(methods[0], starter) if methods else None


def _depth(value: Any) -> int:
    """Of lists within lists, as far as the first element goes. No recursion: the data may be nested deep."""
    depth = 0
    while (values := as_list(value)) is not None:
        depth += 1
        value = values[0] if values else None
    return depth


def _lines(value: Any, field: str) -> str:
    if isinstance(value, str):
        return value
    lines = as_list(value)
    if lines is not None and all(isinstance(line, str) for line in lines):
        return "\n".join(lines)
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, Digits):
        return value.text
    raise Unusable(field, "neither text nor a list of lines", value)


def _arguments(value: Any, field: str) -> list[Any]:
    if isinstance(value, tuple):  # of a Python literal
        return list(cast("tuple[Any, ...]", value))
    if (arguments := as_list(value)) is not None:
        return arguments
    if isinstance(value, str):
        return [_json(line, field) for line in value.split("\n") if line.strip()]
    raise Unusable(field, "neither a list of arguments nor JSON on lines", value)


def _json(text: str, field: str) -> Any:
    try:
        return loads(text)
    except (ValueError, RecursionError) as error:
        raise Unusable(field, f"not JSON: {error}", text) from None


def _dumps(value: Any, field: str) -> str:
    try:
        return json.dumps(value)
    except TypeError:  # long integers, perhaps
        pass
    try:
        return dumps(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise Unusable(field, f"not JSON: {error}", value) from None


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise Unusable(field, "not text", value)
    return value
