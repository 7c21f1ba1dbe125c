"""The program in a completion: shapes that models really write, and time on hostile ones."""

from __future__ import annotations

import importlib
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microcoder.bench.rivals.base import Unavailable
from microcoder.bench.rivals.extractors import open_r1, trl
from microcoder.bench.shapes import CODE as SPAN
from microcoder.bench.shapes import Shape, block, shapes
from microcoder.evaluator.extract import blocks, choice, extract, extraction, looks, marks, tags
from microcoder.evaluator.integrations.openrlhf import response_of
from microcoder.sandbox.languages import LANGUAGES, NAMES, TAGS

CODE = "n = int(input())\nprint(n)"
DOC = 'def f():\n    """\n    ```\n    >>> f()\n    ```\n    """\n    return 1'


@pytest.mark.parametrize("tag", ["python", "Python", "py", "python3", "PYTHON", "{.python}", "python title=a.py"])
def test_tags(tag: str) -> None:
    found = extract(f"Here it is.\n\n```{tag}\n{CODE}\n```\nIt works.")
    assert (found.code, found.found) == (CODE, "tagged")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"```\n{CODE}\n```", "untagged"),
        (f"~~~python\n{CODE}\n~~~", "tagged"),
        (f"````python\n{CODE}\n````", "tagged"),
        (f"```python\r\n{CODE}\r\n```\r\n", "tagged"),
        (f"The answer: ```python\n{CODE}\n```", "tagged"),
        (f"```python\n{CODE}```", "tagged"),
        ("1. So:\n   ```py\n   n = int(input())\n   print(n)\n   ```", "tagged"),
        (f"```python\ndraft()\n```\nBetter:\n```python\n{CODE}\n```", "tagged"),
        (f"```python\n{CODE}\n```\nOutput:\n```\n5\n```", "tagged"),
        (f"```\n{CODE}\n```\nOutput:\n```\n5\n```", "untagged"),
        (f"```text\n5\n```\n```\n{CODE}\n```\n```json\n[]\n```", "untagged"),
        (f"```python\nold = 1\n```python\n{CODE}\n```", "tagged"),
        (f"```markdown\n# Title\n```python\n{CODE}\n```\n```", "tagged"),
        (f"```python\n{CODE}\n```\n\n```python", "tagged"),
        (f"```python\n{CODE}", "unclosed"),
        (f"```python\ndraft()\n```\n```python\n{CODE}", "unclosed"),
        (f"<think>\n```python\ndraft()\n```\n</think>\n```python\n{CODE}\n```", "tagged"),
        (f"Let me see ```python\ndraft()\n```</think>\n```python\n{CODE}\n```", "tagged"),
        (f"[THINK]draft[/THINK]```python\n{CODE}\n```", "tagged"),
        (f"<think>a</think>\nFirst.\n<think>\n```python\nno()\n```\n</think>\n```python\n{CODE}\n```", "tagged"),
        (CODE, "bare"),
        (f"<think>hm</think>\n{CODE}\n", "bare"),
    ],
)
def test_shapes(text: str, found: str) -> None:
    result = extract(text)
    assert result.code is not None
    assert (result.code.replace("\r\n", "\n").rstrip("\r"), result.found) == (CODE, found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "nothing"),
        ("I am sorry, this cannot be solved.", "nothing"),
        ("Use ```print(1)``` for it.", "nothing"),
        ("```python\n\n```", "nothing"),
        (f"<think>\n```python\n{CODE}\n```\n", "unclosed_think"),
        (f"Answer:\n<think>\n```python\n{CODE}\n```\n", "unclosed_think"),
        ("```cpp\nint main() {}\n```", "other_language"),
        ("```\n```\n```bash\nls\n```", "other_language"),
    ],
)
def test_no_program(text: str, found: str) -> None:
    result = extract(text)
    assert (result.code, result.found) == (None, found)


@pytest.mark.parametrize("shape", shapes(), ids=lambda shape: f"{shape.kind}: {shape.name}")
def test_shapes_of_completions(shape: Shape) -> None:
    """What the benchmark compares (bench/extraction.py): ours has no excuse."""
    found = extract(
        shape.completion, shape.language, starts_in_think=shape.starts_in_think, entry_point=shape.entry_point
    )
    assert _plain(found.code) == _plain(shape.program)


