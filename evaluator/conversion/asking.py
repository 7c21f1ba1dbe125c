"""What a model is asked: as the row asks it, or made from the statement."""

from __future__ import annotations

import re

from ..datasets.base import Example
from ..datasets.prompts import Message, messages
from ..problem import Problem

WANTED = {
    "stdio": "Write a Python program that reads standard input and writes standard output.",
    "call": "Write it in Python.",
    "assert": "Write it in Python.",
}
"""By mode. Statements of others say themselves what an answer is."""
REST = "Answer with what comes after it, as one ```python block."
ANSWER = "Answer with the whole code, as one ```python block."


def conversation(example: Example, template: str | None = None) -> list[Message] | None:
    """The messages before the model's answer. None: the row has no statement either.

    ``template``: the user's message instead, with {statement} and {starter} in the place of those.
    """
    if template is None and (said := messages(example.prompt)) is not None:
        return said
    text = question(example.problem, template)
    return None if text is None else [Message("user", text)]


def question(problem: Problem, template: str | None = None) -> str | None:
    """What the user says."""
    statement, starter = problem.statement or "", problem.starter_code or ""
    if not statement and not starter:
        return None
    if template is not None:
        texts = {"{statement}": statement, "{starter}": starter}
        return re.sub("|".join(map(re.escape, texts)), lambda found: texts[found[0]], template)
    if problem.mode not in WANTED:
        return statement
    if problem.partial_solution:
        return f"{statement}\n\nGo on with this code:\n\n{_fenced(problem.partial_solution)}\n\n{REST}\n"
    parts = [statement]
    if starter and starter.strip() == statement.strip():  # a prompt to go on with is both
        parts = [f"Go on with this code:\n\n{_fenced(starter)}"]
    elif starter and starter.strip() not in statement:
        parts.append(f"Begin with this code:\n\n{_fenced(starter)}")
    parts += [_name(problem), f"{WANTED[problem.mode]} {ANSWER}"]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _name(problem: Problem) -> str:
    """Of the function that tests call, where nothing has said it yet."""
    told = f"{problem.statement} {problem.starter_code}"
    if problem.entry_point is None or problem.entry_point in told:
        return ""
    within = f", a method of the class {problem.entry_class}" if problem.entry_class else ""
    return f"The function is called {problem.entry_point}{within}."


def _fenced(code: str) -> str:
    code = code.strip("\n")
    return f"```python\n{code}\n```"
