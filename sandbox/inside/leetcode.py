"""What LeetCode does around a solution: nodes, design problems, results in place. Runs in the program's process.

Which arguments and results are nodes, the annotations say: those of the starter code, which the host sends, or else
the program's own. As JSON they are

    ListNode, TreeNode    [1, 2, 3]; [1, null, 2, 3], level by level, without children of what is not there
    Node, by what it has  children      [1, null, 3, 2, 4, null, 5, 6], level by level, null before each family
                          neighbors     [[2, 4], [1, 3], ...], the neighbors of node 1, of node 2 ...
                          random        [[7, null], [13, 0], ...], each with the place of its random node
                          left          as TreeNode; with ``next`` results are read along it: [1, "#", 2, 3, "#"]
                          child         [1, 2, null, null, 3], null ends a row and stands for nodes without a child
                          isLeaf        [[0, 1], [1, 0], ...], a quad-tree, level by level

A value in the place of a node is the first node before it that has this value. One argument more than there are
parameters is the place where a list goes on at its end; or it comes first and is what the nodes after it are in.

The same node at several places is read at each. What runs in a circle and is none of the above is an error.
"""

from __future__ import annotations

import builtins
import itertools
import sys
import typing
from collections.abc import Callable, Container, Iterable, Iterator
from types import CodeType, UnionType
from typing import Any, NamedTuple, cast

from .codes import all_code, names_in
from .compiler import NODES

LIST, NODE, TREE = NODES


Node = tuple[str, int]
"""The class of a node, and how many lists are around it. None: no node."""


class Signature(NamedTuple):
    """What the starter code says, and the tests. Travels as JSON; protocol.py on the host's side."""

    methods: dict[str, list[Node | None]]
    """By name: what each parameter is, then what the result is."""
    void: list[str]
    """Those that return nothing."""
    fields: list[str]
    """Of a Node."""
    values: bool
    """Of a node that is returned the value is expected."""
    in_place: bool
    """Where the function returns None, its first argument is expected."""
    copies: bool
    """Other nodes are expected than those that were given."""


class Form(NamedTuple):
    """One kind of node."""

    fields: tuple[str, ...]
    build: Callable[[Make, list[Any]], Any]
    """From JSON."""
    read: Callable[[Any], list[Any]]
    """To JSON, but for the values of nodes."""


Make = Callable[[Any], Any]
"""A node with this value, and None or nothing in its other fields."""


