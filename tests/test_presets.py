"""Presets: what each grader's rule accepts, hostile outputs under every one, and rules compared with their originals."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from microcoder.evaluator.compare import PRESETS, RULES, Match, comparison_for, preset, weakest, with_preset
from microcoder.evaluator.compare.base import Comparison
from microcoder.evaluator.compare.codeforces import NAMES
from microcoder.evaluator.compare.flags import KATTIS, OWN
from microcoder.evaluator.problem import Checker, Mode, Problem, TestCase

PAGE = Path(__file__).resolve().parent.parent / "docs" / "comparison.md"
COLUMNS = ("default", "strict", "kattis", "codeforces", "lcb", "prime", "lenient")

# PEERS 13b: mode, expected, actual, and whether it is right by what a problem setter means ("?": a matter of policy).
CASES: list[tuple[Mode, str, str, str]] = [
    ("stdio", "0.333333333333", "0.333333", "right"),
    ("stdio", "3.1415926535897931", "3.14159265358979", "right"),
    ("stdio", "Case 1: 0.5", "Case 1: 0.50", "right"),
    ("stdio", "0.5", "5e-1", "right"),
    ("stdio", "1\n2\n3", "1 2 3", "?"),
    ("stdio", "a b", "a  b", "?"),
    ("stdio", "Yes", "YES", "?"),
    ("stdio", "1\n2", "1\n\n2", "?"),
    ("stdio", "a\nb", "a \nb ", "right"),
    ("stdio", "a\nb", "a\r\nb\r\n", "right"),
    ("stdio", "a\nb", "a\nb\n", "right"),
    ("stdio", "1000000007", "1000000006", "wrong"),
    ("stdio", "-1000000000", "-1000000001", "wrong"),
    ("stdio", "1 2 3", "3 2 1", "wrong"),
    ("stdio", "1\n2\n3", "1", "wrong"),
    ("stdio", "1", "1\n2", "wrong"),
    ("stdio", "0.5", "0.500002", "wrong"),
    ("stdio", "0.0001", "0.0002", "wrong"),
    ("stdio", "0011", "11", "wrong"),
    ("stdio", "1000", "1_000", "wrong"),
    ("stdio", "1000", "1e3", "wrong"),
    ("stdio", "12", "\u0661\u0662", "wrong"),
    ("stdio", "5", "+5", "wrong"),
    ("stdio", "0", "-0", "wrong"),
    ("stdio", "nan", "NaN", "wrong"),
    ("stdio", " *\n**", "*\n**", "?"),
    ("stdio", "[1, 2]", "1 2", "wrong"),
    ("call", "[[1, 2]]", "[[1,2]]", "right"),
    ("call", "0.3", "0.30000000000000004", "right"),
    ("call", "[0.3, 1.0]", "[0.30000000000000004,1.0]", "right"),
    ("call", '{"1": 2}', '{"1":2}', "right"),
    ("call", "1", "1.0", "?"),
    ("call", "1", "true", "wrong"),
    ("call", "[1, 2, 3]", "1", "wrong"),
    ("call", "[[1, 2], [3, 4]]", "[1,2]", "wrong"),
    ("call", "[1, 2]", "[2,1]", "wrong"),
    ("call", '"5"', "5", "wrong"),
    ("call", "5", "5.0000001", "wrong"),
]


def comparison(name: str, mode: Mode = "stdio", flags: str = "", expected: str = "1") -> Comparison:
    problem = Problem(
        problem_id="p", mode=mode, entry_point="f", tests=(TestCase("[]", expected),), checker=Checker(flags=flags)
    )
    return comparison_for(with_preset(problem, preset(name)))


def judged(name: str, expected: str, actual: str, mode: Mode = "stdio", flags: str = "") -> Match:
    match = comparison(name, mode, flags, expected).compare(expected.encode(), actual.encode())
    assert match.accepted == (match.rule is not None) == (match.message is None)
    assert match.rule is None or match.rule in RULES
    return match


def rule(name: str, expected: str, actual: str, mode: Mode = "stdio", flags: str = "") -> str | None:
    return judged(name, expected, actual, mode, flags).rule


# ---------------------------------------------------------------------------------------------------------- the table


def table() -> str:
    """The table of docs/comparison.md."""
    rows = [["", "expected", "output", "truth", *COLUMNS], ["---"] * (4 + len(COLUMNS))]
    for mode, expected, actual, truth in CASES:
        cells = [rule(name, expected, actual, mode) for name in COLUMNS]
        told = [f"`{text!r}`".replace("'", "") for text in (expected, actual)]
        rows.append([mode, *told, truth, *(found or "–" for found in cells)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def test_the_table_of_the_page_is_what_the_code_does() -> None:
    assert table() in PAGE.read_text(), f"docs/comparison.md should hold\n{table()}"


def test_the_page_names_every_preset_rule_and_checker() -> None:
    text = PAGE.read_text()
    for names in (PRESETS, RULES, NAMES):
        assert [name for name in names if f"`{name}`" not in text] == []


def test_the_default_is_right_wherever_there_is_a_truth() -> None:
    for mode, expected, actual, truth in CASES:
        if truth != "?":
            assert judged("default", expected, actual, mode).accepted == (truth == "right"), (expected, actual)


# -------------------------------------------------------------------------------- found by comparing with the originals


@pytest.mark.parametrize(
    ("name", "expected", "actual", "accepted"),
    [
        # LiveCodeBench 28fef95, grade_stdio
        ("lcb", "1e999999999", "10e999999998", True),
        ("lcb", "snan", "snan 1", False),
        ("lcb", "nan 1", "nan 1.0", False),
        ("lcb", "1 -0", "1 0.0", True),
        ("lcb", "1\u20282", "1 2.0", True),
        ("lcb", "1__0", "1_0", True),
        ("lcb", "a\n\nb", "a\nb", False),
        ("lcb", "\n\u3000\n a \n\x1c\n", "a", True),
        ("lcb", "", " \n", True),
        ("lcb", "1\x002", "1\x002 ", True),
        ("lcb", "1" * 5000, "1" * 5000 + ".0", True),
        # verl 0.9.1, prime_code/testing_util.py
        ("prime", "a\x0cb", "a\x0cb", False),
        ("prime", "a\rb", "a\nb", False),
        ("prime", "a\nb", "a\rb", True),
        ("prime", "1\n\n 2", "1\n2", True),
        ("prime", "2\n-1", "2\n-1.00001", True),
        ("prime", "2\n1", "2\n1.000001", True),
        ("prime", "1000000000\n-1", "1000000001\n-1", True),
        ("prime", "1000000000\n1", "1000000001\n1", False),
        ("prime", "nan\n1", "nan\n1.0", False),
        ("prime", "inf\n1", "1e400\n1", True),
        ("prime", "0.5 0.5", "0.50 0.5", False),
        # testlib 1e4e8a2, checkers/, with glibc's scanf
        ("codeforces", "a\x0bb", "a b", False),
        ("codeforces:lcmp", "a\x0bb", "a b", True),
        ("codeforces:lcmp", "a b\n\n", "a  b\n", True),
        ("codeforces:lcmp", "a\nb", "a b", False),
        ("codeforces:lcmp", "a", "a\nb", False),
        ("codeforces:fcmp", "a\r\nb", "a\nb\n\n", True),
        ("codeforces:fcmp", "a", "a ", False),
        ("codeforces:ncmp", "9223372036854775807", "9223372036854775807 ", True),
        ("codeforces:ncmp", "1 2", "1 2 3", False),
        ("codeforces:ncmp", "1 2", "1 02", False),
        ("codeforces:uncmp", "1 2 2", "2 1 2", True),
        ("codeforces:uncmp", "1 2 2", "2 1 1", False),
        ("codeforces:icmp", "1 2", "1", True),
        ("codeforces:icmp", "1", "1 2", False),
        ("codeforces:icmp", "1", "+1", False),
        ("codeforces:hcmp", "1" * 5000, "1" * 5000, True),
        ("codeforces:rcmp", "1", "1.0000015", True),
        ("codeforces:rcmp", "1e999", "1e9999", True),
        ("codeforces:rcmp4", "1e301", "1e308", True),
        ("codeforces:rcmp4", "1 2", "1.0001 2.0002", True),
        ("codeforces:rcmp6", "1e", "1", True),
        ("codeforces:rcmp6", "1", "0x1", False),
        ("codeforces:rcmp9", "1000000000", "1000000001", True),
        ("codeforces:rncmp", "1000000000", "1000000001", False),
        ("codeforces:acmp", "1", "nan", False),
        ("codeforces:dcmp", "1", "1,0", False),
        ("codeforces:yesno", "yes", "YES", True),
        ("codeforces:nyesno", "yes no", "YES yes", False),
        ("codeforces:caseicmp", "Case 1: 5", "Case 1: 5\nCase 2: 6", False),
        ("codeforces:casencmp", "Case 1: 5 6 Case 2:", "Case 1: 5 6\nCase 2:\n", True),
        ("codeforces:casewcmp", "Case 1: a", "case 1: a", False),
    ],
)  # fmt: skip
def test_as_the_original(name: str, expected: str, actual: str, accepted: bool) -> None:
    assert judged(name, expected, actual).accepted == accepted


@pytest.mark.parametrize(
    ("flags", "expected", "actual", "accepted"),
    [
        ("", "Yes", "yES", True),
        ("case_sensitive", "Yes", "yES", False),
        ("", "\u00e4", "\u00c4", False),
        ("", "0.5", "0.50", False),
        ("float_tolerance 1e-6", "0.5", "0.5000001", True),
        ("float_tolerance 1e-6", "1000000007", "1000000006", True),
        ("float_tolerance 1e-6", "5", "0x5", True),
        ("float_tolerance 1e-6", "5", "5e", True),
        ("float_tolerance 1e-6", "inf", "INF", True),
        ("float_tolerance 1e-6", "5", "inf", False),
        ("float_tolerance 1e-6", "5", "nan", False),
        ("float_tolerance 1e-6", "a", "A", True),
        ("float_absolute_tolerance 1e-2", "1000", "1001", False),
        ("float_relative_tolerance 1e-2", "0", "0.0", True),
        ("float_relative_tolerance 1e-2", "0", "1e-9", False),
        ("space_change_sensitive", "a b\n", "a b", False),
        ("space_change_sensitive", "a b\n", "A b\n", True),
        ("", "a\0b", "a\0c", True),
        ("", "a", "a b", False),
    ],
)
def test_as_the_default_validator_of_kattis(flags: str, expected: str, actual: str, accepted: bool) -> None:
    assert judged("kattis", expected, actual, flags=flags).accepted == accepted


@pytest.mark.parametrize(
    ("name", "expected", "actual", "accepted"),
    [
        ("lcb", "1", "true", True),
        ("lcb", "NaN", "NaN", False),
        ("lcb", "[NaN]", "[NaN]", False),
        ("lcb", "1" * 50_000, "1" * 50_000, True),
        ("lcb", "1" * 50_001, "1" * 50_001, False),
        ("prime", '{"1": 2}', '{"1":2}', True),
        ("prime", '{"01": 2}', '{"1":2}', True),
        ("prime", '[{"1": 2}, 3]', '{"1":2}', True),
        ("prime", '[{"1": 2}, 3]', '[{"1":2},3]', False),
        ("prime", '[{"a": 2}, 3]', '[{"a":2},3]', True),
        ("prime", "[]", "[]", True),
        ("strict", "1", "1.0", False),
        ("strict", "[1, 2.5]", "[1,2.5]", True),
        ("strict", "0.3", "0.30000000000000004", False),
        ("lenient", '"5"', "5", True),
        ("lenient", "[[1, 2], [3]]", "[[3],[2,1]]", True),
        ("lenient", "[1, 2]", "[1,3]", False),
    ],
)
def test_returned_values(name: str, expected: str, actual: str, accepted: bool) -> None:
    assert judged(name, expected, actual, "call").accepted == accepted


@pytest.mark.parametrize(
    ("expected", "actual", "found"),
    [
        ("1 2", "1\n2", "tokens"),
        ("[1, 2]", "1 2", "types"),
        ("1000000007", "1000000006", "allclose"),
        ("0.0001", "0.0002", "rounded"),
        ("1 2\n3", "3\n2 1", "set"),
        ("1 1", "1", "set"),
        ("1 2", "1 3", None),
        ("abc", "abd", None),
    ],
)
def test_lenient_says_which_fall_back_accepted(expected: str, actual: str, found: str | None) -> None:
    assert rule("lenient", expected, actual) == found


@pytest.mark.parametrize(
    ("flags", "expected", "actual", "found"),
    [
        ("case_insensitive", "Yes", "YES", "case"),
        ("case_insensitive", "Yes 0.5", "YES 0.50", "decimal"),
        ("case_insensitive", "\u00e4", "\u00c4", None),
        ("unordered_lines", "1 2\n3\n", "3\n1  2", "unordered"),
        ("unordered_lines", "1 2\n3\n", "3\n2 1", None),
        ("unordered_lines", "1\n1\n2", "1\n2\n2", None),
        ("unordered_lines", "1\n2", "1 2", "tokens"),
        ("unordered_lines case_insensitive", "a\nB", "b\nA", "unordered"),
        ("unordered_tokens", "1 2\n3", "3 1 2", "unordered"),
        ("unordered_tokens", "1 2 3", "3 1 2 2", None),
        ("unordered_tokens", "1000000007 1", "1 1000000006", None),
    ],
)
def test_flags_of_our_own(flags: str, expected: str, actual: str, found: str | None) -> None:
    assert rule("default", expected, actual, flags=flags) == found


@pytest.mark.parametrize(
    ("expected", "actual", "found"),
    [
        ("[[1, 2], [3]]", "[[3],[1,2]]", "unordered"),
        ("[[1, 2], [3]]", "[[3],[2,1]]", None),
        ("[1, 1, 2]", "[1,2,2]", None),
        ("[1, 2]", "[2.0,1]", "unordered"),
        ("[1, 2]", "[2,true]", None),
        ("[0.1, 0.2]", "[0.1,0.2000000001]", "decimal"),
    ],
)
def test_unordered_items(expected: str, actual: str, found: str | None) -> None:
    assert rule("default", expected, actual, "call", "unordered_items") == found


@pytest.mark.parametrize(
    ("name", "expected"),
    [("icmp", "x"), ("icmp", "2147483648"), ("ncmp", "x 1"), ("rcmp6", "x"), ("hcmp", "1 2"), ("yesno", "MAYBE"),
     ("nyesno", "NO MAYBE"), ("caseicmp", "Case 2: 1"), ("casencmp", "Case 1: x"), ("uncmp", ""), ("dcmp", "")],
)  # fmt: skip
def test_an_answer_that_the_checker_refuses_is_a_fault_of_the_problem(name: str, expected: str) -> None:
    match = comparison(f"codeforces:{name}").compare(expected.encode(), b"NO 1")
    assert match.fault == (name != "uncmp")
    assert not match.accepted


# ------------------------------------------------------------------------------------------------------------- presets


def test_names_of_presets() -> None:
    for name in (*PRESETS, *(f"codeforces:{checker}" for checker in NAMES)):
        assert comparison(name)
    for name in ("kind", "", "lcb:wcmp", "codeforces:", "codeforces:pointscmp", "python_eq", "validator"):
        with pytest.raises(ValueError, match=r"^(there is no preset|checker\.name: codeforces has no checker)"):
            preset(name)


@pytest.mark.parametrize("kind", ["validator", "testlib", "python", "assert"])
def test_a_preset_does_not_replace_a_program_that_decides(kind: str) -> None:
    mode = "assert" if kind == "assert" else "stdio"
    checker = Checker(type=kind, source="x")  # type: ignore[arg-type]
    problem = Problem(problem_id="p", mode=mode, tests=(TestCase(code=""),), checker=checker)
    assert with_preset(problem, preset("lcb")) is problem


def test_a_preset_keeps_what_it_understands_of_the_flags() -> None:
    assert rule("kattis", "0.5", "0.6", flags="float_tolerance 0.1 unordered_lines") == "decimal"
    assert rule("lcb", "Yes", "YES", flags="case_insensitive") is None
    assert rule("kattis", "1", "1.0", "call") == "values"


def test_the_weakest_rule() -> None:
    assert weakest(["exact", "decimal", "tokens"]) == "decimal"
    assert weakest(["decimal", "testlib"]) == "testlib"
    assert weakest([]) is None


# ------------------------------------------------------------------------------------------------------------- hostile

EVERY = [*(name for name in PRESETS if name != "codeforces"), *(f"codeforces:{name}" for name in NAMES)]
BIG = 100_000
HOSTILE = {
    "digits": b"1" * BIG,
    "digits and a point": b"1" * BIG + b"." + b"1" * BIG,
    "zeros": b"0" * BIG,
    "minus": b"-" * BIG,
    "underscores": b"1" + b"_1" * BIG,
    "exponent": b"1e999999999",
    "huge exponent": b"1e" + b"9" * BIG,
    "many exponents": b"1e999999999 " * (BIG // 12),
    "small exponent": b"1e-999999999",
    "nested": b"[" * BIG,
    "nested and closed": b"[" * BIG + b"]" * BIG,
    "objects": b'{"a":' * BIG,
    "nan": b"[NaN, Infinity, -Infinity]",
    "not UTF-8": b"\xff\xfe\x80" * (BIG // 3),
    "NULs": b"\0" * BIG,
    "BOM": b"\xef\xbb\xbf1",
    "line separator": "1\u20282\u2029\u0085".encode() * (BIG // 8),
    "lone surrogates": "\ud800\udfff".encode("utf-8", "surrogatepass") * (BIG // 6),
    "escaped surrogates": b'"' + b"\\ud800" * (BIG // 6) + b'"',
    "returns": b"\r" * BIG,
    "empty lines": b"\n" * BIG,
    "spaces": b" " * BIG + b"x",
    "form feeds": b"\v\f" * BIG,
    "cases": b"Case 1: " * (BIG // 8),
    "yes": b"YES " * (BIG // 4),
    "decimals": b"0.5 " * (BIG // 4),
    "backtracking": b"0" * BIG + b"x",
    "commas": b"0.5,0.5 " * (BIG // 8),
    "quotes": b"'\"" * (BIG // 2),
}


@pytest.mark.parametrize("name", EVERY)
def test_hostile_outputs(name: str) -> None:
    """Never raises, and never takes longer than its size allows: 100 kB that took five seconds would be super-linear."""
    modes: tuple[Mode, ...] = ("stdio",) if ":" in name or name == "kattis" else ("stdio", "call")
    for mode in modes:
        for expected in ("1", "[1, [2.5]]"):
            rule = comparison(name, mode, "" if name != "kattis" else "float_tolerance 1e-6")
            for label, output in HOSTILE.items():
                begun = time.process_time()
                match = rule.compare(expected.encode(), output)
                assert time.process_time() - begun < 5, (label, mode, expected)
                assert not match.accepted, (label, mode, expected)
                if label not in ("spaces", "cases"):
                    rule.compare(output, output)


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=30)
@given(st.binary(max_size=60), st.binary(max_size=60))
def test_never_raises(name: str, expected: bytes, actual: bytes) -> None:
    match = comparison(name).compare(expected, actual)
    assert match.accepted == (match.rule is not None)


@pytest.mark.parametrize("name", EVERY)
def test_a_large_output_is_compared_as_a_small_one(name: str) -> None:
    """Cutting into steps changes nothing: the same verdict for one change anywhere."""
    shuffled = random.Random(1)
    words = ["YES"] * 40_000 if "yesno" in name else [str(n % 977) for n in range(40_000)]
    if "case" in name:
        words = [word for n in range(1, 10_000) for word in ("Case", f"{n}:", "7")]
    if name.removeprefix("codeforces:") in ("icmp", "hcmp", "acmp", "dcmp", "rcmp", "yesno"):
        words = words[:1]
    rule = comparison(name)
    for gap in (" ", "\n"):
        text = gap.join(words)
        assert rule.compare(text.encode(), text.encode()).accepted
        if name != "strict":
            assert rule.compare(text.encode(), f"{text}\n".encode()).accepted
        for _ in range(3):
            place = shuffled.randrange(len(words))
            changed = gap.join([*words[:place], "7x7", *words[place + 1 :]])
            assert not rule.compare(text.encode(), changed.encode()).accepted


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=2, max_size=30), st.data())
def test_many_decimals_at_once_are_as_one_by_one(numbers: list[float], data: st.DataObject) -> None:
    formats = st.sampled_from(["%.9f", "%.6f", "%e", "%r", "%.12g"])
    expected = [data.draw(formats) % number for number in numbers]
    actual = [data.draw(formats) % number for number in numbers]
    for name in ("default", "kattis", "codeforces:rcmp6"):
        rule = comparison(name, flags="float_tolerance 1e-6")
        one_by_one = all(
            rule.compare(one.encode(), other.encode()).accepted for one, other in zip(expected, actual, strict=True)
        )
        together = rule.compare(" ".join(expected).encode(), " ".join(actual).encode()).accepted
        assert together == one_by_one


@given(st.lists(st.integers(), min_size=1, max_size=8), st.integers(), st.data())
def test_a_changed_integer_is_never_accepted(integers: list[int], other: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(integers) - 1))
    assume(integers[place] != other)
    changed = [*integers[:place], other, *integers[place + 1 :]]
    texts = [" ".join(map(str, each)).encode() for each in (integers, changed)]
    for name in ("default", "strict", "kattis", "codeforces", "codeforces:ncmp", "lcb"):
        assert not comparison(name).compare(*texts).accepted


@given(st.text(max_size=30), st.text(max_size=30))
def test_symmetric_where_words_alone_decide(one: str, other: str) -> None:
    for name in ("strict", "kattis", "codeforces", "lcb"):
        rule = comparison(name)
        first, second = one.encode(), other.encode()
        assert rule.compare(first, second).accepted == rule.compare(second, first).accepted


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("\n".join(map(str, range(200_000))), " \n".join(map(str, range(200_000)))),
        (" ".join(map(str, range(200_000))), " ".join(map(str, range(199_999, -1, -1)))),
        ("\n".join(f"{n / 7:.6f}" for n in range(100_000)), "\n".join(f"{n / 7:.6f}0" for n in range(100_000))),
    ],
    ids=["spaces", "order", "decimals"],
)
def test_a_large_output_is_compared_in_many_steps(expected: str, actual: str) -> None:
    rules = {name: comparison(name) for name in ("default", "kattis", "codeforces", "lcb", "prime", "lenient")}
    rules |= {flag: comparison("default", flags=flag) for flag in ("unordered_tokens", "case_insensitive")}
    reference = {name: rule.compare(expected.encode(), actual.encode()) for name, rule in rules.items()}
    for name, rule in rules.items():
        steps, count, match = rule.steps(expected.encode(), actual.encode()), 0, None
        while match is None:
            try:
                next(steps)
                count += 1
            except StopIteration as end:
                match = end.value
        assert match == reference[name]
        if match.accepted or name == "lenient":  # else the first difference may decide
            assert count > 20, name


def test_the_page_lists_every_flag() -> None:
    assert [flag for flag in (*KATTIS, *OWN) if f"`{flag}" not in PAGE.read_text()] == []
