"""What the starter code of a call problem says of its functions: which arguments and results are LeetCode's nodes.

The nodes themselves are built and read in the jail (sandbox/inside/leetcode.py). Here stands what is known before
anything runs, and what cannot be judged is refused.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from ..sandbox.protocol import Signature
from .problem import Problem

CLASSES = "ListNode", "TreeNode", "Node"
DEPTHS = {"isLeaf": 2, "random": 2, "neighbors": 2, "children": 1, "child": 1, "left": 1}
"""How deep the lists are that a Node is written as, by the field that tells what it is; the first that it has."""
_USUAL = "Solution"
"""Class of LeetCode's solutions."""
LONGEST = 4096
"""Characters of a def statement, up to its body."""

_SPECIAL = re.compile(r"Node|->\s*None|\bclass\s+(?!Solution\b)\w")
"""Without any of it nothing is to be known of a signature but that it is there."""

Node = tuple[str, int]
"""The class, and how many lists are around it."""


class Method(NamedTuple):
    """One def statement of the starter code."""

    name: str
    parameters: list[ast.arg]
    """Without ``self``."""
    least: int
    """Arguments that it needs."""
    most: float
    """And takes."""
    returned: ast.expr | None

    @property
    def void(self) -> bool:
        return isinstance(self.returned, ast.Constant) and self.returned.value is None

    @property
    def nodes(self) -> list[Node | None]:
        """What the parameters are, then the result."""
        return [node_of(annotation) for annotation in (*(each.annotation for each in self.parameters), self.returned)]


class Starter(NamedTuple):
    signature: Signature | None = None
    """None: it does not say; the program's annotations do."""
    outputs: list[str] | None = None
    """What the tests expect, in the form that nodes are read in; None: as they say."""


def read_starter(problem: Problem) -> Starter:
    """Raises ValueError, naming the field, for what this judge cannot build or read."""
    name = problem.entry_point
    if problem.mode != "call" or name is None:
        return Starter()
    texts = [text for text in (problem.starter_code, problem.statement) if text]
    if not any(map(_SPECIAL.search, texts)):
        return Starter(Signature() if any(f"def {name}(" in text for text in texts) else None)
    methods = next(filter(None, (methods_of(text, name) for text in texts)), None)
    if methods is None:
        return Starter()
    nodes = {method.name: method.nodes for method in methods}
    text = "\n".join(texts)
    if is_class(text, name):
        _check_design(problem, name)
    for method in methods:
        _refuse_others(method, text)
    if not any(map(any, nodes.values())) and not any(method.void for method in methods):
        return Starter(Signature())
    fields = fields_of_node(f"{problem.prelude}\n{text}")
    if any(node and node[0] == "Node" for each in nodes.values() for node in each) and depth_of_node(fields) is None:
        raise ValueError(f"starter_code: a Node, but not what it has: one of {', '.join(DEPTHS)}")
    signature = Signature(nodes, [method.name for method in methods if method.void], fields)
    if is_class(text, name):
        return Starter(signature)
    return _function(problem, methods[0], nodes[name], signature)


def _function(problem: Problem, method: Method, nodes: list[Node | None], signature: Signature) -> Starter:
    """Of one function; the tests are looked at, too."""
    inputs = [_loads(test.input, f"tests[{number}].input") for number, test in enumerate(problem.tests)]
    outputs = [_loads(test.output, f"tests[{number}].output") for number, test in enumerate(problem.tests)]
    *parameters, returned = nodes
    if method.void and any(output is not None for output in outputs):
        signature.in_place, returned = True, (parameters or [None])[0]
    if not any(nodes):
        return Starter(signature if signature.in_place else Signature())
    for number, given in enumerate(inputs):
        around = all(parameters) and len(given) == len(parameters) + 1
        if not (around or method.least <= len(given) <= method.most):
            raise ValueError(
                f"tests[{number}].input: {len(given)} arguments, but {method.name} takes {len(parameters)}"
            )
    if returned is None:
        return Starter(signature)
    for number, output in enumerate(outputs):
        if isinstance(output, str | dict):
            raise ValueError(f"tests[{number}].output: no {returned[0]} is written like that")
    lists = [isinstance(output, list) for output in outputs]
    signature.values = returned[1] == 0 and not any(lists) and any(output is not None for output in outputs)
    told_apart = next((field for field in DEPTHS if field in signature.fields), None)
    signature.copies = (
        returned == ("Node", 0)
        and told_apart in ("random", "neighbors")
        and all(given[:1] == [output] for given, output in zip(inputs, outputs, strict=True))
    )
    if signature.values:
        return Starter(signature)
    return Starter(signature, [json.dumps(_as_read(output, returned[1])) for output in outputs])


def _check_design(problem: Problem, name: str) -> None:
    """Raises ValueError for operations that their arguments or results do not match."""
    for number, test in enumerate(problem.tests):
        given, expected = _list_of(test.input), _list_of(test.output)
        operations, arguments = map(_as_list, given) if len(given) == 2 else ([], [])
        if operations[:1] != [name]:
            raise ValueError(f"tests[{number}].input: not the operations of {name}, and their arguments")
        for field, values in (("input", arguments), ("output", expected)):
            if len(values) != len(operations):
                raise ValueError(f"tests[{number}].{field}: not a list of {len(operations)}, as the operations are")


