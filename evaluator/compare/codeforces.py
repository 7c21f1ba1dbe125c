"""testlib's standard checkers by name, as Codeforces and many others use them (testlib 1e4e8a2, checkers/).

    wcmp  lcmp  fcmp                     words; words by line; lines as they are
    icmp  ncmp  uncmp  hcmp              one int32; int64s; int64s in any order; one integer of any length
    acmp rcmp  dcmp                      one double within 1.5e-6 absolute; within 1e-6 absolute or relative
    rcmp4 rcmp6 rcmp9  rncmp             doubles within 1e-4, 1e-6, 1e-9 absolute or relative; within 1.5e-5 absolute
    yesno nyesno                         one, or many, of YES and NO in any case
    caseicmp casencmp casewcmp           ``Case 1: ...`` with one int64, int64s, words each

Numbers are written as testlib wants them: integers without plus sign and leading zeros, doubles as digits with point
and exponent. White space is space, tab, newline, carriage return. An expected output that the checker itself would
refuse (exit code 3, _fail) is a fault of the problem. pointscmp and pointsinfo give points and no verdict; they are not
here.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Generator
from typing import ClassVar

from .bag import Bag
from .base import STEP_ITEMS, Comparison, Match, Steps, shorten
from .decimals import floats
from .exact import ACCEPTED as EXACT
from .scanf import scan_decimal
from .tokens import ACCEPTED as SAME_TOKENS
from .tokens import Tokens, White, Words

WHITE = White(b" \t\n\r")
INT32, INT64 = 1 << 31, 1 << 63

_LINES, _DECIMAL = Match(True, "lines"), Match(True, "decimal")
_CASE, _UNORDERED = Match(True, "case"), Match(True, "unordered")

_integer = re.compile(rb"0|-?[1-9][0-9]*").fullmatch
_lone_return = re.compile(rb"\r([^\n]|$)")

Check = Callable[["Stream", "Stream"], Generator[None, None, Match]]
"""Reads the expected and the actual output. Raises Refusal where testlib quits."""


class Refusal(Exception):
    """Something was read that is not what the checker wants."""

    def __init__(self, message: str, *, fault: bool = False) -> None:
        super().__init__(message)
        self.fault = fault


@dataclasses.dataclass(frozen=True, slots=True)
class Codeforces(Comparison):
    """Accepts what the checker of that name accepts."""

    name: str

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        answer, output = Stream(expected, "the expected output"), Stream(actual, "the output")
        try:
            match = yield from CHECKS[self.name](answer, output)
            if match.accepted and not (yield from output.ended()):
                return Match(False, message="extra information at the end of the output")
        except Refusal as error:
            return Match(False, message=str(error), fault=error.fault)
        return EXACT if match.accepted and expected == actual else match


def comparison(name: str | None) -> Comparison:
    """ValueError: there is no such checker."""
    if name is None or name == "wcmp":
        return Wcmp()
    if name not in CHECKS:
        raise ValueError(f"checker.name: codeforces has no checker {name!r}; known: {', '.join(NAMES)}")
    return Codeforces(name)


@dataclasses.dataclass(frozen=True, slots=True)
class Wcmp(Comparison):
    """Accepts the same words."""

    takes_equal_bytes: ClassVar[bool] = True

    def steps(self, expected: bytes, actual: bytes) -> Steps:
        if expected == actual:
            return EXACT
        return (yield from Tokens(white=WHITE).steps(expected, actual))


# ------------------------------------------------------------------------------------------------------------ reading


class Stream:
    """One of the two outputs, read as testlib's InStream does."""

    def __init__(self, text: bytes, whose: str) -> None:
        self.text = text
        self.whose = whose
        self.words = Words(text, white=WHITE)
        self.place = 0
        """How far lines were read."""
        self.by_lines = False

    def refuse(self, message: str) -> Refusal:
        fault = self.whose == "the expected output"
        return Refusal(f"{self.whose}: {message}", fault=fault)

    def ended(self) -> Generator[None, None, bool]:
        """Whether only white space is left."""
        if self.by_lines:
            rest = WHITE.word.search(self.text, self.place)
            return rest is None
        return not (yield from self.words.fill())

    def word(self) -> Generator[None, None, bytes]:
        if (yield from self.words.fill()):
            return self.words.take(1)[0]
        raise self.refuse("ends where a word is expected")

    def integer(self, bound: int = INT64) -> Generator[None, None, bytes]:
        """Text of an integer; equal integers have equal text."""
        word = yield from self.word()
        if not is_integer(word, bound):
            raise self.refuse(f"expected an integer of {bound.bit_length()} bits, got {shorten(word)}")
        return word

    def double(self) -> Generator[None, None, float]:
        return as_double(self, (yield from self.word()))

    def at_end(self) -> bool:
        """No more lines."""
        return self.place >= len(self.text)

    def line(self) -> bytes:
        """The next line without its end; empty at the end of the output."""
        self.by_lines = True
        end = self.text.find(b"\n", self.place)
        whole = end >= 0
        line = self.text[self.place : end if whole else len(self.text)]
        self.place = end + 1 if whole else len(self.text)
        if b"\r" in line:
            # testlib: a return is left out where no newline follows, and what comes next is taken as it is
            line = _lone_return.sub(functools.partial(_without_return, whole=whole), line)
        return line


