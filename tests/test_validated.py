"""Bounds hold for what was made in Python as for what was decoded: every one of every Struct, by its type info."""

from __future__ import annotations

import contextlib
import copy
import importlib
import importlib.util
import math
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from msgspec import inspect

from microcoder import evaluator, sandbox, trainer
from microcoder.evaluator import Checker, Problem, Submission, TestCase
from microcoder.evaluator.cli.calibrate import ProblemLimit
from microcoder.evaluator.encodable import Encodable
from microcoder.evaluator.problem import Group
from microcoder.evaluator.server.messages import EvaluateRequest, Registered
from microcoder.evaluator.server.messages import Program as SentProgram
from microcoder.evaluator.server.sandbox_fusion import RunCodeRequest
from microcoder.sandbox.limits import Limits
from microcoder.sandbox.validated import Validated, own_words

PACKAGES = (evaluator, sandbox, *([trainer] if importlib.util.find_spec("torch") else []))
"""The trainer is an extra."""


def _all() -> list[type[msgspec.Struct]]:
    for package in PACKAGES:
        root = Path(package.__path__[0])
        for file in root.rglob("*.py"):
            if re.search(r"msgspec|Validated", file.read_text()) and "inside" not in file.parts:
                names = file.relative_to(root).with_suffix("").parts
                importlib.import_module(".".join((package.__name__, *names)))
    found: dict[type[msgspec.Struct], None] = {}

    def add(kind: type[msgspec.Struct]) -> None:
        for each in kind.__subclasses__():
            if each.__module__.startswith(tuple(package.__name__ for package in PACKAGES)):  # not what else is loaded
                found[each] = None
            add(each)

    add(msgspec.Struct)
    twins = Validated.__module__  # what instances are held to; never seen outside
    return [kind for kind in found if kind.__module__ != twins]


STRUCTS = _all()
VALIDATED = [kind for kind in STRUCTS if issubclass(kind, Validated)]
BOUNDS = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length")

_MODEL: dict[str, Any] = {"path": "m"}
_DATA: dict[str, Any] = {"files": []}
NEEDED: dict[str, dict[str, Any]] = {
    "Problem": {"problem_id": "p", "tests": [{}]},
    "Group": {"max_score": 1.0},
    "Included": {"files": {}},
    "Submission": {"code": "1"},
    "ProgramRow": {"code": "1"},
    "ProblemLimit": {"problem_id": "p", "time_limit": 1.0, "slowest": 1.0, "programs": 1},
    "Program": {"code": "1"},
    "EvaluateRequest": {"submissions": [{"code": "1"}]},
    "Registered": {"digest": "0" * 64, "problem_id": "p", "tests": 1},
    "RunCodeRequest": {"code": "1", "language": "python"},
    "Model": _MODEL,
    "Data": _DATA,
    "Config": {"output": "o", "model": _MODEL, "data": _DATA},
}
"""Fields that have no default, as they are decoded."""


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError("not a path")


def decoded(kind: type[Any], fields: dict[str, Any]) -> Any:
    data = msgspec.msgpack.encode(fields)
    return msgspec.msgpack.decode(data, type=kind, dec_hook=_path)


def least(kind: type[Any]) -> Any:
    return decoded(kind, NEEDED.get(kind.__name__, {}))


def bounds(kind: inspect.Type, wrap: Callable[[Any], Any] = lambda value: value) -> Iterator[tuple[str, Any, Any]]:
    """Name of a bound, a value that breaks it, and one that just keeps it; wherever in the type it stands."""
    for name in BOUNDS:
        bound = getattr(kind, name, None)
        if bound is not None:
            yield name, wrap(_beyond(kind, name, bound)), wrap(_within(kind, name, bound))
    match kind:
        case inspect.UnionType():
            for each in kind.types:
                yield from bounds(each, wrap)
        case inspect.ListType() | inspect.VarTupleType() | inspect.SetType() | inspect.FrozenSetType():
            yield from bounds(kind.item_type, lambda value: wrap([value]))
        case inspect.DictType():
            yield from bounds(kind.key_type, lambda key: wrap({key: _any(kind.value_type)}))
            yield from bounds(kind.value_type, lambda value: wrap({_any(kind.key_type): value}))
        case inspect.TupleType():
            for place, each in enumerate(kind.item_types):
                rest = [_any(other) for other in kind.item_types]
                yield from bounds(each, lambda value, p=place, r=rest: wrap([*r[:p], value, *r[p + 1 :]]))
        case _:
            pass