def _list_of(text: str) -> list[Any]:
    """Nothing, where it is no list."""
    try:
        return _as_list(json.loads(text))
    except (ValueError, RecursionError):
        return []


def _as_list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _loads(text: str, field: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{field}: not a JSON value: {error}") from None


def _as_read(output: Any, depth: int) -> Any:
    """No nodes at all are an empty list, and nothing stands for what is not there at the end."""
    if depth and isinstance(output, list):
        return [_as_read(item, depth - 1) for item in output]  # pyright: ignore[reportUnknownVariableType]
    found: Any = [] if output is None else output
    while isinstance(found, list) and found and found[-1] is None:
        found = found[:-1]  # pyright: ignore[reportUnknownVariableType]
    return found  # pyright: ignore[reportUnknownVariableType]


# ---------------------------------------------------------------------------------------------------- the source text


def methods_of(text: str, name: str) -> list[Method] | None:
    """The function of this name, or the methods of the class of this name. None: there is neither."""
    if found := _class(text, name):
        end = re.compile(r"^\w", re.MULTILINE).search(text, found.end())
        starts = re.compile(r"^[ \t]+(def)\b", re.MULTILINE).finditer(
            text, found.end(), end.start() if end else len(text)
        )
    else:
        starts = re.finditer(rf"^[ \t]*(?:async[ \t]+)?(def)[ \t]+{re.escape(name)}\s*\(", text, re.MULTILINE)
    return [method for start in starts if (method := _method(text[start.start(1) :][:LONGEST]))] or None


def entry_class(problem: Problem, source: bytes) -> str | None:
    """Of which class the function is a method. Where the problem does not say, the program does."""
    if problem.mode != "call" or problem.entry_class is not None:
        return problem.entry_class
    text, name = source.decode(errors="replace"), str(problem.entry_point)
    if not is_class(text, _USUAL) or is_class(text, name):
        return None
    return None if re.search(rf"^(async\s+)?def\s+{re.escape(name)}\b", text, re.MULTILINE) else _USUAL


def is_class(text: str, name: str) -> bool:
    return _class(text, name) is not None


def _class(text: str, name: str) -> re.Match[str] | None:
    return re.search(rf"^class[ \t]+{re.escape(name)}\b", text, re.MULTILINE)


def _method(text: str) -> Method | None:
    """The def statement that the text begins with, which may have no body."""
    for colon in re.finditer(r":(?=\s|$)", text):
        try:
            [statement] = ast.parse(f"{text[: colon.start()]}: pass").body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            continue
        assert isinstance(statement, ast.FunctionDef)
        given = statement.args
        parameters = [*given.posonlyargs, *given.args]
        if parameters and parameters[0].arg == "self":
            parameters = parameters[1:]
        least = max(0, len(parameters) - len(given.defaults))
        most = float("inf") if given.vararg else len(parameters)
        return Method(statement.name, parameters, least, most, statement.returns)
    return None


def node_of(annotation: ast.expr | None) -> Node | None:
    """What it says of a node, if it speaks of one."""
    match annotation:
        case ast.Name(id=name) if name in CLASSES:
            return name, 0
        case ast.Constant(value=str(text)):
            try:
                return node_of(ast.parse(text, mode="eval").body)
            except (SyntaxError, ValueError, MemoryError, RecursionError):
                return None
        case ast.BinOp(left=left, right=right):
            return node_of(left) or node_of(right)
        case ast.Subscript(value=around, slice=inner):
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            found = next(filter(None, map(node_of, parts)), None)
            union = re.fullmatch(r"(?:\w+\.)?(?:Optional|Union)", ast.unparse(around))
            return found and (found[0], found[1] + (not union))
        case _:
            return None


def list_depth(method: Method, text: str) -> int | None:
    """How deep the lists are that the function returns, or changes in place. None: nothing says."""
    annotation = method.returned
    if method.void and method.parameters:
        annotation = method.parameters[0].annotation
    words = ast.unparse(annotation) if annotation else "Any"
    if "Any" in words:
        return None
    node = node_of(annotation)
    own = 0 if node is None else depth_of_node(fields_of_node(text)) if node[0] == "Node" else 1
    return None if own is None else len(re.findall(r"\b(?:[Ll]ist|[Tt]uple)\b", words)) + own


def fields_of_node(text: str) -> list[str]:
    """What a Node has, where its class is defined, though it be in a comment."""
    if (found := re.search(r"\bclass Node\b", text)) is None:
        return []
    body = re.split(r"^class\b", text[found.end() :][:LONGEST], maxsplit=1, flags=re.MULTILINE)[0]
    init = re.search(r"\bdef __init__\s*\(([^()]*)", body)
    return [*(re.findall(r"\w+", init[1]) if init else ()), *re.findall(r"\bself\.(\w+)", body)]


def depth_of_node(fields: list[str]) -> int | None:
    return next((depth for field, depth in DEPTHS.items() if field in fields), None)


def _refuse_others(method: Method, text: str) -> None:
    """Raises ValueError for a parameter of a class that the text shows and only LeetCode can make."""
    for parameter in method.parameters:
        for name in _names(parameter.annotation):
            if name not in CLASSES and re.search(rf"\bclass {name}\b", text):
                raise ValueError(f"starter_code: {method.name} takes a {name}, which cannot be built here")


def _names(annotation: ast.expr | None) -> Iterator[str]:
    for part in ast.walk(annotation) if annotation else ():
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield from re.findall(r"[^\W\d]\w*", part.value)