def _without_return(match: re.Match[bytes], *, whole: bool) -> bytes:
    return match[1] or (b"" if whole else b"\xff")  # its end-of-file mark, as a character


def is_integer(word: bytes, bound: int) -> bool:
    if len(word) > 20 or not _integer(word):
        return False
    return len(word) < len(str(bound)) or -bound <= int(word) < bound


# ----------------------------------------------------------------------------------------------------------- checkers


def single_integer(bound: int, answer: Stream, output: Stream) -> Steps:
    wanted = yield from answer.integer(bound)
    got = yield from output.integer(bound)
    return SAME_TOKENS if wanted == got else different(wanted, got)


def huge_integer(answer: Stream, output: Stream) -> Steps:
    wanted = yield from answer.word()
    got = yield from output.word()
    if not _integer(wanted):
        raise answer.refuse(f"expected an integer, got {shorten(wanted)}")
    if not (yield from answer.ended()):
        raise answer.refuse("expected one integer alone")
    if not _integer(got):
        raise output.refuse(f"expected an integer, got {shorten(got)}")
    return SAME_TOKENS if wanted == got else different(wanted, got)


def integers(answer: Stream, output: Stream) -> Steps:
    number = 0
    while (yield from answer.words.fill()) and (yield from output.words.fill()):
        count = min(answer.words.left, output.words.left)
        wanted, got = answer.words.take(count), output.words.take(count)
        if wanted != got or not all(map(_integer, wanted)) or max(map(len, wanted)) > 18:
            for one, other in zip(wanted, got, strict=True):
                number += 1
                for stream, word in ((answer, one), (output, other)):
                    if not is_integer(word, INT64):
                        raise stream.refuse(f"number {number}: expected an integer of 64 bits, got {shorten(word)}")
                if one != other:
                    return Match(False, message=f"number {number}: expected {shorten(one)}, got {shorten(other)}")
                if not number % STEP_ITEMS:
                    yield
        else:
            number += count
    longer = answer if (yield from answer.words.fill()) else output
    if not (yield from longer.words.fill()):
        return SAME_TOKENS
    for stream in (answer, output):
        while (yield from stream.words.fill()):
            yield from stream.integer()
    return Match(False, message=f"{longer.whose} holds more than {number} numbers")


def unordered_integers(answer: Stream, output: Stream) -> Steps:
    bag: Bag[bytes] = Bag()
    sizes: list[int] = []
    for stream, times in ((answer, 1), (output, -1)):
        sizes.append(0)
        while (yield from stream.words.fill()):
            words = stream.words.take(min(stream.words.left, 4 * STEP_ITEMS))
            for word in words:
                if not is_integer(word, INT64):
                    raise stream.refuse(f"expected an integer of 64 bits, got {shorten(word)}")
            bag.add(words, times)
            sizes[-1] += len(words)
            yield
    missing, _ = yield from bag.emptied()
    if sizes[0] != sizes[1]:
        return Match(False, message=f"expected {sizes[0]} numbers, got {sizes[1]}")
    if missing is not None:
        return Match(False, message=f"in any order: {shorten(missing)} is missing")
    return _UNORDERED


