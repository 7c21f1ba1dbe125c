"""EvalPlus' own files (HumanEvalPlus, MbppPlus): inputs, and a reference program that says what is right.

There are no expected outputs in them. The tests call the reference and the program with the same arguments, and compare
as EvalPlus does: equal, or floats within ``atol`` (1e-6 without one) and a relative 1e-7; a few tasks have rules of
their own. JSON knows no tuples, so the files of MBPP are put right by number of the task, as EvalPlus does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from ..problem import Checker, TestCase
from ..submission import Submission
from .base import Example, Fields, Format, Public, Unusable, as_list, make_problem
from .demanding import check_demand, limits_of
from .prompts import before


class _Row(msgspec.Struct):
    task_id: str
    prompt: str
    entry_point: str
    canonical_solution: str
    base_input: list[list[Any]]
    plus_input: list[list[Any]] | dict[str, Any]
    atol: float = 0.0


class EvalPlus(Format[_Row]):
    name: ClassVar[str] = "evalplus"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("base_input", "plus_input", "canonical_solution")
    public: ClassVar[tuple[Public, ...]] = (
        Public("HumanEval+ and MBPP+ as EvalPlus has them", "humaneval", "assert", "one right"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        if not row.entry_point.isidentifier():
            raise Unusable("entry_point", "no name of a function", row.entry_point)
        reference = f"{row.prompt}\n{row.canonical_solution}"
        if not row.task_id.startswith("Mbpp/"):
            reference = row.prompt + row.canonical_solution
        check_demand(row.task_id, "plus_input", str(row.plus_input))
        tests = tuple(
            TestCase(code=_test(row, reference, _inputs(row, field, given)), group=group)
            for field, group, given in (("base_input", "base", row.base_input), ("plus_input", "plus", row.plus_input))
            if given
        )
        problem = make_problem(
            problem_id=row.task_id,
            mode="assert",
            tests=tests,
            checker=Checker(type="assert"),
            limits=limits_of(row.task_id),
            entry_point=row.entry_point,
            prelude=before(row.prompt, row.entry_point),
            statement=row.prompt,
            starter_code=None if row.task_id.startswith("Mbpp/") else row.prompt,
        )
        return Example(problem, _reference(reference))


def _reference(code: str) -> Iterator[Submission]:
    yield Submission(code=code, name="canonical_solution", accept=True)


_TEST = """\
import copy, math

inf, nan = math.inf, math.nan
space = {{}}
exec(compile({reference!r}, "reference", "exec"), space)


def floats(value):
    return isinstance(value, float) or (
        isinstance(value, (list, tuple)) and bool(value) and all(isinstance(each, float) for each in value)
    )


def close(got, wanted, atol):
    if isinstance(wanted, (list, tuple)):
        return len(got) == len(wanted) and all(close(a, b, atol) for a, b in zip(got, wanted))
    return abs(got - wanted) <= atol + 1e-7 * abs(wanted)


def right(got, wanted, given, atol):
    if atol == 0 and floats(wanted):
        atol = 1e-6
    return got == wanted or (atol != 0 and type(got) == type(wanted) and close(got, wanted, atol))


{rule}
for given in {inputs}:
    wanted = space[{name!r}](*copy.deepcopy(given))
    got = {name}(*copy.deepcopy(given))
    assert right(got, wanted, given, {atol!r}), f"{{given!r:.200}}: {{got!r:.200}}, not {{wanted!r:.200}}"
"""

_ALSO = "\n\ndefault = right\n\n\ndef right(got, wanted, given, atol):\n    "
_AS_SETS = _ALSO + "return set(got) == set(wanted) or default(got, wanted, given, atol)\n"
_ANY_MATCH = _ALSO + "return (wanted is not None) == (got if isinstance(got, bool) else got is not None)\n"
_RULES = {
    "HumanEval/32": _ALSO + "return abs(sum(c * math.pow(got, i) for i, c in enumerate(given[0]))) <= atol\n",
    "Mbpp/164": _ALSO + "return True  # EvalPlus takes any answer: the task contradicts itself\n",
    "Mbpp/295": _ALSO + "return default(got, wanted, given, atol) or got == 0\n",
    "Mbpp/558": _ALSO
    + """\