class Leetcode:
    """Around one test. Made before the prelude and the program run: gives them the classes that they mention."""

    def __init__(
        self, scope: dict[str, Any], signature: list[Any] | None, mentioned: Container[str], program: CodeType
    ) -> None:
        """``mentioned``: those of NODES that they mention."""
        self.scope = scope
        self.known = None if signature is None else Signature(*signature)
        self.forms = {LIST: _LIST, TREE: _TREE}
        fields = self.known.fields if self.known else names_in(all_code(program)) if NODE in mentioned else ()
        if form := form_of_node(fields):
            self.forms[NODE] = form
        self.classes: dict[str, type] = {}
        """LeetCode's own."""
        for name in self.forms:
            if name in mentioned:
                scope[name] = self.class_of(name)
        self.made: list[Any] = []
        self.annotated = False
        """Whether the program has spoken of nodes."""

    def class_of(self, name: str) -> type:
        if name not in self.classes:
            self.classes[name] = _make_class(name, self.forms[name].fields, self.scope)
        return self.classes[name]

    def value(self, kind: str | None, name: str, given: list[Any]) -> Any:
        """What the function, or the method of a new object of the class ``kind``, or the design makes of the arguments.
        Lists in the place of nodes."""
        entry = self.scope.get(name)
        if kind in (None, name) and isinstance(entry, type) and _is_design(name, given):
            return self.design(entry, *given)
        return self.call(getattr(self.scope[kind](), name) if kind else self.scope[name], name, given)

    def call(self, function: Any, name: str, given: list[Any]) -> Any:
        method = self.method(function, name)
        arguments, around = self.arguments(method, given)
        value = function(*arguments)
        if value is None and given and self.known and self.known.in_place:
            return self.result((around or arguments)[0], method.parameters[0] if method.parameters else None)
        return self.result(value, method.returned)

    def design(self, kind: type, operations: list[str], arguments: list[list[Any]]) -> list[Any]:
        thing: Any = None
        results: list[Any] = []
        for operation, given in zip(operations, arguments, strict=True):
            function = getattr(thing, operation) if results else kind
            method = self.method(function, operation if results else "__init__")
            value = function(*self.arguments(method, given)[0])
            if not results:
                thing = value
            results.append(None if not results or method.void else self.result(value, method.returned))
        return results

    # -- which are nodes

    def method(self, function: Any, name: str) -> _Method:
        if self.known is not None:
            *parameters, returned = (node and (*node,) for node in self.known.methods.get(name, [None]))
            return _Method(parameters, returned, name in self.known.void)
        function = function.__init__ if isinstance(function, type) else function
        inner = _inner(function)
        try:
            noted = inner.__annotations__
            names = inner.__code__.co_varnames[: inner.__code__.co_argcount]
        except Exception:  # it has none; or they mean nothing, and are evaluated only now
            return _Method([], None, False)
        bound = hasattr(function, "__self__") or inner.__name__ == "__init__"
        parameters = [self.node(noted.get(name)) for name in names[bound:]]
        returned = self.node(noted.get("return"))
        self.annotated = self.annotated or any(parameters) or returned is not None
        return _Method(parameters, returned, False)

    def node(self, annotation: Any) -> Node | None:
        if isinstance(annotation, str):
            try:
                annotation = eval(annotation, {}, _Names(self))
            except Exception:
                return None
        if isinstance(annotation, type) and annotation.__name__ in self.forms:
            return annotation.__name__, 0
        if isinstance(inner := getattr(annotation, "__forward_arg__", None), str):
            return self.node(inner)
        union = isinstance(annotation, UnionType) or getattr(annotation, "__origin__", None) is typing.Union
        for part in getattr(annotation, "__args__", None) or ():
            if found := self.node(part):
                return found[0], found[1] + (not union)
        return None

    # -- to nodes

    def arguments(self, method: _Method, given: list[Any]) -> tuple[list[Any], list[Any]]:
        """What the function gets; and what the nodes among it are in, where that is an argument of its own."""
        nodes = method.parameters
        around: list[Any] = []
        if nodes and nodes[0] and all(nodes) and len(given) == len(nodes) + 1:
            if nodes == [(LIST, 0)] and not method.void:
                return [self.circular(*given)], []
            around = [self.build(given[0], *nodes[0])]
            given = given[1:]
        pairs = zip(given, [*nodes, *[None] * len(given)], strict=False)
        return [self.build(value, *node) if node else value for value, node in pairs], around

    def circular(self, values: list[Any], place: int) -> Any:
        head = self.build(values, LIST, 0)
        if place >= 0:
            self.made[-1].next = self.made[place]
        return head

    def build(self, value: Any, name: str, depth: int) -> Any:
        if value is None:
            return None
        if depth:
            return [self.build(item, name, depth - 1) for item in value]
        if isinstance(value, list):
            return self.forms[name].build(self.maker(name), cast("list[Any]", value))
        for node in self.made:
            if node.val == value:
                return node
        raise ValueError(f"no node before it has the value {value!r}")

    def maker(self, name: str) -> Make:
        """Of nodes of the class that the program sees by this name."""
        kind: Any = self.scope[name] if name in self.scope else self.class_of(name)
        others = self.forms[name].fields[1:]

        def make(value: Any) -> Any:
            try:
                node = kind(value)
            except TypeError:  # it wants its other fields, too
                node = kind.__new__(kind)
            node.val = value
            for field in others:
                setattr(node, field, [] if field in _LISTS else None)
            self.made.append(node)
            return node

        return make

    # -- from nodes

    def result(self, value: Any, node: Node | None) -> Any:
        """Where neither the starter code nor the program speaks of nodes, none are read."""
        if self.known is None and self.annotated:
            return self.read(_without_none(value, node[1]) if node else value)
        if self.known is None or node is None:
            return value
        if self.known.values:
            return value.val if _name_of(value) else value
        _check(value, *node)
        return self.read(_without_none(value, node[1]))

    def read(self, value: Any) -> Any:
        kind = cast("Any", type(value))
        if kind is list or kind is tuple:
            return [self.read(item) for item in value]
        if kind is dict:
            return {key: self.read(item) for key, item in value.items()}
        form = self.forms.get(_name_of(value) or "")
        if form is None:
            return value
        if self.known and self.known.copies and any(value is node for node in self.made):
            raise ValueError("a copy is asked for, but a node of the argument came back")
        return form.read(value)


