"""What stands around code: fences, and marks of reasoning, of answers, of code, of the end."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from ...sandbox.languages import TAGS

Meaning = Literal["think", "answer", "code", "aside", "channel"]

NAMES: dict[str, Meaning] = {
    **dict.fromkeys(
        "think thinking thought thoughts thought_process reasoning reason reflection reflect analysis scratchpad"
        " rationale draft cot plan planning brainstorm seed:think longcat_think inner_monologue".split(),
        "think",
    ),
    **dict.fromkeys(
        "answer solution response final final_answer final_solution final_response final_code submission".split(),
        "answer",
    ),
    **dict.fromkeys(("code", "program", *frozenset[str]().union(*TAGS.values())), "code"),
    **dict.fromkeys("details explanation example examples test tests usage notes".split(), "aside"),
}
"""What sections are called, in lower case: what comes before an answer, the answer, code, and what is beside it."""
_WHOLE: dict[str, tuple[Meaning, bool]] = {
    "<|channel|>": ("channel", True),
    "<|channel>": ("think", True),
    "<channel|>": ("think", False),
    "<|inner_prefix|>": ("think", True),
    "<|inner_suffix|>": ("think", False),
    "[BEGIN]": ("code", True),
    "[DONE]": ("code", False),
}
"""Marks that follow no rule: of gpt-oss, Gemma, Apertus, and the prompts of MBPP."""
_EDGE = re.compile(r"(?:(begin|start|end)(?:_of)?_)?(.*?)(?:_(begin|start|end))?")
MARK = re.compile(
    r"[`~<\[◁](?:(?<=`)`{2,}|(?<=~)~{2,}|(?<=<)!--"
    r"|(?<=[<◁])\|?(/?)([\w:.+#-]{1,40})(?:[ \t][^<>\n]{0,200})?(?:\|?>|▷)|(?<=\[)(/?)([A-Z_]{2,20})\](?!\())"
)
"""Fences, the beginning of a comment, and ``<name attributes>``, ``[NAME]``, ``<|name|>``, ``◁name▷``, with or without
a slash."""


class Mark(NamedTuple):
    """Where a section begins or ends."""

    meaning: Meaning
    name: str
    begins: bool


def read(found: re.Match[str]) -> Mark | None:
    """What a match of MARK that is no fence means. None: nothing that we know."""
    slash, name = (found[1], found[2]) if found[2] else (found[3], found[4])
    if not name:
        return None
    if (known := _WHOLE.get(found[0])) is not None:
        return Mark(known[0], "", known[1])
    name, begins = name.lower(), not slash
    if "|" in found[0] and (edge := _EDGE.fullmatch(name)):
        name = edge[2]
        begins = begins and "end" not in (edge[1], edge[3])
    meaning = NAMES.get(name)
    return None if meaning is None else Mark(meaning, name, begins)


PIECE = 1 << 14
"""Characters of the end of a text that are looked at in one go."""
_ENDS = "</s>", "<s>", "<eos>", "<bos>", "<pad>", "<eod>", "<EOT>", "<end_of_turn>", "<turn|>", "[PAD]", "[EOS]"
_END_BACKWARDS = re.compile(
    r"(?>(?:\s|>\|[^<>|]{1,40}\|<|>｜[^<>｜]{1,40}｜<|" + "|".join(re.escape(name[::-1]) for name in _ENDS) + ")+)"
)


def without_end(text: str) -> str:
    """Without white space and special tokens at the end."""
    end = len(text)
    while found := _END_BACKWARDS.match(text[max(0, end - PIECE) : end][::-1]):
        end -= found.end()
    return text[:end]
