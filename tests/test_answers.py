"""What an answer to a prediction says, and where it is in a completion."""

from __future__ import annotations

import ast

import pytest

from microcoder.evaluator.answer import NoAnswer, call_in, value_of
from microcoder.evaluator.compare.predicted import Predicted
from microcoder.evaluator.extract import Extraction, extract_answer

NINES = "9" * 5000


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("4", "4"),
        ("4", "4.0"),
        ("1", "True"),
        ("-0.0", "0.0"),
        ("0.1", "0.10"),
        ("1e309", "float('inf')"),
        ("'it'", '"it"'),
        (r"'\n\t'", '"""\n\t"""'),
        ("'ä'", r"'\xe4'"),
        ("b'a'", 'b"a"'),
        ("[1, (2, {'a': {3}})]", "[1,(2,{'a':{3,3}}),]"),
        ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
        ("{1, 2}", "{2, 1}"),
        ("set()", "set([])"),
        ("frozenset({1})", "{1}"),
        ("None", " None  # done"),
        ("1+2j", "(2j + 1)"),
        ("(1,)", "(1, )"),
        ("[0, 0, 0]", "[0] * 3"),
        ("'aa'", "'a' 'a'"),
        ("10", "0xa"),
        (NINES, f"{NINES}"),
        (f"[-{NINES}, 'a']", f"[-{NINES},\n 'a']"),
        (NINES, hex(10**5000 - 1)),
        ("[1, 2]", "[\n    1,\n    2,\n]"),
    ],
)
def test_equal_values(one: str, other: str) -> None:
    for expected, actual in ((one, other), (other, one), (one, f"assert f(x) == {other}"), (one, f"f(x) == {other}")):
        assert Predicted().compare(expected.encode(), actual.encode()).accepted, (expected, actual)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("4", "5"),
        ("4", "'4'"),
        ("'a'", "b'a'"),
        ("[1, 2]", "(1, 2)"),
        ("[1]", "{1}"),
        ("0.1", "0.1000001"),
        ("'a'", "'a '"),
        ("{'a': 1}", "{'a': 2}"),
        ("None", "False"),
        ("float('nan')", "float( 'nan' )"),
        (NINES, f"{NINES[:-1]}8"),
        (NINES, "1e308"),
        ("[[1], [2]]", "[[1], [2], []]"),
        ("(1)", "(1,)"),
        ("'é'", "'e\\u0301'"),
    ],
)
def test_other_values(one: str, other: str) -> None:
    for expected, actual in ((one, other), (other, one)):
        match = Predicted().compare(expected.encode(), actual.encode())
        assert (match.accepted, match.fault) == (False, False)
        assert (match.message or "").startswith("expected ")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "it is empty"),
        ("f(3)", "no constant, for it has a call of f"),
        ("x", "no constant, for it has the name x"),
        ("true", "no constant, for it has the name true"),
        ("[x for x in 'ab']", "no constant, for it has a ListComp"),
        ("'a'.upper()", "no constant, for it has a call of something"),
        ("lambda: 4", "no constant, for it has a Lambda"),
        ("__import__('os').getpid()", "no constant, for it has a call of something"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("[1][7]", "IndexError: list index out of range"),
        ("{[]: 1}", "TypeError: unhashable type: 'list'"),
        ("10 ** 10 ** 10", "no constant, for it has a constant of more than a million bits or items"),
        ("The answer is 4", "no Python: invalid syntax"),
        ("[" * 300 + "]" * 300, "no Python: too many nested parentheses"),
        ("x = 4", "no expression, and no assertion"),
        ("4; 5", "no expression, and no assertion"),
        ("'\0'", "no Python: source code string cannot contain null bytes"),
        ("'\ud800'", "no Python: "),
    ],
)
def test_no_values(answer: str, why: str) -> None:
    with pytest.raises(NoAnswer) as caught:
        value_of(answer)
    assert str(caught.value).startswith(why)
    assert not Predicted().compare(b"4", answer.encode("utf-8", "surrogatepass")).accepted


def test_nan_is_nan_where_it_is_the_same_text() -> None:
    assert Predicted().compare(b"float('nan')", b"float('nan')").accepted
    assert not Predicted().compare(b"[float('nan')]", b"[ float('nan') ]").accepted


def test_an_expected_value_that_is_none_is_a_fault() -> None:
    assert Predicted().compare(b"f(3)", b"4").fault


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("assert f(3) == 4, 'so it is'", 4),
        ("assert f(3) == 4 # done", 4),
        ("assert f('a == b') == 'c == d'", "c == d"),
        ("assert f(3) == [\n    1,\n    2]\n\nThat is it.", [1, 2]),
        ("assert f(3) == 4\nbecause 3 + 1 is 4", 4),
        ("assert f(3) is None", None),
        ("assert Solution().f([1]) == 4", 4),
        ("assert f(3) == (1 == 1)", True),
        ("assert f(1) == 2\nassert f(3) == 4", 4),
        ("assert 4 == f(3)", 4),
        ("assert f(3) == set('a')", {"a"}),
    ],
)
def test_the_value_of_an_assertion(answer: str, value: object) -> None:
    assert value_of(answer) == value