class _Method(NamedTuple):
    parameters: list[Node | None]
    returned: Node | None
    void: bool


def _is_design(name: str, given: list[Any]) -> bool:
    """Whether this is a list of operations, the first of which makes an object of the class, and that of their
    arguments."""
    return len(given) == 2 and type(given[0]) is list and given[0][:1] == [name]


def _make_class(name: str, fields: tuple[str, ...], scope: dict[str, Any]) -> type:
    usual = "None" if name == NODE else "0"
    values = {field: f"[] if {field} is None else {field}" if field == "neighbors" else field for field in fields}
    parameters = f"{fields[0]}={usual}, " + ", ".join(f"{field}=None" for field in fields[1:])
    body = "".join(f"  self.{field} = {value}\n" for field, value in values.items())
    own: dict[str, Any] = {"__name__": scope["__name__"]}
    exec(f"class {name}:\n def __init__(self, {parameters}):\n{body}", own)
    return own[name]


class _Names(dict[str, Any]):
    """What annotations are made of."""

    def __init__(self, around: Leetcode) -> None:
        self.around = around

    def __missing__(self, name: str) -> Any:
        if name in self.around.forms:
            return self.around.class_of(name)
        if hasattr(builtins, name):
            raise KeyError(name)
        return getattr(typing, name, self.around.scope.get(name, object))


def _inner(function: Any) -> Any:
    """The function itself, of a method or of what decorators made of it."""
    for _ in range(sys.getrecursionlimit()):
        inner = getattr(function, "__func__", None) or getattr(function, "__wrapped__", None)
        if inner is None:
            break
        function = inner
    return function


def _name_of(value: Any) -> str | None:
    """The one of NODES that it is of, itself or as a subclass."""
    return next((base.__name__ for base in type(value).__mro__ if base.__name__ in NODES), None)


def _check(value: Any, name: str, depth: int) -> None:
    """Raises TypeError for what is no such node, in so many lists, where there is something."""
    if depth and type(value) in (list, tuple):
        for item in value:
            _check(item, name, depth - 1)
    elif value is not None and (depth or _name_of(value) != name):
        raise TypeError(f"a {type(value).__name__} came back in the place of a {'list' if depth else name}")


def _without_none(value: Any, depth: int) -> Any:
    """No nodes at all are an empty list."""
    if depth and type(value) in (list, tuple):
        return [_without_none(item, depth - 1) for item in value]
    return [] if value is None and not depth else value


# ------------------------------------------------------------------------------------------------------------ the forms


def form_of_node(fields: Iterable[str]) -> Form | None:
    """Of a Node with these fields; None: they do not say what it is."""
    return next((form for marks, form in _NODES if marks.issubset(fields)), None)


def _along(node: Any, field: str) -> Iterator[Any]:
    """Once around, where it runs in a circle."""
    seen: set[int] = set()
    while node is not None and id(node) not in seen:
        seen.add(id(node))
        yield node
        node = getattr(node, field)


def _is_circular(root: Any, below: Callable[[Any], Iterable[Any]]) -> bool:
    """Whether a node is below itself."""
    done: dict[int, bool] = {}
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        node, left = stack.pop()
        if left:
            done[id(node)] = True
        elif node is not None and id(node) not in done:
            done[id(node)] = False
            stack.append((node, True))
            stack += [(other, False) for other in below(node)]
        elif node is not None and not done[id(node)]:
            return True
    return False


