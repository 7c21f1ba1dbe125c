"""The idioms of bench/idioms are what they say, in plain Python: right programs pass, wrong ones fail."""

from __future__ import annotations

from microcoder.bench.idioms import idioms, plain

from .in_python import run


def test_python_passes_the_right_programs_only() -> None:
    judged = [(idiom, name, right, source) for idiom in idioms() for name, source, right in idiom.programs]
    ends = run([plain.Case(idiom.test, source, idiom.prelude) for idiom, _, _, source in judged])
    bad = [
        f"{idiom.name}, {name}: {'passes' if end.passed else 'fails'}\n{end.words}"
        for (idiom, name, right, _), end in zip(judged, ends, strict=True)
        if end.passed is not right
    ]
    assert not bad, "\n".join(bad)


def test_there_are_as_many_as_documented() -> None:
    assert len(idioms()) > 300