def _beyond(kind: inspect.Type, name: str, bound: Any) -> Any:
    step = 1 if isinstance(kind, inspect.IntType) else 1e-6
    match name:
        case "gt" | "lt":
            return bound
        case "ge":
            return bound - step
        case "le":
            return bound + step
        case "multiple_of":
            return bound + bound / 2
        case "min_length":
            return _long(kind, bound - 1)
        case "max_length":
            return _long(kind, bound + 1)
        case _:
            return "\n"


def _within(kind: inspect.Type, name: str, bound: Any) -> Any:
    step = 1 if isinstance(kind, inspect.IntType) else 1e-6
    match name:
        case "gt":
            return bound + step
        case "lt":
            return bound - step
        case "min_length" | "max_length":
            return _long(kind, bound)
        case "pattern":
            return _any(kind)
        case _:
            return bound


def _long(kind: inspect.Type, length: int) -> Any:
    if isinstance(kind, inspect.StrType):
        return "a" * length
    item = cast("inspect.ListType", kind).item_type
    return [_any(item)] * length


def _any(kind: inspect.Type) -> Any:
    """Of this type."""
    match kind:
        case inspect.StrType():
            return next(text for text in ("a", "0" * 64) if not kind.pattern or _matches(kind.pattern, text))
        case inspect.IntType() | inspect.FloatType():
            return kind.ge if kind.ge is not None else (kind.gt or 0) + 1
        case inspect.StructType():
            return NEEDED.get(kind.cls.__name__, {})
        case inspect.UnionType():
            return _any(kind.types[0])
        case _:
            raise AssertionError(f"no value for {kind}")


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


BROKEN = [
    pytest.param(kind, field.name, beyond, within, id=f"{kind.__name__}.{field.name}-{name}-{number}")
    for kind in VALIDATED
    for field in cast("inspect.StructType", inspect.type_info(kind)).fields
    for number, (name, beyond, within) in enumerate(bounds(field.type))
]


def test_every_bound_is_of_a_struct_that_is_validated() -> None:
    """But for the frames between runner and parent, which only a decoder makes, and many of them for each program."""
    loose = {
        kind
        for kind in STRUCTS
        if not issubclass(kind, Validated)
        for field in cast("inspect.StructType", inspect.type_info(kind)).fields
        if any(True for _ in _names(field.type))
    }
    assert {kind.__module__ for kind in loose} == {"microcoder.sandbox.protocol"}


def _names(kind: inspect.Type) -> Iterator[str]:
    with contextlib.suppress(AssertionError):
        for name, *_ in bounds(kind):
            yield name


def test_the_bounds_are_found() -> None:
    found = {(parameter.values[0], parameter.values[1]) for parameter in BROKEN}
    for kind, fields in (
        (Limits, Limits.__struct_fields__),
        (Problem, ("tests", "time_limit", "entry_point", "entry_class")),
        (Checker, ("float_tol",)),
        (Group, ("max_score",)),
        (SentProgram, ("id",)),
        (EvaluateRequest, ("submissions",)),
        (Registered, ("digest",)),
        (RunCodeRequest, ("run_timeout", "memory_limit_MB", "files", "fetch_files")),
        (ProblemLimit, ("time_limit",)),
    ):
        assert {(kind, field) for field in fields} <= found


@pytest.mark.parametrize(("kind", "field", "beyond", "within"), BROKEN)
def test_a_bound_holds_however_it_is_made(kind: type[Any], field: str, beyond: Any, within: Any) -> None:
    needed = NEEDED.get(kind.__name__, {})
    with pytest.raises(msgspec.ValidationError):
        decoded(kind, needed | {field: beyond})
    whole = least(kind)
    for made in _made_with(whole, field, beyond):
        with pytest.raises(ValueError, match=rf"^{kind.__name__}\.{field}.*: .*\(found .*\)$") as told:
            made()
        own = own_words(str(told.value))
        assert own is not None
        assert own[0].startswith(field)
    try:
        kept = decoded(kind, needed | {field: within})
    except msgspec.ValidationError:  # another bound, or a rule over several fields
        return
    for made in _made_with(whole, field, within):
        assert made() == kept