def single_double(near: Callable[[float, float], bool], answer: Stream, output: Stream) -> Steps:
    wanted = yield from answer.double()
    got = yield from output.double()
    return _DECIMAL if near(wanted, got) else different(wanted, got)


def doubles(near: Callable[[float, float], bool], answer: Stream, output: Stream) -> Steps:
    number = 0
    while (yield from answer.words.fill()):
        if not (yield from output.words.fill()):
            # what comes first decides: an expected number that is none, or the end of the output
            yield from answer.double()
            raise output.refuse("ends where a number is expected")
        count = min(answer.words.left, output.words.left, 2 * STEP_ITEMS)
        words = answer.words.take(count), output.words.take(count)
        wanted, got = map(floats, words)
        if wanted is not None and got is not None and all(map(near, wanted, got)):
            number += count
            yield
            continue
        for one, other in zip(*words, strict=True):
            number += 1
            if not near(as_double(answer, one), as_double(output, other)):
                return Match(False, message=f"number {number}: expected {shorten(one)}, got {shorten(other)}")
    return _DECIMAL


def absolute(epsilon: float) -> Callable[[float, float], bool]:
    bound = epsilon + 1e-15
    return lambda wanted, got: not abs(wanted - got) > bound  # infinity minus infinity is accepted there


def either(epsilon: float) -> Callable[[float, float], bool]:
    """testlib's doubleCompare; it takes everything beyond 1e300 for infinite."""
    bound = epsilon + 1e-15
    less, more = 1.0 - bound, 1.0 + bound

    def near(wanted: float, got: float) -> bool:
        if abs(wanted) > 1e300:
            return abs(got) > 1e300 and (got > 0) == (wanted > 0)
        if abs(got) > 1e300:
            return False
        if abs(got - wanted) <= bound:
            return True
        low, high = wanted * less, wanted * more
        return min(low, high) <= got <= max(low, high)

    return near


def lines(same: Callable[[bytes, bytes], bool], answer: Stream, output: Stream) -> Steps:
    number = 0
    while not answer.at_end():
        wanted = answer.line()
        if not wanted and answer.at_end():
            break
        got = output.line()
        number += 1
        if not same(wanted, got):
            return Match(False, message=f"line {number}: expected {shorten(wanted)}, got {shorten(got)}")
        if not number % STEP_ITEMS:
            yield
    output.by_lines = True
    return _LINES


def same_words(one: bytes, other: bytes) -> bool:
    return one == other or one.split() == other.split()


def yes_or_no(answer: Stream, output: Stream) -> Steps:
    wanted = yield from answer.word()
    got = yield from output.word()
    return compared_answers(answer, wanted, output, got) or (SAME_TOKENS if wanted == got else _CASE)


def many_yes_or_no(answer: Stream, output: Stream) -> Steps:
    number, same = 0, True
    while (yield from answer.words.fill()) and (yield from output.words.fill()):
        wanted, got = answer.words.take(1)[0], output.words.take(1)[0]
        if match := compared_answers(answer, wanted, output, got):
            return match
        number += 1
        same = same and wanted == got
        if not number % STEP_ITEMS:
            yield
    for stream in (answer, output):
        if (yield from stream.words.fill()):
            return Match(False, message=f"{stream.whose} holds more than {number} words")
    return SAME_TOKENS if same else _CASE


def compared_answers(answer: Stream, wanted: bytes, output: Stream, got: bytes) -> Match | None:
    for stream, word in ((answer, wanted), (output, got)):
        if word.upper() not in (b"YES", b"NO"):
            raise stream.refuse(f"expected YES or NO, got {shorten(word)}")
    return None if wanted.upper() == got.upper() else different(wanted, got)


