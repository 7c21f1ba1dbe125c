"""The program in a completion: shapes that models really write, and time on hostile ones."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microcoder.evaluator.extract import extract
from microcoder.evaluator.integrations.openrlhf import response_of

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
]
TOKENS = [
    *("```", "~~~", "`", "python", "json", "\n", " ", "    ", "\t", "\r", "x", "=", ",", ":", "class", "def", "for", "import"),
    *("<think>", "</think>", "<thinking>", "</thinking>", "[THINK]", "[/THINK]", "<|im_end|>", "</s>", "<|", "|>"),
]  # fmt: skip


def cost(text: str, times: int) -> float:
    """Processor seconds, the least of so many times."""
    best = math.inf
    for _ in range(times):
        start = time.process_time()
        extract(text)
        extract(f"```python\n{text}")
        response_of(text, None)
        best = min(best, time.process_time() - start)
    return best


def grows(make: Callable[[int], str], size: int) -> None:
    """Four times the text takes about four times the time; what is quadratic takes sixteen times."""
    few, many = cost(make(size), 2), cost(make(4 * size), 2)
    assert many < 8 * few + 0.05


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_is_linear(piece: str) -> None:
    grows(lambda size: piece * (size // len(piece)), 100_000)


@pytest.mark.parametrize("make", WHOLE)
def test_time_is_linear_whatever_the_form(make: Callable[[int], str]) -> None:
    grows(make, 100_000)


@pytest.mark.parametrize("piece", ["\n", "```\n", "<think></think> ", "<|im_end|> "])
def test_time_is_linear_for_megabytes(piece: str) -> None:
    grows(lambda size: piece * (size // len(piece)), 500_000)


@settings(max_examples=50)
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