def _no_circle(root: Any, below: Callable[[Any], Iterable[Any]]) -> None:
    if _is_circular(root, below):
        raise ValueError(f"the {type(root).__name__} that was returned runs in a circle")


def _trimmed(found: list[Any]) -> list[Any]:
    while found and found[-1] is None:
        found.pop()
    return found


def _chain(nodes: list[Any]) -> Any:
    for node, after in itertools.pairwise(nodes):
        node.next = after
    return nodes[0] if nodes else None


def _build_list(make: Make, values: list[Any]) -> Any:
    return _chain([make(value) for value in values])


def _read_list(head: Any) -> list[Any]:
    nodes = list(_along(head, "next"))
    if nodes[-1].next is not None:
        raise ValueError("the list that was returned runs in a circle")
    return [node.val for node in nodes]


def _build_binary(make: Make, values: list[Any]) -> Any:
    items = iter(values)
    root = next(items, None)
    nodes = [] if root is None else [make(root)]
    for node in nodes:  # grows while it is read
        for side in ("left", "right"):
            if (value := next(items, None)) is not None:
                nodes.append(make(value))
                setattr(node, side, nodes[-1])
    if any(value is not None for value in items):
        raise ValueError("a tree with nodes below nothing")
    return nodes[0] if nodes else None


def _build_with_parent(make: Make, values: list[Any]) -> Any:
    root = _build_binary(make, values)
    for node in (nodes := [] if root is None else [root]):  # grows while it is read
        for child in _sides(node):
            if child is not None:
                child.parent = node
                nodes.append(child)
    return root


def _sides(node: Any) -> tuple[Any, Any]:
    return node.left, node.right


def _read_binary(root: Any) -> list[Any]:
    if _is_circular(root, _sides):  # a tree that was made a ring; it is read to the right
        return [node.val for node in _along(root, "right")]
    found: list[Any] = []
    for node in (nodes := [root]):  # grows while it is read
        found.append(None if node is None else node.val)
        nodes += () if node is None else _sides(node)
    return _trimmed(found)


def _read_connected(root: Any) -> list[Any]:
    _no_circle(root, _sides)
    found: list[Any] = []
    while root is not None:
        level = list(_along(root, "next"))
        found += [*(node.val for node in level), "#"]
        root = next((child for node in level for child in _sides(node) if child is not None), None)
    return found


def _build_family(make: Make, values: list[Any]) -> Any:
    if not values:
        return None
    nodes = [make(values[0])]
    parents = iter(nodes)
    parent: Any = None
    for value in values[1:]:
        if value is None:
            parent = next(parents)
        else:
            nodes.append(make(value))
            parent.children.append(nodes[-1])
    return nodes[0]


def _children(node: Any) -> list[Any]:
    return [child for child in node.children or () if child is not None]


def _read_family(root: Any) -> list[Any]:
    _no_circle(root, _children)
    found = [root.val]
    for node in (nodes := [root]):  # grows while it is read
        nodes += (children := _children(node))
        found += [None, *(child.val for child in children)]
    return _trimmed(found)


def _build_graph(make: Make, lists: list[list[int]]) -> Any:
    nodes = [make(number + 1) for number in range(len(lists))]
    for node, numbers in zip(nodes, lists, strict=True):
        node.neighbors = [nodes[number - 1] for number in numbers]
    return nodes[0] if nodes else None


def _read_graph(node: Any) -> list[Any]:
    known = {id(node)}
    for each in (nodes := [node]):  # grows while it is read
        for other in each.neighbors:
            if id(other) not in known:
                known.add(id(other))
                nodes.append(other)
    nodes.sort(key=lambda each: each.val)
    if [each.val for each in nodes] != [*range(1, len(nodes) + 1)]:
        raise ValueError("the values of the graph that was returned are not 1, 2 ...")
    return [[other.val for other in each.neighbors] for each in nodes]


