"""LiveCodeBench's test output prediction (test_generation): a task in words, and the input of one test. Asked is what a
right function returns for it."""

from __future__ import annotations

import json
import math
from typing import Any, ClassVar

import msgspec

from ..problem import TestCase
from ..submission import Submission
from .base import Example, Fields, Format, Public, Unusable, make_problem
from .livecodebench import Test, iso_date
from .packed import read

_ASKED = """{content}

```python
{starter}
```

Complete the test case: answer with the whole assertion, in a ```python block.

```python
assert {call} ==  # TODO
```
"""


class _Row(msgspec.Struct):
    question_id: str | int
    question_content: str
    function_name: str
    test: str | list[Test]
    test_id: int | None = None
    starter_code: str = ""
    question_title: str | None = None
    difficulty: str | None = None
    contest_date: Any = None
    contest_id: str | None = None


class LiveCodeBenchTestOutput(Format[_Row]):
    name: ClassVar[str] = "livecodebench-test-output"
    row: ClassVar[type[_Row]] = _Row
    known_by: ClassVar[Fields] = ("question_id", "question_content", "function_name", "test")
    public: ClassVar[tuple[Public, ...]] = (
        Public("LiveCodeBench, test output prediction", "predictions", "output prediction", "one right answer"),
    )

    def example(self, row: _Row, fallback_id: str) -> Example:
        tests = read(row.test, list[Test], "test")
        if len(tests) != 1:
            raise Unusable("test", f"{len(tests)} tests, but one answer is for one", row.test)
        call = f"{row.function_name}({', '.join(tests[0].input.split(chr(10)))})"
        output = _source(tests[0].output)
        name = str(row.question_id)
        problem = make_problem(
            problem_id=name if row.test_id is None else f"{name}/{row.test_id}",
            mode="output_prediction",
            tests=(TestCase(input=call, output=output),),
            title=row.question_title,
            statement=_ASKED.format(content=row.question_content, starter=row.starter_code, call=call),
            difficulty=row.difficulty,
            contest_date=iso_date(row.contest_date),
            source=row.contest_id,
        )
        return Example(problem, [Submission(code=output, name="output", accept=True)], also=name)


def _source(output: str) -> str:
    """The value that JSON says, as Python writes it. Raises Unusable."""
    try:
        return _written(json.loads(output))
    except (ValueError, RecursionError) as error:
        raise Unusable("test[0].output", f"not JSON: {error}", output) from None


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {_written(item)}' for key, item in value.items())}}}"  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)