def _made_with(whole: Any, field: str, value: Any) -> Iterator[Callable[[], Any]]:
    kind = type(whole)
    fields = msgspec.structs.asdict(whole)
    yield lambda: kind(**fields | {field: value})
    yield lambda: msgspec.structs.replace(whole, **{field: value})
    yield lambda: whole.__replace__(**{field: value})  # what copy.replace calls
    forced = kind(**fields)
    msgspec.structs.force_setattr(forced, field, value)
    yield lambda: pickle.loads(pickle.dumps(forced))
    yield lambda: copy.deepcopy(forced)


STRANGE = [
    None,
    True,
    5,
    -1,
    1.5,
    math.nan,
    math.inf,
    "x",
    "",
    b"x",
    [],
    [5],
    [None],
    ["a", "a"],
    {},
    {"x": 5},
    {"": {}},
]


@pytest.mark.parametrize("kind", VALIDATED, ids=lambda kind: kind.__name__)
def test_python_and_the_decoder_agree_about_every_field(kind: type[Any]) -> None:
    """Of what both can say: a decoder has other spellings of paths, and of parts that are left undecoded."""
    whole = least(kind)
    needed = NEEDED.get(kind.__name__, {})
    for field in cast("inspect.StructType", inspect.type_info(kind)).fields:
        if any(isinstance(part, inspect.CustomType | inspect.RawType) for part in _parts(field.type)):
            continue
        for value in STRANGE:
            try:
                expected = decoded(kind, needed | {field.name: value})
            except msgspec.ValidationError:
                for made in _made_with(whole, field.name, value):
                    with pytest.raises(ValueError, match=r"^\w+\.[a-z_]+.*: "):
                        made()
            else:
                for made in _made_with(whole, field.name, value):
                    assert made() == expected or value is math.nan, (field.name, value)


@pytest.mark.parametrize("kind", [kind for kind in STRUCTS if issubclass(kind, Encodable) and kind is not Encodable])
def test_every_field_of_a_report_that_may_be_text_is_made_encodable(kind: type[Encodable]) -> None:
    fields = cast("inspect.StructType", inspect.type_info(kind)).fields
    needed = dict.fromkeys(field.name for field in fields if field.required)
    texts = [field.name for field in fields if any(isinstance(part, inspect.StrType) for part in _parts(field.type))]
    assert texts
    for name in texts:
        assert getattr(kind(**(needed | {name: HALF})), name) == "a\\ud800"


def _parts(kind: inspect.Type) -> Iterator[inspect.Type]:
    yield kind
    for name in ("types", "item_types"):
        for part in getattr(kind, name, ()):
            yield from _parts(part)
    for name in ("item_type", "key_type", "value_type", "type"):
        if (part := getattr(kind, name, None)) is not None:
            yield from _parts(part)


def test_what_a_subclass_adds_is_held_to_its_type() -> None:
    more: Any = msgspec.defstruct("More", [("weight", float, 1.0)], bases=(Limits,), kw_only=True, frozen=True)
    assert more(weight=2).weight == 2.0
    for wrong in ({"weight": "2"}, {"cpu_time": -1.0}):
        with pytest.raises(ValueError, match=r"^More\."):
            more(**wrong)


def test_what_was_given_is_not_what_is_held() -> None:
    """Or a list of tests could be emptied after it was looked at."""
    tests, files = [TestCase("1", "1")], {"a": "1"}
    problem, checker = Problem(problem_id="p", tests=cast("Any", tests)), Checker(files=files)
    tests.clear()
    files.clear()
    assert problem.tests == (TestCase("1", "1"),)
    assert checker.files == {"a": "1"}
    hash(problem.tests)