def _build_random(make: Make, pairs: list[list[Any]]) -> Any:
    nodes = [make(value) for value, _ in pairs]
    for node, (_, place) in zip(nodes, pairs, strict=True):
        node.random = None if place is None else nodes[place]
    return _chain(nodes)


def _read_random(head: Any) -> list[Any]:
    nodes = list(_along(head, "next"))
    if nodes[-1].next is not None:
        raise ValueError("the list that was returned runs in a circle")
    places = {id(node): place for place, node in enumerate(nodes)}
    places[id(None)] = None  # type: ignore[assignment]
    if any(id(node.random) not in places for node in nodes):
        raise ValueError("a random pointer leaves the list that was returned")
    return [[node.val, places[id(node.random)]] for node in nodes]


def _build_levels(make: Make, values: list[Any]) -> Any:
    first: Any = None
    row: list[Any] = []
    items = iter([*values, None])
    for value in items:
        if value is not None:
            row.append(make(value))
            continue
        above, row = row, []
        first = first or (above[0] if above else None)
        for node, after in itertools.pairwise(above):
            node.next, after.prev = after, node
        for node in above:
            if (value := next(items, None)) is not None:
                node.child = make(value)
                row.append(node.child)
                break
    return first


def _read_levels(head: Any) -> list[Any]:
    _no_circle(head, lambda node: (node.next, node.child))
    found: list[Any] = []
    while head is not None:
        row = list(_along(head, "next"))
        if any(after.prev is not node for node, after in itertools.pairwise(row)):
            raise ValueError("prev and next of the list that was returned do not agree")
        found += [node.val for node in row]
        place = next((place for place, node in enumerate(row) if node.child is not None), -1)
        head = row[place].child
        found += [None] * (place + 1)
    return found


_QUARTERS = "topLeft", "topRight", "bottomLeft", "bottomRight"


def _build_quad(make: Make, pairs: list[Any]) -> Any:
    items = iter(pairs)
    nodes: list[Any] = []

    def add() -> Any:
        if (pair := next(items, None)) is None:
            return None
        nodes.append(make(bool(pair[1])))
        nodes[-1].isLeaf = bool(pair[0])
        return nodes[-1]

    root = add()
    for node in nodes:  # grows while it is read
        for quarter in _QUARTERS:
            setattr(node, quarter, add())
    return root


def _quarters(node: Any) -> list[Any]:
    return [None] * 4 if node.isLeaf else [getattr(node, quarter) for quarter in _QUARTERS]


def _read_quad(root: Any) -> list[Any]:
    _no_circle(root, _quarters)
    found: list[Any] = []
    for node in (nodes := [root]):  # grows while it is read
        found.append(None if node is None else [int(bool(node.isLeaf)), int(bool(node.val))])
        nodes += [] if node is None else _quarters(node)
    return _trimmed(found)


_LISTS = "children", "neighbors"
_LIST = Form(("val", "next"), _build_list, _read_list)
_TREE = Form(("val", "left", "right"), _build_binary, _read_binary)
_NODES: tuple[tuple[frozenset[str], Form], ...] = (
    (frozenset({"isLeaf"}), Form(("val", "isLeaf", *_QUARTERS), _build_quad, _read_quad)),
    (frozenset({"random"}), Form(("val", "next", "random"), _build_random, _read_random)),
    (frozenset({"neighbors"}), Form(("val", "neighbors"), _build_graph, _read_graph)),
    (frozenset({"children"}), Form(("val", "children"), _build_family, _read_family)),
    (frozenset({"child"}), Form(("val", "prev", "next", "child"), _build_levels, _read_levels)),
    (frozenset({"left", "parent"}), Form(("val", "left", "right", "parent"), _build_with_parent, _read_binary)),
    (frozenset({"left", "next"}), Form(("val", "left", "right", "next"), _build_binary, _read_connected)),
    (frozenset({"left"}), _TREE),
)
"""By fields that the forms before do not have."""