def _plain(code: str | None) -> str | None:
    return None if code is None else code.replace("\r\n", "\n").strip("\r\n ")


def test_there_are_many_shapes() -> None:
    names = [(shape.kind, shape.name) for shape in shapes()]
    assert len(names) == len(set(names)) >= 300


def test_the_bench_runs_the_code_of_others(tmp_path: Path) -> None:
    path = tmp_path / "src/open_r1/rewards.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import nowhere\n\ndef extract_code(text: Nothing, language):\n    return re.sub('a', language, text)\n"
    )
    shape = Shape(kind="", name="", completion="xax", program=None, language="go")
    assert open_r1(tmp_path).extract(shape) == "xgox"
    with pytest.raises(Unavailable, match="ssd_eval"):
        trl(tmp_path)


def test_every_language_is_known_by_its_name_and_its_tags() -> None:
    assert set(TAGS) == set(NAMES)
    for name, language in LANGUAGES.items():
        assert TAGS[name] == {name, *language.tags}
    for name in NAMES:
        for tag in (name, *TAGS[name]):
            for form in (
                tag,
                tag.upper(),
                f" {tag} ",
                f"{tag} title=x",
                f"{{.{tag}}}",
                f"language-{tag}",
                f"main.{tag}",
            ):
                result = extract(block("int main() {}", form), name)
                assert (result.code, result.found) == ("int main() {}", "tagged"), (name, form)


def test_a_version_does_not_matter_and_another_language_does() -> None:
    """Standards and versions are a matter of the submission; families are told apart."""
    for tag, language in {
        **dict.fromkeys(("c++11", "c++17", "cpp17", "cpp20", "c++2a", "cpp23", "C++20", "gnu++17", "g++"), "cpp"),
        **dict.fromkeys(("c99", "c11", "C17"), "c"),
        **dict.fromkeys(("python2", "python3.13", "py3", "pypy3.10"), "python"),
        "java17": "java",
        "go1.22": "go",
        "rust2021": "rust",
        "node18": "javascript",
        "es6": "javascript",
    }.items():
        for name in NAMES:
            right = bool(TAGS[name] & TAGS[language])
            assert tags.is_of(tag, name) == right, (tag, name)
            assert (extract(block("int main() {}", tag), name).code is not None) == right


@pytest.mark.parametrize("name", [name for name in NAMES if name in LANGUAGES and LANGUAGES[name].starts_at_main])
def test_the_last_block_with_main_is_the_program(name: str) -> None:
    whole, piece = "int main() { return f(); }", "int f() { return 1; }"
    assert extract(f"{block(whole, name)}\nThis part counts:\n{block(piece, name)}", name).code == whole
    assert extract(f"{block(piece, name)}", name).code == piece  # a grader may hold main


