"""Shapes of completions, of our own making, with the program that is meant in each.

They are what models, chat templates, tokenizers and prompts make of an answer. Where several programs stand in one, the
meant one is what a reader would hand in; where a model was still thinking, none is.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ..sandbox.languages import LANGUAGES, TAGS

TAB = "\t"
F = "```"
CODE = "xs = list(map(int, input().split()))\nprint(max(xs) - min(xs))"
DRAFT = "xs = input()\nprint(0)"
FUNCTION = "def span(xs):\n    return max(xs) - min(xs)"
HELPER = "def h():\n    return 1"
MAIN = "print(span(list(map(int, input().split()))))"
WHOLE = f"{FUNCTION}\n{MAIN}"
USAGE = "print(span([1, 2]))"
UNIT_TEST = "import unittest\nclass T(unittest.TestCase):\n    def test(self): span([1])\nunittest.main()"
METHOD = "class Solution:\n    def span(self, xs):\n        return 1"
READ = "data = sys.stdin.read().split()"
LOOP = "def main():\n    n = int(input())\n    for i in range(n):\n        print(i)\nmain()"
LIBRARY = "from math import gcd\nprint(gcd(4, 6))"
DOCUMENTED = (
    f'def span(xs):\n    """\n    {F}\n    >>> span([1, 3])\n    2\n    {F}\n    """\n    return max(xs) - min(xs)'
)
SOURCES = {
    "c": '#include <stdio.h>\nint main(void) { puts("2"); }',
    "cpp": "#include <iostream>\nint main() { std::cout << 2; }",
    "go": 'package main\nimport "fmt"\nfunc main() { fmt.Println(2) }',
    "java": "class Main { public static void main(String[] a) { System.out.println(2); } }",
    "javascript": "console.log(2);",
    "rust": 'fn main() { println!("2"); }',
}


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A completion, and what is right."""

    kind: str
    name: str
    completion: str
    program: str | None
    """None: the completion holds none."""
    language: str = "python"
    starts_in_think: bool = False
    entry_point: str | None = None


def block(code: str = CODE, tag: str = "python", end: str = "\n") -> str:
    return f"{F}{tag}\n{code}{end}{F}"


def say(*parts: str) -> str:
    return "\n".join(parts)


def shapes() -> list[Shape]:
    """All of them; names are unique within their kind."""
    return [*_python(), *_other_languages()]


def _python() -> Iterator[Shape]:
    for kind, rows in KINDS.items():
        for name, row in rows.items():
            completion, program = row
            yield Shape(kind=kind, name=name, completion=completion, program=program)
    for name, completion, program in IN_THINK:
        yield Shape(
            kind="the prompt opened the thinking",
            name=name,
            completion=completion,
            program=program,
            starts_in_think=True,
        )
    for name, completion, program in FOR_A_FUNCTION:
        yield Shape(
            kind="a function is asked for", name=name, completion=completion, program=program, entry_point="span"
        )


def _other_languages() -> Iterator[Shape]:
    """Every name of the registry, with every tag that it has, beside a block in another language."""
    for language in LANGUAGES:
        family = next((name for name in SOURCES if name in TAGS[language]), None)
        code = SOURCES[family] if family else CODE
        other = block("print('draft')") if family else block("int main() {}", "cpp")
        for tag in sorted(TAGS[language]):
            yield Shape(
                kind="other languages",
                name=f"{language}, {tag}",
                completion=f"First:\n{other}\nThen:\n{block(code, tag)}\nRun it:\n{block('make run', 'bash')}\n",
                program=code,
                language=language,
            )