a, b = (str(each) for each in given)
    width = max(len(a), len(b))
    digits = zip(a.zfill(width), b.zfill(width))
    return default(got, wanted, given, atol) or got == sum(abs(int(x) - int(y)) for x, y in digits)
""",
    "Mbpp/581": _ALSO
    + """\
base, height = given
    other = round(base**2 + 2 * base * math.sqrt((base / 2) ** 2 + height**2))
    return default(got, wanted, given, atol) or abs(got - other) <= atol
""",
    **dict.fromkeys((f"Mbpp/{n}" for n in (2, 7, 111, 140, 232, 249, 579, 769)), _AS_SETS),
}
_BY_NAME: dict[str, str] = dict.fromkeys(("check_str", "text_match_three", "text_starta_endb"), _ANY_MATCH)
"""Tasks that answer with a match object, or with whether there is one."""


def _test(row: _Row, reference: str, inputs: list[Any]) -> str:
    rule = _RULES.get(row.task_id, "")
    if row.task_id.startswith("Mbpp/"):
        rule = rule or _BY_NAME.get(row.entry_point, "")
    try:
        literal = repr(inputs)
    except RecursionError:
        raise Unusable("plus_input", "nested too deep") from None
    return _TEST.format(reference=reference, rule=rule, inputs=literal, name=row.entry_point, atol=row.atol)


# ------------------------------------------------------------------------------------------------- tuples of MBPP


def _tuples(value: list[Any]) -> list[Any]:
    return [tuple(each) for each in value]


def _tuple_of_tuples(value: list[Any]) -> tuple[Any, ...]:
    return tuple(_tuples(value))


def _mixed(value: list[Any]) -> tuple[Any, ...]:
    return tuple(each if (values := as_list(each)) is None else tuple(values) for each in value)


def _deep(value: Any) -> Any:
    values = as_list(value)
    return value if values is None else tuple(_deep(each) for each in values)


def _sets(value: list[Any]) -> list[Any]:
    return [set(each) if each else {} for each in value]


def _values(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(each) for name, each in value.items()}


def _same(value: Any) -> Any:
    return value


Shape = Callable[[Any], Any]

_SHAPES: dict[int, tuple[Shape, ...]] = {
    **dict.fromkeys(
        (2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809),
        (tuple, tuple),
    ),
    **dict.fromkeys((63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780), (_tuples, _tuples)),
    **dict.fromkeys((75, 413, 444, 753), (_tuples,)),
    **dict.fromkeys((106, 750), (_same, tuple)),
    **dict.fromkeys((250, 307, 405, 446, 617, 720, 763, 808), (tuple,)),
    **dict.fromkeys((259, 401, 445), (_tuple_of_tuples, _tuple_of_tuples)),
    **dict.fromkeys((580, 615, 791), (_deep, _deep)),
    115: (_sets,),
    124: (float, complex),
    252: (complex,),
    278: (_mixed,),
    722: (_values,),
}
"""For each argument what it is made of; further arguments stay as they are."""


def _inputs(row: _Row, field: str, inputs: Any) -> list[Any]:
    number = row.task_id.removeprefix("Mbpp/")
    shapes = _SHAPES.get(int(number)) if number != row.task_id and number.isdecimal() else None
    if not shapes:
        return list(inputs)
    result: list[Any] = []
    for position, given in enumerate(inputs):
        try:
            shaped = [shape(value) for shape, value in zip(shapes, given, strict=False)]
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            raise Unusable(f"{field}[{position}]", f"not the arguments of {row.task_id}: {error}", given) from None
        result.append([*shaped, *given[len(shapes) :]])
    return result
