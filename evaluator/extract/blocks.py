"""The blocks of code in a text, and which part of the text is the answer.

A fence is a line with at least three backticks or tildes, as in CommonMark, and what models make of it: indented to any
depth, quoted, behind other words, with the closing fence at the end of the last line of code. A line that begins with a
fence of the same kind, as long or longer, and not indented further than code would be, ends the block, whatever else it
holds; a language behind it begins another block, because no fence that closes has one. Text within a block is looked at
for its end only, so a docstring may hold fences.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from . import tags
from .looks import WINDOW, begins_as_program, is_program, windows
from .marks import MARK, Mark, read

_DEEPER = 4
"""Indentation, beyond that of the opening fence, from which a fence is part of the code. CommonMark's number."""
_BLANK = re.compile(r"[\s\u200b\u2060\ufeff]*+")
_ORNAMENT = re.compile(r"(?>(?:[\s\u200b\u2060\ufeff>*_+|#.:()\d-]|</?\w[^<>\n]{0,200}>)*)")
"""What may stand before a mark that begins its line: quotes, lists, headings, emphasis, tags."""
_NESTING = re.compile(r"([ \t]*+)((?>(?:>[ \t]?+)*))((?>(?:[ \t]*+(?:[-*+]|\d{1,9}[.)])[ \t]++)?)[ \t]*+)")
_QUOTE = re.compile(r"^[ \t]*+(?:>[ \t]?)+", re.MULTILINE)
_INFO = {"`": re.compile(r"[^\n`]*+"), "~": re.compile(r"[^\n]*+")}
_WORD = re.compile(r"[\w+#.-]{1,40}")
_INLINE = re.compile(r"[ \t]*+([^\s`]{1,40})[ \t]++((?>(?:[^`\n]++|`{1,2}(?!`))+))`{3,}+")
"""Behind a fence: a tag, and code up to the closing fence in the same line."""
_SPAN = re.compile(r"(?>(?:[^`\n]++|`{1,2}(?!`))+)`{3,}+")
_TRAILING = re.compile(
    r"(?>(?:[ \t.,;:!)*_]|</[\w:-]{1,40}>|<[|｜][^<>\n]{1,40}[|｜]>|<[a-z_]{1,30}>|\[/[A-Z]{2,20}\])*)\r?(?:\n|\Z)"
)
"""The rest of a line that ends: marks and punctuation, no more code."""
_LINE_ENDS = re.compile(r"[ \t\r]*+(?:\n|\Z)")
_STANDS_LAST = re.compile(r"[ \t\r]*+(?:\n|\Z|(?=```|~~~|<))")
_CHANNEL = re.compile(r"\s*+(\w++)[^<\n]{0,200}(?:<\|constrain\|>[^<\n]{0,200})?(?:<\|message\|>|\Z)")
_FIRST = re.compile(r"(?>(?:[ \t\r]*+\n)*)([ \t]*+)")
_BROKEN_FENCE = re.compile(r"\n[ \t]*`{1,2}\s*\Z")
_ATTRIBUTE = re.compile(r"lang(?:uage)?[-=][\"']?([\w+#.-]+)", re.IGNORECASE)


class Block(NamedTuple):
    """A piece of code."""

    tag: str
    text: str
    closed: bool
    at: int
    """Where in the text it begins."""
    aside: bool
    """In a section that is closed at first, or that explains the answer."""


class Section(NamedTuple):
    """A part of the text that may hold an answer which is no program."""

    text: str
    blocks: list[str]
    """Of code, in it."""


@dataclass
class _Answer:
    """A section that holds the answer."""

    begin: int
    certain: bool
    """Its mark stood at the beginning of a line: it is no word of a sentence."""
    end: int | None = None
    closed: bool = False
    """By its own mark, not by another answer."""


class _Fence(NamedTuple):
    mark: str
    length: int
    column: int
    """Where it stands in its line; 0: behind words."""
    indent: int
    """What of it the lines of code have, too."""
    quoted: bool
    tag: str
    begin: int
    """Of the code."""


class _Element(NamedTuple):
    """A mark of code that is no fence: ``[PYTHON]``."""

    name: str
    tag: str
    begin: int