_TAGS = (
    "python Python PYTHON py Py python3 Python3 py3 python2 python3.11 python-3 python3.12.1 ipython ipython3 pypy"
    " pypy3 cpython {.python} {python} {.python3} language-python lang-py python:main.py python,editable main.py"
    " solution.py"
).split()
_INFO = {
    "title": 'python title="solution.py"',
    "file name": "python solution.py",
    "braces": "python {linenos=true}",
    "numbered": "{.python .numberLines startFrom=1}",
    "version": "Python 3",
    "lines": "python {1,3-5}",
    "copy": "python copy",
    "blank before": " python",
    "blanks around": "   python   ",
    "id": "python id=a1b2",
    "hash": "python # solution.py",
    "colon": "python: solution.py",
    "parentheses": "python (Python 3.11)",
}
_AFTER = {
    "</answer>": "</answer>",
    " </answer>": " </answer>",
    "im_end": "<|im_end|>",
    "eot_id": "<|eot_id|>",
    "</s>": "</s>",
    "end_of_turn": "<end_of_turn>",
    "endoftext": "<|endoftext|>",
    "end of sentence": "<｜end▁of▁sentence｜>",
    "end_of_solution": "<|end_of_solution|>",
    "eos": "<eos>",
    "return": "<|return|>",
    "point": ".",
    "comma": ", as asked",
    "colon": ": done",
    "bold": "**",
    "bracket": ")",
    "square bracket": "]",
    "quote": '"',
    "dash": " - done",
    "sentence": " Explanation: it takes the largest and the smallest.",
    "sentence, attached": "This prints the difference.",
    "comment": " <!-- end -->",
    "hash": " # end",
    "br": "<br>",
    "div": "</div>",
    "response": "</response>",
    "sign": " ✅",
    "blanks": "   ",
    "tab": "\t",
    "return character": "\r",
    "zero width": "\u200b",
    "emphasis": "*",
    "bar": " |",
    "slash": "\\",
    "eot twice": "<|im_end|><|im_end|>",
    "PAD": "</s>[PAD][PAD]",
    "inst": "[/INST]",
}
_BEFORE = {
    "words": "The program is ",
    "colon": "Answer:",
    "bold": "**",
    "bracket": "(see ",
    "<answer>": "<answer>",
    "zero width": "\u200b",
    "byte order mark": "\ufeff",
    "number": "1. ",
    "bullet": "- ",
    "star": "* ",
    "heading": "### ",
    "bar": "| ",
    "quote, once": "Here: ",
    "think": "<think>hm</think>",
    "think, answer": "<think>hm</think><answer>",
    "assistant": "<|im_start|>assistant\n",
    "solution": "<|begin_of_solution|>",
    "emoji": "✅ ",
    "tab": "\t",
}


def _indented(text: str, by: str) -> str:
    return "\n".join(by + line for line in text.split("\n"))


_THINKS = {
    "think": ("<think>", "</think>"),
    "thinking": ("<thinking>", "</thinking>"),
    "Think": ("<Think>", "</Think>"),
    "thought": ("<thought>", "</thought>"),
    "thoughts": ("<thoughts>", "</thoughts>"),
    "reasoning": ("<reasoning>", "</reasoning>"),
    "reflection": ("<reflection>", "</reflection>"),
    "scratchpad": ("<scratchpad>", "</scratchpad>"),
    "analysis": ("<analysis>", "</analysis>"),
    "Magistral": ("[THINK]", "[/THINK]"),
    "Sky-T1": ("<|begin_of_thought|>", "<|end_of_thought|>"),
    "Kimi": ("◁think▷", "◁/think▷"),
    "Seed": ("<seed:think>", "</seed:think>"),
    "Command": ("<|START_THINKING|>", "<|END_THINKING|>"),
    "Gemma": ("<|channel>thought\n", "<channel|>"),
    "Apertus": ("<|inner_prefix|>", "<|inner_suffix|>"),
    "LongCat": ("<longcat_think>", "</longcat_think>"),
}
_ANSWERS = {
    "answer": ("<answer>", "</answer>"),
    "ANSWER": ("<ANSWER>", "</ANSWER>"),
    "solution": ("<solution>", "</solution>"),
    "response": ("<response>", "</response>"),
    "final_answer": ("<final_answer>", "</final_answer>"),
    "square": ("[ANSWER]", "[/ANSWER]"),
    "square solution": ("[SOLUTION]", "[/SOLUTION]"),
    "Sky-T1": ("<|begin_of_solution|>", "<|end_of_solution|>"),
    "Command": ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    "attributes": ('<answer lang="python">', "</answer>"),
}
_CODES = {
    "PYTHON": ("[PYTHON]", "[/PYTHON]"),
    "CODE": ("[CODE]", "[/CODE]"),
    "code": ("<code>", "</code>"),
    "python": ("<python>", "</python>"),
    "pre": ("<pre><code>", "</code></pre>"),
    "class": ('<pre><code class="language-python">', "</code></pre>"),
    "begin_of_code": ("<|begin_of_code|>", "<|end_of_code|>"),
    "program": ("<program>", "</program>"),
}
_ANALYSIS = "<|channel|>analysis<|message|>"
_FINAL = "<|start|>assistant<|channel|>final<|message|>"