def numbered_integers(answer: Stream, output: Stream) -> Steps:
    found: list[list[bytes]] = []
    for stream in (answer, output):
        results: list[bytes] = []
        while (yield from stream.words.fill()):
            yield from heading(stream, len(results) + 1, read_case=True)
            results.append((yield from stream.integer()))
            if not len(results) % STEP_ITEMS:
                yield
        found.append(results)
    wanted, got = found
    if wanted == got:
        return SAME_TOKENS
    if len(wanted) != len(got) and wanted[: len(got)] == got[: len(wanted)]:
        return Match(False, message=f"expected {len(wanted)} cases, got {len(got)}")
    number = next(n for n, (one, other) in enumerate(zip(wanted, got, strict=False), 1) if one != other)
    return Match(
        False, message=f"case {number}: expected {shorten(wanted[number - 1])}, got {shorten(got[number - 1])}"
    )


def numbered_lists(read: Callable[[Stream, bytes], bytes], answer: Stream, output: Stream) -> Steps:
    number = 0
    begun = {answer: False, output: False}
    while (yield from answer.words.fill()):
        number += 1
        found: list[list[bytes]] = []
        for stream in (answer, output):
            yield from heading(stream, number, read_case=not begun[stream])
            results: list[bytes] = []
            while (yield from stream.words.fill()):
                word = yield from stream.word()
                if word == b"Case":
                    begun[stream] = True
                    break
                results.append(read(stream, word))
                if not len(results) % STEP_ITEMS:
                    yield
            found.append(results)
        if found[0] != found[1]:
            return Match(False, message=f"case {number}: the answers differ")
    return SAME_TOKENS


def heading(stream: Stream, number: int, *, read_case: bool) -> Generator[None, None, None]:
    """``Case``, unless it was read already, and the number of the case with a colon."""
    for wanted in [b"Case"] * read_case + [b"%d:" % number]:
        word = yield from stream.word()
        if word != wanted:
            raise stream.refuse(f"case {number}: expected {shorten(wanted)}, got {shorten(word)}")


def as_double(stream: Stream, word: bytes) -> float:
    value = scan_decimal(word)
    if value is None:
        raise stream.refuse(f"expected a number, got {shorten(word)}")
    return value


def as_word(stream: Stream, word: bytes) -> bytes:
    return word


def as_integer(stream: Stream, word: bytes) -> bytes:
    if not is_integer(word, INT64):
        raise stream.refuse(f"expected an integer of 64 bits, got {shorten(word)}")
    return word


def different(wanted: bytes | float, got: bytes | float) -> Match:
    one, other = (shorten(value) if isinstance(value, bytes) else f"{value:.10g}" for value in (wanted, got))
    return Match(False, message=f"expected {one}, got {other}")


CHECKS: dict[str, Check] = {
    "acmp": functools.partial(single_double, absolute(1.5e-6)),
    "caseicmp": numbered_integers,
    "casencmp": functools.partial(numbered_lists, as_integer),
    "casewcmp": functools.partial(numbered_lists, as_word),
    "dcmp": functools.partial(single_double, either(1e-6)),
    "fcmp": functools.partial(lines, lambda one, other: one == other),
    "hcmp": huge_integer,
    "icmp": functools.partial(single_integer, INT32),
    "lcmp": functools.partial(lines, same_words),
    "ncmp": integers,
    "nyesno": many_yes_or_no,
    "rcmp": functools.partial(single_double, absolute(1.5e-6)),
    "rcmp4": functools.partial(doubles, either(1e-4)),
    "rcmp6": functools.partial(doubles, either(1e-6)),
    "rcmp9": functools.partial(doubles, either(1e-9)),
    "rncmp": functools.partial(doubles, absolute(1.5e-5)),
    "uncmp": unordered_integers,
    "yesno": yes_or_no,
}

NAMES = tuple(sorted([*CHECKS, "wcmp"]))
"""All checkers that there are."""