def test_rules_over_several_fields_name_type_and_field() -> None:
    test = TestCase("1", "1")
    for fields, words in (
        ({"mode": "call"}, r"Problem\.entry_point: required"),
        ({"mode": "assert"}, r"Problem\.tests\[0\]\.code: required"),
        ({"groups": {"a": Group(max_score=1)}}, r"Problem\.groups: no test is of the group 'a'"),
    ):
        with pytest.raises(ValueError, match=words):
            Problem(problem_id="p", tests=(test,), **cast("Any", fields))
    with pytest.raises(msgspec.ValidationError, match=r"^Problem\.entry_point: required.* - at `\$\[0\]`$"):
        msgspec.json.decode(b'[{"problem_id": "p", "tests": [{}], "mode": "call"}]', type=list[Problem])


@pytest.mark.parametrize("cpu_time", [1e-6, 1.0, 3600.0])
def test_what_follows_from_a_limit_can_be_said_as_one(cpu_time: float) -> None:
    limits = Limits(cpu_time=cpu_time)
    said = msgspec.structs.replace(limits, idle_time=limits.idle_seconds, wall_time=limits.wall_seconds)
    assert (said.idle_seconds, said.wall_seconds) == (limits.idle_seconds, limits.wall_seconds)


def test_a_value_that_cannot_be_shown_is_still_named() -> None:
    with pytest.raises(
        ValueError, match=r"^Limits\.memory: expected int <= \d+ \(found int that is too long to show\)"
    ):
        Limits(memory=10**5000)
    with pytest.raises(ValueError, match=r"^Submission\.code: expected str \| null, got bytes"):
        Submission(code=cast("Any", b"x" * 10**6))


HALF = "a\ud800"


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda: TestCase(HALF), "TestCase.input"),
        (lambda: TestCase(type("Text", (str,), {})(HALF)), "TestCase.input"),
        (lambda: TestCase(output=HALF), "TestCase.output"),
        (lambda: TestCase(code=HALF), "TestCase.code"),
        (lambda: TestCase(group=HALF), "TestCase.group"),
        (lambda: Problem(problem_id=HALF, tests=(TestCase(),)), "Problem.problem_id"),
        (lambda: Problem(problem_id="p", tests=(TestCase(),), prelude=HALF), "Problem.prelude"),
        (lambda: Problem(problem_id="p", tests=(TestCase(),), title=HALF), "Problem.title"),
        (lambda: Checker(source=HALF), "Checker.source"),
        (lambda: Checker(files={HALF: ""}), "Checker.files[...]"),
        (lambda: Checker(files={"a": HALF}), "Checker.files[...]"),
        (lambda: Group(max_score=1, require_pass=("b", HALF)), "Group.require_pass[1]"),
    ],
)
def test_text_that_cannot_be_encoded_is_refused_by_field(make: Callable[[], object], where: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{where}: half of a surrogate pair at character ")):
        make()


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda: Problem(problem_id="p", mode="call", tests=(TestCase(),), entry_point="a\n"), "Problem.entry_point"),
        (lambda: Problem(problem_id="p", tests=(TestCase(),), entry_class="a\n"), "Problem.entry_class"),
        (lambda: Problem(problem_id="p", tests=(TestCase(),), entry_class="a" * 256), "Problem.entry_class"),
        (lambda: RunCodeRequest(code="", language="python", fetch_files=["a\n"]), "RunCodeRequest.fetch_files[0]"),
        (lambda: Registered(digest="0" * 64 + "\n", problem_id="p", tests=1), "Registered.digest"),
        (lambda: Checker(float_tol=math.inf), "Checker.float_tol"),
        (lambda: Checker(float_tol=math.nan), "Checker.float_tol"),
        (lambda: Group(max_score=math.inf), "Group.max_score"),
        (lambda: Group(max_score=math.nan), "Group.max_score"),
        (lambda: Checker(flags="a" * 5000), "Checker.flags"),
        (lambda: TestCase(flags="a" * 5000), "TestCase.flags"),
    ],
)
def test_what_no_worker_could_take_is_refused_by_field(make: Callable[[], object], where: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(where)}: "):
        make()


def test_no_pattern_lets_a_newline_through() -> None:
    """``$`` matches before one at the end."""
    for pattern in re.findall(r"pattern=r?\"(.*?)\"", "".join(_sources())):
        assert not pattern.endswith("$"), pattern


def _sources() -> Iterator[str]:
    for package in PACKAGES:
        for file in Path(package.__path__[0]).rglob("*.py"):
            yield file.read_text()