WRONG = {
    "a draft in reasoning, no answer": f"<think>\n{block()}\n</think>\nI give up.",
    "a draft in reasoning, an empty answer": f"<think>{block()}</think><answer></answer>",
    "reasoning that does not end": f"<think>\n{block()}\n",
    "the same, behind an answer's mark": f"<answer>\n<think>\n{block()}\n",
    "an answer that takes the draft back": f"{block()}\n<answer>\nThis is wrong, there is no solution.\n</answer>",
    "a comment": f"<!-- {block()} -->",
    "only analysis": f"<|channel|>analysis<|message|>{block()}<|end|>",
    "analysis behind a draft": f"{block()}<|end|><|start|>assistant<|channel|>analysis<|message|>hm",
    "another language": block(SPAN, "cpp"),
    "an output": block("4", "output"),
    "a session": block(">>> print(4)"),
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_is_no_answer_is_none(text: str) -> None:
    assert extract(text).code is None


@pytest.mark.parametrize("name", sorted(marks.NAMES))
def test_a_program_without_a_fence_may_use_the_names_of_marks(name: str) -> None:
    """As parameters of types, as in Java and C++."""
    for kind in (name, name.capitalize()):
        code = (
            f"import java.util.*;\nclass Main {{\n  static List<{kind}>[] g;\n  Map<{kind}, List<{kind}>> m = f(x<{kind}>(1));\n"
            f"  List<{kind}> all = new ArrayList<>();\n  int a[{kind}] = {{1}};\n  var b = c < {kind} && {kind} > d;\n}}"
        )
        assert extract(code, "java").code == code
        assert extract(f"<answer>\n{code}\n</answer>", "java").code == code


def test_one_program_only() -> None:
    """Of several whole programs one is taken, and none is put together with another."""
    first, second = "n = int(input())\nprint(n)", "import sys\nm = int(sys.stdin.read())\nprint(m + 1)"
    assert extract(f"{block(first)}\nOr:\n{block(second)}").code == second
    assert extract(f"{block(second)}\nOr:\n{block(first)}").code == first
    usage = "print(f'{solve(3)}')"
    whole = "def solve(n):\n    return n\nif __name__ == '__main__':\n    print(solve(int(input())))"
    assert extract(f"{block(whole)}\nFor example:\n{block(usage)}").code == whole
    assert extract(
        f"{block(whole)}\n{block('# solve is slow, like ' + chr(39) + 'solve(1)' + chr(39) + chr(10) + first)}"
    ).code == ("# solve is slow, like 'solve(1)'\n" + first)


@pytest.mark.parametrize(
    "answer",
    [
        "(a, b) = map(int, input().split())\nprint(a + b)",
        "for a, b in [(1, 2)]:\n    print(a + b)",
        "def f(a, b=1):\n    return a + b\nprint(f(1))",
        "with open(0) as a:\n    b = a.read()\nprint(b)",
        "a = b = 3\nprint(a, b)",
        "if 1: a = 2; b = 3\nprint(a + b)",
        "print((lambda a, b: a + b)(1, 2))",
        "while (a := input()) and (b := a):\n    print(b)",
        "try: b = 1\nexcept ValueError as a: raise\nprint(b)",
        "from math import (\n    gcd as a,\n    lcm as b,\n)\nprint(a(4, b(2, 3)))",
        "print([a + b for a in [1] for b in [2]])",
        "class a:\n    b = 1\nprint(a.b)",
        "global a, b\na = b = 1\nprint(a)",
        "b = 'a'\nprint(\"a\", f'{b} a')  # a",
        'b = 1\nprint("""\na\n""")',
        "x = 1\nprint(x.a, x.b)",
    ],
)
def test_what_binds_its_names_needs_no_draft(answer: str) -> None:
    """The draft defines ``a`` and ``b``, too; the answer is whole without it."""
    draft = "a, b = map(int, input().split())\nprint(a - b)"
    assert extract(f"{block(draft)}\nBetter:\n{block(answer)}").code == answer


def test_fences_in_a_docstring() -> None:
    assert extract(f"```python\n{DOC}\n```\nbye").code == DOC
    assert extract("~~~python\nprint('```')\n```\n~~~").code == "print('```')\n```"


def test_the_prompt_opened_the_thinking() -> None:
    text = f"```python\ndraft()\n```\n</think>\n```python\n{CODE}\n```"
    assert extract(text, starts_in_think=True).code == CODE
    assert extract("```python\ndraft()\n```", starts_in_think=True).found == "unclosed_think"


@pytest.mark.parametrize(("language", "tag"), [("cpp", "c++"), ("cpp", "cpp17"), ("rust", "rs"), ("go", "golang")])
def test_other_languages(language: str, tag: str) -> None:
    text = f"```python\n{CODE}\n```\n```{tag}\nint main() {{}}\n```\n```python\n{CODE}\n```"
    result = extract(text, language)
    assert (result.code, result.tag) == ("int main() {}", tag)


HOSTILE = [
    *("`", "```\n", "```python\n", "``` ", "```a``` ", "~", "~~~\n", "`` ` ``` ", "```x", "```a b```\n", "    ```\n"),
    *("<think>", "<think>\n", "</think>", "<think></think>", "<think></think> ", "<think>\n</think>\n", "a<think></think>"),
    *("<think>[THINK]<thinking>\n</thinking>[/THINK]</think>", "[THINK]", "<|im_end|>", "</s> ", "[PAD]\n"),
    *("\n", " ", "\t\n", "\r", "\r\n", "\f", "\u2028", "\x1c", "\ud800"),
    *("a", "a, ", "a = ", "a , ", "for ", "for : : :\n", "class a", "class a:b\n", "@", "import\t", "def a ", "x ```json a```\n"),
]  # fmt: skip
WHOLE: list[Callable[[int], str]] = [
    lambda size: "\n".join("`" * length for length in range(3, int((2 * size) ** 0.5))),
    lambda size: "\n".join("`" * length for length in range(int((2 * size) ** 0.5), 3, -1)),
    lambda size: "".join(f"{' ' * n}```python\n{' ' * n}x\n" for n in range(1, int(size**0.5))),
    lambda size: "<think>" * (size // 16) + "</think>" * (size // 16),
    lambda size: "<think></think>" * (size // 30) + " " * (size // 2),
    lambda size: " " * (size // 2) + "```python\n" + " " * (size // 2) + "x",
    lambda size: "```python\nx" + " " * size + "\n```",
    lambda size: "x ```json " + "` " * (size // 2) + "```",
    lambda size: "```" + "{." * (size // 2),
    lambda size: f"class {'a' * 100}{':' * 100}{' ' * size}x",
    lambda size: f"for {':' * 200}{' ' * size}x",
    lambda size: (f"a{' ' * (size // 30)},") * 30,
    lambda size: "import " + "a." * (size // 2),
    lambda size: "x" + "<|im_end|>" * (size // 10),
    lambda size: "x" + "<|" * (size // 2),
    lambda size: "x" + " " * size,
    lambda size: "```python\n" + "x ```y" * (size // 6),
    lambda size: "```python\n" + "x``` " * (size // 5),
    lambda size: "<answer>\n" + "```</answer>" * (size // 12),
    lambda size: "<answer>" * (size // 16) + "</answer>" * (size // 16),
    lambda size: "x <answer>\n" * (size // 11),
    lambda size: "x <answer> y </answer>\n```python\nx\n```\n" * (size // 40),
    lambda size: "```x\ny\n```\n" * (size // 20) + "a <answer> b </answer>\n" * (size // 46),
    lambda size: "```python\n" + "     ```\n" * (size // 9),
    lambda size: "<code>x = 1" * (size // 11),
    lambda size: "<code>\n" * (size // 14) + "</code>\n" * (size // 16),
    lambda size: "<details>\n```python\nx = 1\n```\n</details>\n" * (size // 50),
    lambda size: "x <!-- y" * (size // 8),
    lambda size: "<!-- -->" * (size // 8),
    lambda size: "<|channel|>analysis<|message|>" * (size // 30),
    lambda size: "<|channel|>" + " " * size,
    lambda size: "> " * (size // 2) + "```python\nx\n" + "> " * (size // 4),
    lambda size: "analysisWe do. " + "assistantfinal" * (size // 14),
    lambda size: "```python\nx = 1\n```\n" * (size // 20),
    lambda size: "```python\nx = 1\n```\n```python\ny = x\n```\n" * (size // 45),
    lambda size: "".join(f"```python\nx{n} = x{n - 1}\n```\n" for n in range(size // 30)),
    lambda size: "```python\nx = 1\n```\n```python\n" + "x = " * (size // 4),
    lambda size: "```python\nx = 1\n```\n```python\n" + "for " * (size // 4),
    lambda size: "```python\nx = 1\n```\n```python\n" + "a" * size,
    lambda size: "```python\nx = 1\n```\n```python\n" + "def x(" * (size // 6),
    lambda size: "```python\nx = 1\n```\n```python\n" + "import (" * (size // 8),
    lambda size: "```python\nx = 1\n```\n```python\n" + "f'{" * (size // 3),
    lambda size: "```python\nx = 1\n```\n```python\n" + '"\\' * (size // 2),
    lambda size: "```python\nx = 1\n```\n```python\n" + "'''\"\"\"" * (size // 6),
    lambda size: "```python\nx = 1\n```\n```python\n" + "lambda " * (size // 7),
    lambda size: "```python\nx = 1\n```\n```python\n" + "a, " * (size // 3),
    lambda size: "```python\nx = 1\n```\n```python\n" + "a: " * (size // 3),
]
TOKENS = [
    *("```", "~~~", "`", "python", "json", "\n", " ", "    ", "\t", "\r", "x", "=", ",", ":", "class", "def", "for", "import"),
    *("<think>", "</think>", "<thinking>", "</thinking>", "[THINK]", "[/THINK]", "<|im_end|>", "</s>", "<|", "|>"),
    *("<answer>", "</answer>", "<code>", "</code>", "[PYTHON]", "[/PYTHON]", "<details>", "</details>", "<!--", "-->", "> ", "- "),
    *("<|channel|>", "<|message|>", "final", "analysis", "assistant", "'", '"', "'''", "f'{", "}", "print(x)", "\\"),
]  # fmt: skip


def cost(text: str) -> float:
    """Processor seconds."""
    start = time.process_time()
    extract(text)
    extract(f"```python\n{text}")
    response_of(text, None)
    return time.process_time() - start


def grows(make: Callable[[int], str], size: int) -> None:
    """Four times the text takes about four times the time; what is quadratic takes sixteen times.

    The least of several times counts, and no more are taken than needed: a busy machine makes single ones longer.
    """
    few, many = make(size), make(4 * size)
    least_few = least_many = math.inf
    for _ in range(6):
        least_few, least_many = min(least_few, cost(few)), min(least_many, cost(many))
        if least_many < 8 * least_few + 0.05:
            return
    raise AssertionError(f"{least_many:.3f} s for {len(many)} characters, {least_few:.3f} s for {len(few)}")


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_is_linear(piece: str) -> None:
    grows(lambda size: piece * (size // len(piece)), 100_000)


@pytest.mark.parametrize("make", WHOLE)
def test_time_is_linear_whatever_the_form(make: Callable[[int], str]) -> None:
    grows(make, 100_000)


@pytest.mark.parametrize("piece", ["\n", "```\n", "<think></think> ", "<|im_end|> "])
def test_time_is_linear_for_megabytes(piece: str) -> None:
    grows(lambda size: piece * (size // len(piece)), 500_000)


@settings(max_examples=25)
@given(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=6))
def test_time_is_linear_for_any_mixture(pieces: list[str]) -> None:
    piece = "".join(pieces)
    grows(lambda size: piece * (size // len(piece)), 25_000)


@given(
    st.lists(st.sampled_from(["```", "~~~", "python", "\n", "    ", "x = 1", "<think>", "</think>", "`", "é", "\r"]))
)
def test_any_text_gives_an_answer_from_the_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    result = extract(text)
    assert (result.code is None) == (result.found in ("unclosed_think", "other_language", "nothing"))
    if result.code is not None:
        assert all(line.strip() in text for line in result.code.split("\n"))


@given(st.text(alphabet="abc =()\n\t'\"#", min_size=1).filter(str.strip))
def test_what_stands_in_a_fence_comes_back(code: str) -> None:
    assert extract(f"Text.\n```python\n{code}\n```\nMore.").code == code


def test_no_pattern_repeats_a_group_possessively() -> None:
    """Up to Python 3.11.4 (Debian 12 has 3.11.2) these match wrongly where the group can go back: gh-106052. An atomic
    group around the repeat says the same."""
    patterns = [
        pattern
        for module in (blocks, choice, extraction, looks, marks, tags)
        for value in vars(module).values()
        for pattern in (value.values() if isinstance(value, dict) else [value])
        if isinstance(pattern, re.Pattern)
    ]
    assert len(patterns) > 20
    parser: Any = importlib.import_module("re._parser")
    for pattern in patterns:
        waiting = [parser.parse(pattern.pattern, pattern.flags)]
        while waiting:
            for operation, argument in waiting.pop():
                if str(operation) == "POSSESSIVE_REPEAT":
                    assert [str(inner) for inner, _ in argument[2]] in (
                        ["ANY"],
                        ["IN"],
                        ["LITERAL"],
                        ["NOT_LITERAL"],
                    ), pattern
                parts = argument if isinstance(argument, tuple | list) else [argument]
                waiting += [part for part in flat(parts) if isinstance(part, parser.SubPattern)]


def flat(parts: Iterable[Any]) -> Iterator[Any]:
    for part in parts:
        if isinstance(part, tuple | list):
            yield from flat(part)
        else:
            yield part