class Scan:
    """Reads a text once, from mark to mark.

    ``thinking`` says whether it begins within reasoning, and afterwards whether reasoning never ended.
    """

    def __init__(self, text: str, thinking: bool) -> None:
        self.blocks: list[Block] = []
        self.thinking = thinking
        self._text = text
        self._answers: list[_Answer] = []
        self._ended: int | None = None
        """Where the section for the answer ends that the prompt began."""
        self._begin = 0
        """Where what is no reasoning begins."""
        self._tried = -1
        """Where the text began that was looked at for a block that the prompt began."""
        self._fenced = False
        self._in: _Fence | _Element | None = None
        self._aside = False
        self._comments = True
        self._at = 0
        self._seen = self._line = 0
        self._blank = self._ornament = True
        """Of the line before the mark: nothing stands there; nothing that is a word."""
        self._deep: list[int] = []
        """Lines in the open block that are fences, but indented like code."""
        self._fences = 0
        """In this line, up to the mark."""
        for found, mark in self._marks():
            self._look(found, mark)
        self._finish()

    def _finish(self) -> None:
        text = self._text
        if isinstance(self._in, _Fence):
            closed = len(self._deep) % 2 == 1  # in a docstring they come in pairs
            self._close(self._deep[-1] if closed else len(text), closed=closed)
        elif self._in is not None and is_program(text[self._in.begin :]):
            self._add(self._in.tag, text[self._in.begin :], closed=False, at=self._in.begin)

    def answer(self) -> tuple[list[Block], str]:
        """The blocks that may be the answer, and the text that may be it where there are none."""
        text = "" if self._fenced else self._text[self._begin :]
        places = [block.at for block in self.blocks]
        for answer in reversed(self._answers):
            end = len(self._text) if answer.end is None else answer.end
            first, behind = bisect_left(places, answer.begin), bisect_left(places, end)
            if first < behind:
                return _foremost(self.blocks[first:behind]), ""
            said = self._text[answer.begin : end]
            if (answer.certain or answer.closed) and "```" not in said and is_program(said):
                return [], said
            if not answer.certain:
                continue
            return _foremost(self.blocks[behind:]), "" if self._fenced else self._text[end:]
        return _foremost(self.blocks), text

    def sections(self) -> list[Section]:
        """Those for the answer, from first to last; where there are none, all that is no reasoning, if that ended."""
        first = [_Answer(self._begin, certain=True, end=self._ended)] if self._ended is not None else []
        answers = [*first, *self._answers] or ([] if self.thinking else [_Answer(self._begin, certain=True)])
        places = [block.at for block in self.blocks]
        sections: list[Section] = []
        for answer in answers:
            end = len(self._text) if answer.end is None else answer.end
            first_block, behind = bisect_left(places, answer.begin), bisect_left(places, end)
            blocks = _foremost(self.blocks[first_block:behind])
            sections.append(Section(self._text[answer.begin : end], [block.text for block in blocks]))
        return sections

    # -- from mark to mark

    def _marks(self) -> Iterator[tuple[re.Match[str], Mark | None]]:
        """Each with its meaning; fences and comments have none."""
        window = 0
        while self._at < len(self._text):
            if self._at >= window:
                window = self._text.find("\n", self._at + WINDOW) + 1 or len(self._text)
            found = MARK.search(self._text, self._at, window)
            if found is None:
                self._at = window
                continue
            self._at = found.end()
            mark = read(found)
            if mark is not None or found[0][0] in "`~" or found[0] == "<!--":
                yield found, mark

    def _look(self, found: re.Match[str], mark: Mark | None) -> None:
        begin = found.start()
        newline = self._text.rfind("\n", self._seen, begin)
        if newline >= 0:
            self._line, self._blank, self._ornament, self._fences = newline + 1, True, True, 0
        gap = max(self._line, self._seen)
        self._blank = self._blank and _BLANK.fullmatch(self._text, gap, begin) is not None
        self._ornament = self._ornament and _ORNAMENT.fullmatch(self._text, gap, begin) is not None
        self._seen = self._at
        if found[0][0] in "`~":
            if not self.thinking:
                self._fence(found)
            self._fences += 1
        elif mark is None:
            if self._in is None and not self.thinking and self._comments:
                self._pass_comment()
        elif not self._is_quoted(found):
            if mark.meaning == "channel":
                self._channel(found)
            elif self.thinking:
                if mark.meaning == "think" and not mark.begins:
                    self.thinking, self._begin, self._fenced = False, self._at, False
            elif isinstance(self._in, _Fence):
                self._mark_in_fence(mark, begin)
            elif self._in is not None:
                self._mark_in_element(mark, found)
            else:
                self._mark(mark, found)

    def _pass_comment(self) -> None:
        end = self._text.find("-->", self._at)
        self._comments = end >= 0
        if end >= 0:
            self._fenced = self._fenced or self._text.find("```", self._at, end) >= 0
            self._at = end + 3

    def _is_quoted(self, found: re.Match[str]) -> bool:
        """Whether a sentence speaks of the mark: it stands between single backticks."""
        before, after = self._text[max(0, found.start() - 2) : found.start()], self._text[self._at : self._at + 2]
        return before.endswith("`") and before != "``" and after.startswith("`") and after != "``"

    def _stands_last(self) -> bool:
        return _STANDS_LAST.match(self._text, self._at) is not None

    def _ends_line(self) -> bool:
        return _LINE_ENDS.match(self._text, self._at) is not None

    # -- marks

    def _forget(self) -> None:
        """All of the text so far was reasoning."""
        self.blocks.clear()
        self._answers.clear()
        self._ended = None
        self._in, self._aside, self._fenced, self._begin = None, False, False, self._at

    def _channel(self, found: re.Match[str]) -> None:
        """Of gpt-oss: what is said in the channel ``final`` is the answer, all else is reasoning."""
        if self._in is not None and self._text[found.start() - 9 : found.start()] != "assistant":
            return
        if (channel := _CHANNEL.match(self._text, self._at)) is not None:
            self._at = channel.end()
            self.thinking = channel[1].lower() != "final"
            self._forget()

    def _mark(self, mark: Mark, found: re.Match[str]) -> None:
        opens = mark.begins and (self._ornament or self._stands_last())
        if mark.meaning == "think":
            if opens or (mark.begins and self._text[self._at : self._at + 1].isalnum()):
                self.thinking = True
            elif not mark.begins:
                self._forget()
        elif mark.meaning == "answer":
            if not mark.begins:
                self._end_answer(found.start())
            elif self._ornament or not (self._answers and self._answers[-1].certain and self._answers[-1].end is None):
                self._end_answer(found.start(), closed=False)
                self._answers.append(_Answer(self._at, self._ornament))
        elif mark.meaning == "aside":
            self._aside = opens or (self._aside and mark.begins)
        elif not mark.begins:
            self._end_what_the_prompt_began(found.start())
        elif self._ornament or (opens and found[0][0] == "["):  # in Java and C++ <node> is a parameter of a type
            named = _ATTRIBUTE.search(found[0])
            tag = named[1] if named else mark.name if tags.is_known(mark.name) else ""
            self._in = _Element(mark.name, tag, self._at)

    def _mark_in_fence(self, mark: Mark, begin: int) -> None:
        if mark.begins or not (self._blank or self._ends_line()):
            return
        if mark.meaning == "think":
            self._forget()
        elif mark.meaning == "answer" and self._answers and self._answers[-1].end is None:
            self._close(begin, closed=True)
            self._end_answer(begin)

    def _mark_in_element(self, mark: Mark, found: re.Match[str]) -> None:
        element, begin = self._in, found.start()
        assert isinstance(element, _Element)
        if mark.begins:
            if mark.meaning in ("code", "answer") and (self._ornament or self._stands_last()):
                self._in = None  # <pre><code>; or the first was a word of a sentence
                self._mark(mark, found)
            return
        if mark.meaning == "think":
            self._forget()
        elif mark.name == element.name or mark.meaning == "answer":
            self._in = None
            code = self._text[element.begin : begin]
            if self._stands_last() and is_program(code):
                self._add(element.tag, code.strip("\r\n"), closed=True, at=element.begin)
            if mark.meaning == "answer":
                self._end_answer(begin)

    def _end_answer(self, end: int, *, closed: bool = True) -> None:
        if closed and not self._answers and self._ended is None:
            self._ended = end
        if self._answers and self._answers[-1].end is None:
            self._answers[-1].end, self._answers[-1].closed = end, closed

    # -- fences

    def _fence(self, found: re.Match[str]) -> None:
        fence = self._in
        if not isinstance(fence, _Fence):
            if self._ornament or fence is None:
                self._in = None
                self._open(found)
            return
        if found[0][0] != fence.mark or len(found[0]) < fence.length:
            return
        if self._ornament if fence.quoted else self._blank:
            if found.start() - self._line - fence.column < _DEEPER:
                self._end(found)
            elif self._ends_line():
                self._deep.append(self._line)
        elif fence.mark == "`" and not self._fences and _TRAILING.match(self._text, self._at):
            self._close(found.start(), closed=True)  # behind the last line of code
        else:
            newline = self._text.find("\n", self._at)
            self._at = newline if newline >= 0 else len(self._text)

    def _end(self, found: re.Match[str]) -> None:
        info = _INFO[found[0][0]].match(self._text, self._at)
        assert info is not None
        another = bool(info[0].strip()) and tags.opens(info[0]) and self._text[info.end() : info.end() + 1] != "`"
        self._close(self._line, closed=not another)
        if another:
            self._begin_block(found, info[0], info.end())

    def _open(self, found: re.Match[str]) -> None:
        """A block that begins with this fence: a line of its own, or behind other words."""
        mark = found[0][0]
        if mark == "~" and not self._ornament:
            return
        info = _INFO[mark].match(self._text, self._at)
        assert info is not None
        said = info[0].strip()
        if self._text[info.end() : info.end() + 1] == "`":
            self._open_inline()
        elif not said and self._blank and self._end_what_the_prompt_began(self._line):
            self._fenced = True
        elif self._ornament or not said or _WORD.fullmatch(said) or tags.opens(said):
            self._begin_block(found, info[0], info.end())

    def _open_inline(self) -> None:
        """A block of one line, or code in the middle of a sentence, which is passed over."""
        block = _INLINE.match(self._text, self._at)
        if block and tags.is_known(block[1]) and _TRAILING.match(self._text, block.end()):
            self._fenced = True
            self._add(tags.tag_of(block[1]), block[2], closed=True, at=block.start(2))
        if span := block or _SPAN.match(self._text, self._at):
            self._at = span.end()

    def _begin_block(self, found: re.Match[str], info: str, end: int) -> None:
        nesting = _NESTING.match(self._text, self._line, found.start())
        assert nesting is not None
        column = found.start() - self._line if nesting.end() == found.start() else 0
        indent = len(nesting[3]) if nesting[2] else column
        self._deep.clear()
        self._in = _Fence(found[0][0], len(found[0]), column, indent, bool(nesting[2]), tags.tag_of(info), end + 1)
        self._fenced = True
        self._at = end

    def _end_what_the_prompt_began(self, end: int) -> bool:
        """Whether a block ends here that began in the prompt: there is nothing but a program before it."""
        if self._fenced or self._answers or self.blocks or self._tried == self._begin:
            return False
        self._tried = self._begin
        before = self._text[self._begin : end]
        last = before.rstrip("\r\n").rpartition("\n")[2].strip()
        if not last or last.endswith(":") or before.endswith("\n\n") or not begins_as_program(before):
            return False
        self._add("", before, closed=True, at=self._begin)
        return True

    def _close(self, end: int, *, closed: bool) -> None:
        fence = self._in
        assert isinstance(fence, _Fence)
        self._in = None
        code = self._text[fence.begin : end]
        if end == len(self._text) and not closed:
            code = _BROKEN_FENCE.sub("", code)
        if fence.quoted:
            code = "".join(_QUOTE.sub("", code[begin:end]) for begin, end in windows(code))
        self._add(fence.tag, _undented(code, fence.indent), closed=closed, at=fence.begin)

    def _add(self, tag: str, code: str, *, closed: bool, at: int) -> None:
        if code.strip():
            self.blocks.append(Block(tag, code, closed, at, self._aside))


def _foremost(blocks: list[Block]) -> list[Block]:
    """Those that are not aside, where there are any."""
    return [block for block in blocks if not block.aside] or blocks


def _undented(code: str, indent: int) -> str:
    """Without the indentation that the fence has, as within a list: as much of it as the first line has."""
    code = code.removesuffix("\n").removesuffix("\r")
    first = _FIRST.match(code)
    assert first is not None
    indent = min(indent, len(first[1]))
    if not indent:
        return code
    indentation = re.compile(rf"^[ \t]{{1,{indent}}}", re.MULTILINE)
    return "".join(indentation.sub("", code[begin:end]) for begin, end in windows(code))