@pytest.mark.parametrize(
    ("answer", "arguments"),
    [
        ("f(3)", "3"),
        ("assert f([1, 2], key=')(') == 'x == y'", "[1, 2], key=')('"),
        ("assert 4 == f(3)", "3"),
        ("f(3) == 4", "3"),
        ("[1], 2", "[1], 2"),
        ("1, k=2", "1, k=2"),
        ("(1, 2)", "(1, 2)"),
        ("f()", ""),
        ("f(\n  3,  # three\n)", "3"),
        ("3  # three", "3"),
        ("f(f(2))", "f(2)"),
        ("f('ä', 'ö')", "'ä', 'ö'"),
    ],
)
def test_the_arguments_of_a_call(answer: str, arguments: str) -> None:
    assert ast.unparse(call_in(answer, "f")) == f"f({arguments})"


@pytest.mark.parametrize("answer", ["", "3 == f"])
def test_the_arguments_of_a_call_that_has_none_or_one(answer: str) -> None:
    assert ast.unparse(call_in(answer, "f")) == f"f({answer})"


@pytest.mark.parametrize("answer", ["3) or (4", "1)(2", "f(3", "x = 3; 4", "1)\nassert f(2", "1)\nx = 3\nassert f(2"])
def test_no_arguments(answer: str) -> None:
    with pytest.raises(NoAnswer):
        call_in(answer, "f")


A = "assert f(3) == 4"


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        (A, A),
        (f"[ANSWER]\n{A}\n[/ANSWER]", A),
        (f"[ANSWER]{A}[/ANSWER]", A),
        (f"{A}\n[/ANSWER]", A),
        (f"{A}\n[/ANSWER]\n\n[PYTHON]\ndef f(x): ...\nassert f(9) == ??\n[/PYTHON]\n[ANSWER]\nassert f(9) == 8\n", A),
        (f"Step by step.\n[/THOUGHT]\n[ANSWER]\n{A}\n[/ANSWER]\n\n[PYTHON]\n...\n[/PYTHON]\n[THOUGHT]\nLet's", A),
        (f"I fill in `assert f(??) == ??`:\n[ANSWER]\n{A}\n[/ANSWER]", A),
        (f"<think>\n[ANSWER]\nassert f(3) == 1\n[/ANSWER]\n</think>\n[ANSWER]\n{A}\n[/ANSWER]", A),
        (f"<answer>\n```python\n{A}\n```\n</answer>", A),
        (f"So:\n```python\n# the test\n{A}\n```\nas said.", f"{A}"),
        (f"The assertion is `{A}`.", A),
        (f"> {A}\n", A),
        (f"assert f(3) == 1\nNo:\n{A}\n\nassert f(4) == 5", f"{A}"),
        ("```python\nassert f(3) == {\n    1: 2,\n}\n```", "assert f(3) == {\n    1: 2,\n}"),
        ("[ANSWER]\n4\n[/ANSWER]", "4"),
        ("```\n[1, 2]\n```", "[1, 2]"),
        ("`4`", "4"),
        ("**4**", "4"),
        (" 4\n", "4"),
        ("'a\\nb'<|im_end|>", "'a\\nb'"),
        ("analysisWe need 4.assistantfinalassert f(3) == 4", A),
    ],
)
def test_where_the_answer_is(completion: str, answer: str) -> None:
    assert extract_answer(completion, given="f(3)==").code == answer


def test_by_what_is_given_an_answer_is_known() -> None:
    two = f'{A}\n[/ANSWER]\n[ANSWER]\nassert f("b") == 5\n[/ANSWER]'
    assert extract_answer(two, given="f( 'b' )==").code == 'assert f("b") == 5'
    assert extract_answer(two, given="==4").code == A
    assert extract_answer(two).code == 'assert f("b") == 5'


@pytest.mark.parametrize("completion", ["<think>assert f(3) == 4", "analysisWe think that f(3) == 4"])
def test_reasoning_that_does_not_end_is_no_answer(completion: str) -> None:
    assert extract_answer(completion) == Extraction(None, "unclosed_think")
    assert extract_answer(A, starts_in_think=True) == Extraction(None, "unclosed_think")
    assert extract_answer(f"</think>{A}", starts_in_think=True).code == A
    assert extract_answer(" \n") == Extraction(None, "nothing")