KINDS: dict[str, dict[str, tuple[str, str | None]]] = {
    "tags": {
        "in the first line": (f"{F}\npython\n{CODE}\n{F}", CODE),
        "in the first line, no fence": (f"python\n{CODE}", CODE),
        **{f"{tag}, fenced": (f"Here it is.\n\n{block(tag=tag)}\nIt works.", CODE) for tag in _TAGS},
        **{name: (f"{block(tag=info)}\n", CODE) for name, info in _INFO.items()},
        "none": (block(tag=""), CODE),
        "unknown": (block(tag="solution"), CODE),
        "tildes": (f"~~~python\n{CODE}\n~~~", CODE),
        "four backticks": (f"{F}`python\n{CODE}\n{F}`", CODE),
        "one line": (f"{F}python print(2){F}", "print(2)"),
    },
    "behind the closing fence": {
        **{name: (f"{block()}{after}", CODE) for name, after in _AFTER.items()},
        **{
            f"{name}, more text": (f"{block()}{after}\nIt is the difference.\n", CODE) for name, after in _AFTER.items()
        },
        "text and another block": (f"{block()} Output:\n{block('4', '')}\n", CODE),
        "no tag, text and another block": (f"{block(tag='')} Output:\n{block('4', '')}\n", CODE),
        "Code-R1": (f"<think>easy</think>\n<answer>\n{block()}</answer>", CODE),
        "Code-R1, new line": (f"<think>easy</think>\n<answer>\n{block()}\n</answer>", CODE),
    },
    "before the opening fence": {
        **{name: (f"{before}{block()}", CODE) for name, before in _BEFORE.items()},
        "a sentence with code": (f"Use `max`, and then {block()}", CODE),
        "two lines": (f"I think\nthat this is right: {block()}\nDone.", CODE),
        "a rule": (f"---\n{block()}\n---", CODE),
        "emphasis around": (f"**{block()}**", CODE),
        "brackets around": (f"(see {block()})", CODE),
    },
    "indented and quoted": {
        "list, three": (f"1. So:\n{_indented(block(), '   ')}", CODE),
        "list, two": (f"- So:\n{_indented(block(), '  ')}\n", CODE),
        "list, eight": (f"- a\n    - So:\n{_indented(block(), ' ' * 8)}\n", CODE),
        "tab": (f"1. So:\n{_indented(block(), TAB)}", CODE),
        "in the item": (f"- {F}python\n{_indented(CODE, '  ')}\n  {F}", CODE),
        "in the numbered item": (f"1. {F}python\n{_indented(CODE, '   ')}\n   {F}", CODE),
        "fence only": (f"   {F}python\n{CODE}\n   {F}", CODE),
        "fence only, a function": (f"    {F}python\n{FUNCTION}\n    {F}", FUNCTION),
        "opening fence only": (f"  {F}python\n{CODE}\n{F}", CODE),
        "closing fence only": (f"{F}python\n{CODE}\n  {F}", CODE),
        "quoted": (_indented(block(), "> "), CODE),
        "quoted without blank": (_indented(block(), ">"), CODE),
        "quoted twice": (_indented(block(), "> > "), CODE),
        "quoted, then text": (f"So:\n{_indented(block(FUNCTION), '> ')}\n\nIt works.", FUNCTION),
        "quoted list": (f"> - So:\n{_indented(block(), '>   ')}\n", CODE),
        "all indented, a blank line": (
            f"1. So:\n   {F}python\n   a = input()\n\n   print(a)\n   {F}",
            "a = input()\n\nprint(a)",
        ),
    },
    "fences in the code": {
        "docstring": (f"{block(DOCUMENTED)}\nbye", DOCUMENTED),
        "docstring, then a draft before": (f"{block(DRAFT)}\n{block(DOCUMENTED)}", DOCUMENTED),
        "string": (block(f"print('{F}')"), f"print('{F}')"),
        "string in the middle": (block(f"x = '{F}python'\nprint(x)"), f"x = '{F}python'\nprint(x)"),
        "regular expression": (
            block(f'import re\nprint(re.findall("{F}(.*?){F}", input()))'),
            f'import re\nprint(re.findall("{F}(.*?){F}", input()))',
        ),
        "longer fence": (f"{F}`python\nprint(1)\n# {F}\nprint(2)\n{F}`", f"print(1)\n# {F}\nprint(2)"),
        "longer fence, line of its own": (
            f"{F}`python\nx = '''\n{F}\n'''\nprint(x)\n{F}`",
            f"x = '''\n{F}\n'''\nprint(x)",
        ),
        "tildes around backticks": (f"~~~python\nprint('''\n{F}\n''')\n~~~", f"print('''\n{F}\n''')"),
        "tildes in backticks": (block("print('''\n~~~\n''')"), "print('''\n~~~\n''')"),
        "comment": (block(f"# like {F}this{F}, or\nprint(1)"), f"# like {F}this{F}, or\nprint(1)"),
        "in markdown": (f"{F}markdown\n# Title\n{block()}\n{F}", CODE),
        "in longer markdown": (f"{F}`markdown\n# Title\n{block()}\n{F}`\n{block(FUNCTION)}", FUNCTION),
        "think in a string": (block("print('<think>')"), "print('<think>')"),
        "end of think in a string": (block("print('</think>')"), "print('</think>')"),
        "answer in a string": (block("print('<answer>')\nprint('</answer>')"), "print('<answer>')\nprint('</answer>')"),
        "tags in a template": (
            block("t = '''\n<code>\n<details>\n'''\nprint(t)"),
            "t = '''\n<code>\n<details>\n'''\nprint(t)",
        ),
    },
    "closed on the last line of code": {
        "plain": (block(end=""), CODE),
        "blank": (block(end=" "), CODE),
        **{
            f"then {name}": (f"{block(end='')}{after}", CODE)
            for name, after in _AFTER.items()
            if name in ("</answer>", "im_end", "</s>", "point", "bold", "bracket", "blanks")
        },
        "then text": (f"{block(end='')}\nIt works.", CODE),
    },
    "cut off": {
        "closing fence indented like code": (f"{block()[:-3]}    {F}\nDone.", CODE),
        "in the code": (f"{F}python\n{CODE}", CODE),
        "in the code, no tag": (f"{F}\n{CODE}", CODE),
        "after a draft": (f"{block(DRAFT)}\n{F}python\n{CODE}", CODE),
        "in the fence": (f"{F}python\n{CODE}\n``", CODE),
        "in the fence, earlier": (f"{F}python\n{CODE}\n`", CODE),
        "in the next fence": (f"{block()}\n\n{F}", CODE),
        "in the next tag": (f"{block()}\n\n{F}pyth", CODE),
        "behind the next tag": (f"{block()}\n\n{F}python", CODE),
        "behind the next tag, new line": (f"{block()}\n\n{F}python\n", CODE),
        "end token": (f"{F}python\n{CODE}<|im_end|>", CODE),
        "end token, new line": (f"{F}python\n{CODE}\n<|im_end|>\n", CODE),
        "padding": (f"{F}python\n{CODE}<|endoftext|><|endoftext|><|endoftext|>", CODE),
        "no closing fence, </answer>": (f"<answer>\n{F}python\n{CODE}\n</answer>", CODE),
        "no closing fence, </answer> in the line": (f"<answer>\n{F}python\n{CODE}</answer>", CODE),
        "in the think section": (f"<think>\n{block()}\nhm", None),
        "in the think section, in the code": (f"<think>\n{F}python\n{CODE}", None),
        "a block begins in the block": (f"{F}python\n{DRAFT}\n{F}python\n{CODE}\n{F}", CODE),
        "begun in the prompt": (f"{CODE}\n{F}", CODE),
        "begun in the prompt, then text": (f"{CODE}\n{F}\nIt takes the largest and the smallest.", CODE),
        "begun in the prompt, then an output": (f"{CODE}\n{F}\nOutput:\n{block('4', '')}", CODE),
        "begun in the prompt, end token": (f"{CODE}\n{F}<|im_end|>", CODE),
    },
    "several blocks": {
        "draft, answer": (say(block(DRAFT), "Better:", block()), CODE),
        "three": (say(block(DRAFT), block("print(1)"), block()), CODE),
        "answer, output": (say(block(), "Output:", block("4", "")), CODE),
        "answer, output, tagged": (say(block(), "Output:", block("4", "text")), CODE),
        "no tag, output": (say(block(tag=""), "Output:", block("4", "")), CODE),
        "input, no tag, output": (say(block("1 5 2", ""), block(tag=""), block("4", "")), CODE),
        "no tag, json": (say(block("5", "text"), block(tag=""), block("[]", "json")), CODE),
        "answer, shell": (say(block(), "Run it:", block("python main.py", "bash")), CODE),
        "install, answer": (say(block("pip install numpy", "sh"), block()), CODE),
        "C++, Python": (say(block("int main() {}", "cpp"), block()), CODE),
        "Python, C++": (say(block(), block("int main() {}", "cpp")), CODE),
        "pseudocode, no tag": (say(block("read xs", "pseudocode"), block(tag="")), CODE),
        "an empty block": (say(block(), block("", end="")), CODE),
        "an empty block without tag": (say(block(), F, F), CODE),
        "a fence too many": (say(block(), F), CODE),
        "helper, use": (say("First:", block(HELPER), "Then:", block("print(h())")), f"{HELPER}\n\nprint(h())"),
        "function, main": (say(block(FUNCTION), block(MAIN)), f"{FUNCTION}\n\n{MAIN}"),
        "function, main, output": (say(block(FUNCTION), block(MAIN), block("4", "")), f"{FUNCTION}\n\n{MAIN}"),
        "read, print": (say(block("n = int(input())"), block("print(n * 2)")), "n = int(input())\n\nprint(n * 2)"),
        "three cells": (
            say(block("import sys"), block(READ), block("print(len(data))")),
            f"import sys\n\n{READ}\n\nprint(len(data))",
        ),
        "cells, then all": (
            say(block("n = int(input())"), block("print(n * 2)"), "All:", block("n = int(input())\nprint(n * 2)")),
            "n = int(input())\nprint(n * 2)",
        ),
        "answer, its use": (say(block(WHOLE), "For example:", block(USAGE)), WHOLE),
        "answer, tests": (say(block(WHOLE), "Tests:", block("assert span([1]) == 0")), WHOLE),
        "answer, tests that import it": (
            say(block(WHOLE), block("from solution import span\nassert span([1]) == 0")),
            WHOLE,
        ),
        "answer, session": (say(block(), "Try it:", block(">>> span([1, 2])\n1")), CODE),
        "answer, magic": (say(block(), block("!python main.py", "ipython")), CODE),
        "answer, a piece of it": (
            say(block(LOOP), "This part counts:", block("    for i in range(n):\n        print(i)")),
            LOOP,
        ),
        "answer, a line of it": (say(block(LOOP), "This line counts:", block("return max(xs)")), LOOP),
        "answer, what it prints": (say(block(LOOP), "This prints", block("3")), LOOP),
        "answer, a comment": (say(block(LOOP), block("# O(n)")), LOOP),
        "answer, tests that import it relatively": (
            say(block(WHOLE), block("from .solution import span\nprint(span([1]))")),
            WHOLE,
        ),
        "class, use": (
            say(block(METHOD), block("print(Solution().span([]))")),
            f"{METHOD}\n\nprint(Solution().span([]))",
        ),
        "draft, answer with all of a library": (
            say(block("def gcd(a, b):\n    return a\nprint(gcd(1, 2))"), block("from math import *\nprint(gcd(4, 6))")),
            "from math import *\nprint(gcd(4, 6))",
        ),
        "redefined": (
            say(block("def h():\n    return 0"), block(HELPER), block("print(h())")),
            f"{HELPER}\n\nprint(h())",
        ),
        "function, guard": (
            say(block("def main():\n    print(1)"), block("if __name__ == '__main__':\n    main()")),
            "def main():\n    print(1)\n\nif __name__ == '__main__':\n    main()",
        ),
        "draft had the imports": (
            say(block("import sys\nprint(1)"), block("def f(): print(2)\nf()\nsys.stdout.flush()")),
            "def f(): print(2)\nf()\nsys.stdout.flush()",
        ),
        "answer twice": (say(block(), "Again:", block()), CODE),
        "draft with the same names": (
            say(block("n = int(input())\nprint(n)"), "Better:", block("n = int(input())\nprint(n + 1)")),
            "n = int(input())\nprint(n + 1)",
        ),
        "draft with a function, answer with a library": (
            say(block("def gcd(a, b):\n    return b and gcd(b, a % b) or a\nprint(gcd(4, 6))"), block(LIBRARY)),
            LIBRARY,
        ),
    },
    "reasoning": {
        "behind words, in the line": (f"Sure. <think>Let me try\n{block(DRAFT)}\nhm", None),
        **{f"{name}, draft": (f"{a}\n{block(DRAFT)}\n{b}\n{block()}", CODE) for name, (a, b) in _THINKS.items()},
        **{f"{name}, never ends": (f"{a}\n{block()}\nhm", None) for name, (a, _) in _THINKS.items()},
        **{f"{name}, only its end": (f"hm\n{block(DRAFT)}\n{b}\n{block()}", CODE) for name, (_, b) in _THINKS.items()},
        "twice": (f"<think>a</think>\nFirst.\n<think>\n{block(DRAFT)}\n</think>\n{block()}", CODE),
        "closed twice": (f"<think>a</think>b</think>{block()}", CODE),
        "closed twice, a draft between": (f"<think>a</think>{block(DRAFT)}</think>{block()}", CODE),
        "behind the answer": (f"{block()}\n<think>\n{block(DRAFT)}\n</think>", CODE),
        "in one line": (f"<think>x</think>{block()}", CODE),
        "a fence that does not close": (f"<think>\n{F}python\n{DRAFT}\n</think>\n{block()}", CODE),
        "only its end, a fence that does not close": (f"hm\n{F}python\n{DRAFT}\n</think>\n{block()}", CODE),
        "behind words": (f"Okay. <think>\n{block(DRAFT)}\n</think>\n{block()}", CODE),
        "behind words, never ends": (f"Okay. <think>\n{block()}", None),
        "mentioned": (f"I write `<think>` and `</think>`.\n{block()}", CODE),
        "mentioned behind": (f"{block()}\nAfter `</think>` comes the answer.", CODE),
        "no fence behind": (f"<think>\n{block(DRAFT)}\n</think>\n{CODE}", CODE),
        "empty": (f"<think>\n\n</think>\n\n{block()}", CODE),
        "only a draft": (f"<think>\n{block(DRAFT)}\n</think>\nI do not know.", None),
    },
    "answers": {
        "in a sentence": ("The answer is <answer>print(1)</answer>.", "print(1)"),
        "mentioned in plain words": (f"{block()}\nThat goes between <answer> and </answer>.", CODE),
        "box": (f"<|begin_of_box|>{block()}<|end_of_box|>", CODE),
        **{f"{name}, fence": (f"{a}\n{block()}\n{b}", CODE) for name, (a, b) in _ANSWERS.items()},
        **{f"{name}, no fence": (f"{a}\n{CODE}\n{b}", CODE) for name, (a, b) in _ANSWERS.items()},
        "in one line": ("<answer>print(1)</answer>", "print(1)"),
        "example behind": (f"<answer>\n{block()}\n</answer>\nFor example:\n{block(DRAFT)}", CODE),
        "draft before": (f"{block(DRAFT)}\n<answer>\n{block()}\n</answer>", CODE),
        "two": (f"<answer>{block(DRAFT)}</answer>\nNo.\n<answer>{block()}</answer>", CODE),
        "TRL": (f"<reasoning>{block(DRAFT)}</reasoning><answer>\n{block()}\n</answer>", CODE),
        "only a draft": (f"<reasoning>{block(DRAFT)}</reasoning><answer></answer>", None),
        "a draft, an empty answer": (f"{block(DRAFT)}\n<answer>\n</answer>", None),
        "an idea, then a block": (f"<solution>\nTake the largest.\n</solution>\n{block()}", CODE),
        "not closed": (f"<answer>\n{CODE}", CODE),
        "code within": (f"<answer><code>{CODE}</code></answer>", CODE),
        "mentioned": (f"{block()}\nThat is what goes between `<answer>` and `</answer>`.", CODE),
        "behind words": (f"Final: <answer>\n{CODE}\n</answer>", CODE),
        "an explanation behind": (f"<answer>{block()}</answer><explanation>{block(DRAFT)}</explanation>", CODE),
    },
    "marks of code": {
        "MBPP": (f"[BEGIN]\n{CODE}\n[DONE]", CODE),
        "MBPP, begun in the prompt": (f"{CODE}\n[DONE]\n\nNow another.", CODE),
        **{name: (f"Here:\n{a}\n{CODE}\n{b}\nDone.", CODE) for name, (a, b) in _CODES.items()},
        **{f"{name}, close": (f"{a}{CODE}{b}", CODE) for name, (a, b) in _CODES.items()},
        "CodeLlama, tests": (f"[PYTHON]\n{CODE}\n[/PYTHON]\n[TESTS]\nassert True\n[/TESTS]", CODE),
        "not closed": (f"[PYTHON]\n{CODE}", CODE),
        "fence within": (f"<code>\n{block()}\n</code>", CODE),
        "a word in a sentence": (f"{block()}\nHere <code>xs</code> is the list.", CODE),
        "a line in a sentence": (f"{block(tag='')}\n<code>xs = 3</code> is a list.", CODE),
    },
    "channels of gpt-oss": {
        "analysis, final": (f"{_ANALYSIS}try {block(DRAFT)}<|end|>{_FINAL}{block()}<|return|>", CODE),
        "no final": (f"{_ANALYSIS}try {block()}", None),
        "no final, ended": (f"{_ANALYSIS}try {block()}<|end|>", None),
        "final only": (f"<|channel|>final<|message|>{block()}<|return|>", CODE),
        "commentary": (
            f"{_ANALYSIS}a<|end|><|start|>assistant<|channel|>commentary<|message|>{block(DRAFT)}<|end|>{_FINAL}{block()}",
            CODE,
        ),
        "commentary only": (f"<|channel|>commentary<|message|>{block()}<|end|>", None),
        "the prompt began the analysis": (f"try {block(DRAFT)}<|end|>{_FINAL}{block()}", CODE),
        "the analysis has a fence too few": (f"{_ANALYSIS}try {F}python\n{DRAFT}<|end|>{_FINAL}{block()}", CODE),
        "the same, begun by the prompt": (f"try {F}python\n{DRAFT}<|end|>{_FINAL}{block()}", CODE),
        "constrained": (
            f"{_ANALYSIS}a<|end|><|start|>assistant<|channel|>final <|constrain|>text<|message|>{block()}",
            CODE,
        ),
        "no fence": (f"{_ANALYSIS}a<|end|>{_FINAL}{CODE}<|return|>", CODE),
        "marks lost": (f"analysisWe need the span. {block(DRAFT)}assistantfinalHere:\n{block()}", CODE),
        "marks lost, no final": (f"analysisWe need the span. {block()}", None),
        "cut in the final": (f"{_ANALYSIS}a<|end|>{_FINAL}{F}python\n{CODE}", CODE),
    },
    "comments and closed sections": {
        "comment behind": (f"{block()}\n<!--\n{block(DRAFT)}\n-->", CODE),
        "comment before": (f"<!-- {block(DRAFT)} -->\n{block()}", CODE),
        "only a comment": (f"<!--\n{block()}\n-->\nSorry.", None),
        "comment that does not end": (f"<!-- draft\n{block()}", CODE),
        "details behind": (f"{block()}\n<details>\n<summary>Slower</summary>\n\n{block(DRAFT)}\n\n</details>", CODE),
        "details, open": (f"{block()}\n<details open>\n{block(DRAFT)}\n</details>", CODE),
        "details before": (f"<details><summary>Draft</summary>\n{block(DRAFT)}\n</details>\n{block()}", CODE),
        "only details": (f"<details><summary>Solution</summary>\n\n{block()}\n\n</details>", CODE),
        "details twice": (
            f"<details>\n{block(DRAFT)}\n</details>\n{block()}\n<details>\n{block(DRAFT)}\n</details>",
            CODE,
        ),
        "example": (f"{block()}\n<example>\n{block(DRAFT)}\n</example>", CODE),
        "tests": (f"{block()}\n<tests>\n{block(DRAFT)}\n</tests>", CODE),
    },
    "no fence": {
        "header of a turn": (f"<|im_start|>assistant\n{CODE}<|im_end|>", CODE),
        "a program": (CODE, CODE),
        "end token": (f"{CODE}<|im_end|>", CODE),
        "end token, new line": (f"{CODE}\n</s>", CODE),
        "blank lines": (f"\n\n{CODE}\n\n", CODE),
        "a function": (FUNCTION, FUNCTION),
        "shebang": (f"#!/usr/bin/env python3\n{CODE}", f"#!/usr/bin/env python3\n{CODE}"),
        "one line": ("print(2)", "print(2)"),
        "reads only": (
            "import sys\nsys.stdout.write(sys.stdin.read())",
            "import sys\nsys.stdout.write(sys.stdin.read())",
        ),
        "comparisons": (
            "a, b = map(int, input().split())\nprint(a<b>1)",
            "a, b = map(int, input().split())\nprint(a<b>1)",
        ),
    },
    "line ends": {
        "Windows": (block(CODE).replace("\n", "\r\n"), CODE),
        "Windows, text": (f"Here:\n\n{block()}\n\nDone.".replace("\n", "\r\n"), CODE),
        "Windows, cut off": (f"{F}python\n{CODE}".replace("\n", "\r\n"), CODE),
        "blank lines within": (block(f"\n\n{CODE}\n\n"), CODE),
        "blanks behind the tag": (f"{F}python   \n{CODE}\n{F}   ", CODE),
        "form feed": (f"{F}python\n{CODE}\n{F}\f", CODE),
    },
    "no program": {
        "nothing": ("", None),
        "blank": (" \n\n ", None),
        "sorry": ("I am sorry, this cannot be solved.", None),
        "inline": ("Use `print(1)`.", None),
        "fences in a sentence": (f"Use {F}print(1){F} for it.", None),
        "boxed": ("\\boxed{print(1)}", None),
        "json": ('{"code": "print(1)"}', None),
        "empty block": (f"{F}python\n\n{F}", None),
        "only C++": (block("int main() {}", "cpp"), None),
        "only a shell": (block("ls", "bash"), None),
        "only an output": (block("{}", "json"), None),
        "only a session": (block(">>> print(1)\n1"), None),
        "only the end": ("<|im_end|>", None),
        "a think section": ("<think>hm</think>", None),
    },
}
IN_THINK: list[tuple[str, str, str | None]] = [
    ("draft, answer", f"{block(DRAFT)}\n</think>\n{block()}", CODE),
    ("draft, no fence", f"{block(DRAFT)}\n</think>\n{CODE}", CODE),
    ("cut off", f"let me try\n{block()}\nhmm", None),
    ("cut off in the code", f"let me try\n{F}python\n{CODE}", None),
    ("a fence too few", f"{F}python\n{DRAFT}\n</think>\n{block()}", CODE),
    ("a fence too few, in the line", f"{F}python\n{DRAFT} # hm</think>\n{block()}", CODE),
    ("opened again", f"<think>\n{block(DRAFT)}\n</think>\n{block()}", CODE),
    ("an answer within", f"<answer>\n{block(DRAFT)}\n</answer>\nwait", None),
    ("answer section behind", f"hm</think><answer>\n{block()}\n</answer>", CODE),
    ("gpt-oss", f"hm {block(DRAFT)}<|end|>{_FINAL}{block()}", CODE),
    ("no section at all", block(), None),
]
FOR_A_FUNCTION: list[tuple[str, str, str | None]] = [
    ("its use behind", say(block(FUNCTION), "For example:", block(USAGE)), FUNCTION),
    ("tests behind", say(block(FUNCTION), "Tests:", block("assert span([1]) == 1")), FUNCTION),
    ("a unit test behind", say(block(FUNCTION), block(UNIT_TEST)), FUNCTION),
    (
        "helper before",
        say(block(HELPER), block("def span(xs):\n    return h()")),
        f"{HELPER}\n\ndef span(xs):\n    return h()",
    ),
    ("draft before", say(block("def span(xs):\n    return 0"), block(FUNCTION)), FUNCTION),
    ("method", say(block(METHOD), block("print(Solution().span([1]))")), METHOD),
    (
        "another program behind",
        say(block(FUNCTION), "Inputs:", block("import random\nprint(random.random())")),
        FUNCTION,
    ),
]
