"""Nodes, design problems and results in place, as LeetCode has them: from the starter code, or from the program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from microcoder.evaluator import Checker, Evaluator, Problem, Status, Submission, TestCase
from microcoder.evaluator.datasets.base import Row
from microcoder.evaluator.datasets.cases import PRELUDE, read_cases
from microcoder.evaluator.datasets.formats import format_of
from microcoder.evaluator.starter import CLASSES, DEPTHS, read_starter
from microcoder.sandbox import protocol
from microcoder.sandbox.inside import leetcode

pytestmark = pytest.mark.asyncio(loop_scope="session")

NULL = None
PATH = Path("rows.jsonl")
S = "class Solution:\n    def f"
LIST = "# Definition for singly-linked list.\n# class ListNode:\n#     def __init__(self, val=0, next=None):\n"
TREE = "# class TreeNode:\n#     def __init__(self, val=0, left=None, right=None):\n#         self.val = val\n"
_NODE = '"""\n# Definition for a Node.\nclass Node:\n    def __init__(self, {}):\n        self.val = val\n"""\n\n'
FAMILY = _NODE.format("val: Optional[int] = None, children: Optional[List['Node']] = None")
GRAPH = _NODE.format("val = 0, neighbors = None")
RANDOM = _NODE.format("x: int, next: 'Node' = None, random: 'Node' = None")
CONNECTED = _NODE.format("val: int = 0, left: 'Node' = None, right: 'Node' = None, next: 'Node' = None")
LEVELS = _NODE.format("val, prev, next, child")
QUAD = _NODE.format("val, isLeaf, topLeft, topRight, bottomLeft, bottomRight")
PARENT = """
# Definition for a Node.
class Node:
    def __init__(self, val):
        self.val = val
        self.left = self.right = self.parent = None

"""


class Case(NamedTuple):
    starter: str
    signature: str
    given: list[Any]
    expected: Any
    right: list[str]
    """Bodies, or whole programs."""
    wrong: list[str]


REVERSE = "b = None\nwhile head: head.next, b, head = head and b, head, head.next\nreturn b"
COPY = (
    "m = {None: None}; c = head\nwhile c: m[c] = Node(c.val); c = c.next\nc = head\n"
    "while c: m[c].next = m[c.next]; m[c].random = m[c.random]; c = c.next\nreturn m[head]"
)
CLONE = (
    "m = {}\ndef g(n):\n    if n not in m:\n        m[n] = Node(n.val)\n"
    "        for x in n.neighbors: m[n].neighbors.append(g(x))\n    return m[n]\nreturn g(node) if node else None"
)
SEEN = "s = set()\nwhile head and head not in s: s.add(head); head = head.next\nreturn bool(head)"
FLATTEN = (
    "if not head: return head\nd = p = Node(0, None, head, None); st = [head]\nwhile st:\n    c = st.pop(); p.next = c\n"
    "    c.prev = p\n    if c.next: st.append(c.next)\n    if c.child: st.append(c.child); c.child = None\n    p = c\n"
    "d.next.prev = None\nreturn d.next"
)
INORDER = "o = []\ndef g(n):\n    if n: g(n.left); o.append(n); g(n.right)\ng(root)\n"
TREE_TO_RING = f"{INORDER}for a, b in zip(o, o[1:] + o[:1]): a.right = b; b.left = a\nreturn o[0]"
CASES: dict[str, Case] = {
    "list": Case(
        LIST,
        "head: Optional[ListNode]) -> Optional[ListNode]",
        [[1, 2, 3]],
        [3, 2, 1],
        [
            REVERSE,
            "b = None\nwhile head: b = ListNode(head.val, b); head = head.next\nreturn b",
            (
                "class ListNode:\n    def __init__(self, val, next):\n        self.val = val; self.next = next\n"
                f"{S}(self, head: ListNode) -> ListNode:\n        b = None\n"
                "        while head: b, head = ListNode(head.val, b), head.next\n        return b"
            ),
            (
                f"from __future__ import annotations\n{S}(self, head: ListNode | None) -> ListNode | None:\n        b = None\n"
                "        while head: head.next, b, head = b, head, head.next\n        return b"
            ),
            (
                f"import functools\n{S.replace('    def', '    @functools.cache{}    def').format(chr(10))}"
                "(self, head: 'ListNode') -> 'ListNode':\n"
                "        b = None\n        while head: head.next, b, head = b, head, head.next\n        return b"
            ),
        ],
        ["return head", "head.next.next.next = head\nreturn head", "return None", "return head.next"],
    ),
    "no list": Case(LIST, "head: Optional[ListNode]) -> Optional[ListNode]", [[]], [], ["return head"], []),
    "null for no list": Case(
        LIST, "head: Optional[ListNode]) -> Optional[ListNode]", [NULL], NULL, ["return head"], []
    ),
    "lists": Case(
        LIST,
        "lists: List[Optional[ListNode]]) -> Optional[ListNode]",
        [[[1, 4, 5], [1, 3, 4], [], [2, 6]]],
        [1, 1, 2, 3, 4, 4, 5, 6],
        [
            (
                f"import heapq\nListNode.__lt__ = lambda a, b: a.val < b.val\n{S}(self, lists: List[ListNode]):\n"
                "        h = [x for x in lists if x]\n        heapq.heapify(h)\n        d = c = ListNode()\n        while h:\n"
                "            c.next = c = heapq.heappop(h)\n            if c.next: heapq.heappush(h, c.next)\n        return d.next"
            )
        ],
        [],
    ),
    "list in parts": Case(
        LIST,
        "head: Optional[ListNode], k: int) -> List[Optional[ListNode]]",
        [[1, 2], 3],
        [[1], [2], []],
        ["n = head.next; head.next = None\nreturn [head, n, None]"],
        ["return [head]"],
    ),
    "circle": Case(LIST, "head: Optional[ListNode]) -> bool", [[3, 2, 0, -4], 1], True, [SEEN], ["return False"]),
    "no circle": Case(LIST, "head: Optional[ListNode]) -> bool", [[3, 2], -1], False, [SEEN], ["return True"]),
    "node of a list": Case(
        LIST,
        "node: ListNode) -> None",
        [[4, 5, 1, 9], 5],
        [4, 1, 9],
        ["node.val = node.next.val; node.next = node.next.next"],
        ["pass"],
    ),
    "tree": Case(
        TREE,
        "root: Optional[TreeNode]) -> Optional[TreeNode]",
        [[1, NULL, 2, 3, NULL, NULL, 4]],
        [1, 2, NULL, NULL, 3, 4],
        ["if root: root.left, root.right = self.f(root.right), self.f(root.left)\nreturn root"],
        ["return root"],
    ),
    "null at the end of a tree": Case(
        TREE,
        "n: int) -> Optional[TreeNode]",
        [1],
        [1, 2, NULL],
        ["return TreeNode(1, TreeNode(2))"],
        ["return TreeNode(1)"],
    ),
    "node of a tree": Case(
        TREE,
        "root: 'TreeNode', p: 'TreeNode', q: 'TreeNode') -> 'TreeNode'",
        [[3, 5, 1, 6, 2, 0, 8, NULL, NULL, 7, 4], 5, 4],
        5,
        [
            (
                "if root in (None, p, q): return root\na, b = self.f(root.left, p, q), self.f(root.right, p, q)\n"
                "return root if a and b else a or b"
            )
        ],
        ["return root", "return None"],
    ),
    "tree in place": Case(
        TREE,
        "root: Optional[TreeNode]) -> None",
        [[1, 2, 5]],
        [1, NULL, 2, NULL, 5],
        ["l, r = root.left, root.right\nroot.left = None; root.right = l; l.right = r"],
        ["pass", "root = None"],
    ),
    "list in place": Case(
        "",
        "nums: List[int], k: int) -> None",
        [[1, 2, 3], 1],
        [3, 1, 2],
        ["nums[:] = nums[-k:] + nums[:-k]", "nums[:] = nums[-k:] + nums[:-k]\nreturn nums"],
        ["nums = nums[-k:] + nums[:-k]"],
    ),
    "the same node twice": Case(
        TREE,
        "n: int) -> List[Optional[TreeNode]]",
        [3],
        [[0, 0, 0], []],
        ["leaf = TreeNode(0)\nreturn [TreeNode(0, leaf, leaf), None]"],
        ["r = TreeNode(0); r.left = r.right = r\nreturn [r, None]"],
    ),
    "family": Case(
        FAMILY,
        "root: 'Node') -> 'Node'",
        [[1, NULL, 3, 2, 4, NULL, 5, 6, NULL, NULL, 7]],
        [1, NULL, 3, 2, 4, NULL, 5, 6, NULL, NULL, 7],
        ["return root and Node(root.val, [self.f(c) for c in root.children])"],
        [
            "return root and Node(root.val, [self.f(c) for c in root.children[:2]])",
            "root.children[0].children = [root]\nreturn root",
        ],
    ),
    "graph": Case(
        GRAPH,
        "node: Optional['Node']) -> Optional['Node']",
        [[[2, 4], [1, 3], [2, 4], [1, 3]]],
        [[2, 4], [1, 3], [2, 4], [1, 3]],
        [CLONE],
        ["return node", "return Node(1)", "return None"],
    ),
    "list with random pointers": Case(
        RANDOM,
        "head: 'Optional[Node]') -> 'Optional[Node]'",
        [[[7, NULL], [13, 0], [11, 4], [10, 2], [1, 0]]],
        [[7, NULL], [13, 0], [11, 4], [10, 2], [1, 0]],
        [COPY],
        ["return head", COPY.replace("m[c.random]", "c.random"), COPY.replace("m[c].random", "_")],
    ),
    "tree with next": Case(
        CONNECTED,
        "root: 'Node') -> 'Node'",
        [[1, 2, 3, 4, 5, NULL, 7]],
        [1, "#", 2, 3, "#", 4, 5, 7, "#"],
        [
            (
                "q = [root] if root else []\nwhile q:\n    for a, b in zip(q, q[1:]): a.next = b\n"
                "    q = [c for n in q for c in (n.left, n.right) if c]\nreturn root"
            )
        ],
        ["return root"],
    ),
    "list on levels": Case(
        LEVELS,
        "head: 'Optional[Node]') -> 'Optional[Node]'",
        [[1, 2, 3, 4, 5, 6, NULL, NULL, NULL, 7, 8, 9, 10, NULL, NULL, 11, 12]],
        [1, 2, 3, 7, 8, 11, 12, 9, 10, 4, 5, 6],
        [FLATTEN],
        ["return head", FLATTEN.replace("c.prev = p", "pass")],
    ),
    "the same list on levels": Case(
        LEVELS,
        "head: 'Node') -> 'Node'",
        [[1, 2, 3, NULL, NULL, 7, 8, NULL, 11]],
        [1, 2, 3, NULL, NULL, 7, 8, NULL, 11],
        ["head.child\nreturn head"],
        [],
    ),
    "quad-tree": Case(
        QUAD,
        "grid: List[List[int]], other: 'Node') -> 'Node'",
        [[[0, 1], [1, 0]], [[0, 1], [1, 1], [1, 1], [1, 0], [1, 0]]],
        [[0, 1], [1, 0], [1, 1], [1, 1], [1, 0]],
        [
            (
                "assert other.topRight.val is True and other.bottomLeft.isLeaf\n"
                "return Node(True, False, *[Node(bool(v), True, None, None, None, None) for r in grid for v in r])"
            )
        ],
        ["return other"],
    ),
    "tree with parents": Case(
        PARENT,
        "p: 'Node', q: 'Node') -> 'Node'",
        [[3, 5, 1, 6, 2, 0, 8, NULL, NULL, 7, 4], 5, 1],
        3,
        ["a = set()\nwhile p: a.add(p); p = p.parent\nwhile q not in a: q = q.parent\nreturn q"],
        ["return p"],
    ),
    "tree made a ring": Case(
        _NODE.format("val, left=None, right=None"),
        "root: 'Node') -> 'Node'",
        [[4, 2, 5, 1, 3]],
        [1, 2, 3, 4, 5],
        [TREE_TO_RING],
        ["return root"],
    ),
}
UNKNOWN_WITHOUT_STARTER = {
    *("circle", "no circle", "node of a list", "node of a tree", "tree in place", "list in place"),
    *("tree with parents", "quad-tree", "null for no list", "null at the end of a tree"),
}
"""Programs alone do not say what is expected there."""


def program(case: Case, body: str) -> str:
    if "class Solution" in body:
        return body
    return f"{S}(self, {case.signature}:\n" + "".join(f"        {line}\n" for line in body.split("\n"))


def problem(case: Case, starter: str | None) -> Problem:
    tests = (TestCase(json.dumps(case.given), json.dumps(case.expected)),)
    checker = Checker(type="python_eq", float_tol=1e-5)
    return Problem(
        problem_id="p",
        mode="call",
        entry_point="f",
        entry_class="Solution",
        prelude=PRELUDE,
        checker=checker,
        tests=tests,
        starter_code=starter,
    )


async def judge(evaluator: Evaluator, problem: Problem, programs: Mapping[str, bool]) -> None:
    for code, accept in programs.items():
        report = await evaluator.evaluate(problem, code)
        assert not report.status.is_judge_failure, (code, report.message)
        assert report.accepted is accept, (code, report.message, report.tests[0].stdout)


@pytest.mark.parametrize("name", CASES)
async def test_nodes_are_built_and_read_as_the_starter_code_says(evaluator: Evaluator, name: str) -> None:
    case = CASES[name]
    programs = {program(case, body): True for body in case.right} | {program(case, body): False for body in case.wrong}
    unannotated = {
        code.replace(case.signature, ", ".join(part.partition(":")[0] for part in case.signature.split(", ")) + ")"): ok
        for code, ok in programs.items()
        if "[" not in case.signature.partition(")")[0].replace("Optional[", "")
    }
    starter = f"{case.starter}{S}(self, {case.signature}:\n        "
    await judge(evaluator, problem(case, starter), programs | unannotated)


@pytest.mark.parametrize("name", sorted(CASES.keys() - UNKNOWN_WITHOUT_STARTER))
async def test_nodes_are_built_and_read_as_the_program_says(evaluator: Evaluator, name: str) -> None:
    case = CASES[name]
    programs = {program(case, body): True for body in case.right} | {program(case, body): False for body in case.wrong}
    if name in ("graph", "list with random pointers"):  # that another one is expected only the tests say
        programs = {code: ok for code, ok in programs.items() if not code.endswith(("return node\n", "return head\n"))}
    await judge(evaluator, problem(case, None), programs)


async def test_a_list_is_no_node_and_a_node_is_no_list(evaluator: Evaluator) -> None:
    case = CASES["list"]
    starter = f"{LIST}{S}(self, {case.signature}:\n"
    await judge(evaluator, problem(case, starter), {program(case, "return [3, 2, 1]"): False})
    plain = f"{S}(self, head: List[int]) -> List[int]:\n"
    lists = {
        f"{plain}        return head[::-1]": True,
        f"{plain}        h = None\n        for x in head: h = ListNode(x, h)\n        return h": False,
    }
    for known in (plain, None):
        await judge(evaluator, problem(case, known), lists)


LRU = (
    "from collections import OrderedDict\nclass LRUCache:\n    def __init__(self, capacity):\n        self.c = capacity\n"
    "        self.d = OrderedDict()\n    def get(self, key):\n        if key not in self.d: return -1\n"
    "        self.d.move_to_end(key); return self.d[key]\n    def put(self, key, value):\n        self.d[key] = value\n"
    "        self.d.move_to_end(key)\n        if len(self.d) > self.c: self.d.popitem(last=False)\n        return VOID\n"
)
DESIGNS: dict[str, tuple[str, str, list[Any], list[Any], dict[str, bool]]] = {
    "cache": (
        "LRUCache",
        (
            "class LRUCache:\n\n    def __init__(self, capacity: int):\n        \n\n    def get(self, key: int) -> int:\n"
            "        \n\n    def put(self, key: int, value: int) -> None:\n        \n\n# Your object\n# obj = LRUCache(capacity)"
        ),
        [["LRUCache", "put", "put", "get", "put", "get"], [[2], [1, 1], [2, 2], [1], [3, 3], [2]]],
        [NULL, NULL, NULL, 1, NULL, -1],
        {
            LRU.replace("VOID", "None"): True,
            LRU.replace("VOID", "'what nobody sees'"): True,
            LRU.replace("VOID", "None").replace("last=False", "last=True"): False,
            "class LRUCache:\n    def __init__(self, capacity): pass": False,
        },
    ),
    "with nodes": (
        "CBTInserter",
        (
            f"{TREE}class CBTInserter:\n    def __init__(self, root: Optional[TreeNode]):\n\n    def insert(self, val: int) -> int:"
            "\n\n    def get_root(self) -> Optional[TreeNode]:\n"
        ),
        [["CBTInserter", "insert", "get_root"], [[[1, 2]], [3], []]],
        [NULL, 1, [1, 2, 3]],
        {
            "class CBTInserter:\n    def __init__(self, root): self.root = root\n    def insert(self, val):\n"
            "        self.root.right = TreeNode(val)\n        return self.root.val\n    def get_root(self): return self.root": True,
            "class CBTInserter:\n    def __init__(self, root): self.root = root\n    def insert(self, val): return 1\n"
            "    def get_root(self): return self.root": False,
        },
    ),
    "called Solution": (
        "Solution",
        "class Solution:\n\n    def __init__(self, nums: List[int]):\n\n    def reset(self) -> List[int]:\n",
        [["Solution", "reset"], [[[1, 2]], []]],
        [NULL, [1, 2]],
        {
            "class Solution:\n    def __init__(self, nums): self.nums = nums\n    def reset(self): return self.nums": True
        },
    ),
}


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("form", ["columns", "lines", "wrapped"])
async def test_a_design_is_a_list_of_operations_and_their_arguments(evaluator: Evaluator, name: str, form: str) -> None:
    entry, starter, given, expected, programs = DESIGNS[name]
    value: dict[str, Any] = {"fn_name": entry, "inputs": [given], "outputs": [expected]}
    if form == "lines":
        value = {**value, "inputs": ["\n".join(map(json.dumps, given))], "outputs": [json.dumps(expected)]}
    elif form == "wrapped":
        value = {**value, "outputs": [[expected]]}
    fields = read_cases(value, "tests", starter=starter).fields()
    told = msgspec.convert({"problem_id": "p", "starter_code": starter, **fields}, Problem)
    assert (told.entry_point, told.entry_class) == (entry, None)
    await judge(evaluator, told, programs)


DESIGN = "class f:\n    def __init__(self):\n    def get(self) -> int:\n"
REFUSED: dict[str, tuple[str, str, Any, str]] = {
    "operations without arguments": (DESIGN, '[["f", "get"], [[]]]', [NULL, 1], r"tests\[0\].input: not a list of 2"),
    "operations without results": (DESIGN, '[["f", "get"], [[], []]]', [1], r"tests\[0\].output: not a list of 2"),
    "a design without operations": (DESIGN, "[1]", 1, r"tests\[0\].input: not the operations of f"),
    "a Node of nothing": (
        f"{S}(self, root: 'Node') -> int:\n",
        "[[1]]",
        1,
        "starter_code: a Node, but not what it has",
    ),
    "what only LeetCode makes": (
        f"#class NestedInteger:\n#    def isInteger(self) -> bool:\n{S}(self, n: List[NestedInteger]) -> int:\n",
        "[[1]]",
        1,
        "starter_code: f takes a NestedInteger, which cannot be built here",
    ),
    "arguments of LeetCode's own": (
        f"{LIST}{S}(self, headA: ListNode, headB: ListNode) -> Optional[ListNode]:\n",
        "[8, [4, 8], [5, 8], 1, 1]",
        8,
        r"tests\[0\].input: 5 arguments, but f takes 2",
    ),
    "words instead of a node": (
        f"{LIST}{S}(self, head: ListNode) -> Optional[ListNode]:\n",
        "[[3, 2], 1]",
        "tail connects to node index 1",
        r"tests\[0\].output: no ListNode is written like that",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_judged_is_refused_by_name(evaluator: Evaluator, name: str) -> None:
    starter, given, expected, words = REFUSED[name]
    tests = (TestCase(given, json.dumps(expected)),)
    told = Problem(
        problem_id="p", mode="call", entry_point="f", entry_class="Solution", tests=tests, starter_code=starter
    )
    with pytest.raises(ValueError, match=words):
        read_starter(told)
    with pytest.raises(ValueError, match=words):
        await evaluator.evaluate(told, S + "(self, x): pass")


async def test_a_result_that_is_a_list_is_not_taken_for_a_wrapped_one() -> None:
    starter = f"{TREE}{S}(self, root: Optional[TreeNode]) -> Optional[TreeNode]:\n"
    for outputs, plain in (([[1], [2]], ["[1]", "[2]"]), ([[[1, 2]], [[3]]], ["[1, 2]", "[3]"])):
        cases = read_cases({"fn_name": "f", "inputs": [[[1]], [[2]]], "outputs": outputs}, "tests", starter=starter)
        assert [test.output for test in cases.tests] == plain


async def test_both_sides_know_the_same_nodes() -> None:
    assert leetcode.Signature._fields == protocol.Signature.__struct_fields__
    assert frozenset(CLASSES) == frozenset(leetcode.NODES)
    told = dict.fromkeys(DEPTHS)
    for marks, form in leetcode._NODES:
        assert not marks.isdisjoint(told), marks
        assert leetcode.form_of_node(form.fields) is form
        told.update(dict.fromkeys(marks, form))
    assert all(told.values())


# ------------------------------------------------------------------------------------------ assertions that have nodes

PROMPT = """from typing import *
class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next
class Slotted:
    __slots__ = ("val",)
    def __init__(self, val):
        self.val = val
def list_node(values):
    head = None
    for value in reversed(values):
        head = ListNode(value, head)
    return head
def items(head):
    found = []
    while head:
        found.append(head.val)
        head = head.next
    return found
"""
MUTATES = "h = list_node([1, 2])\n    assert candidate(h) is None\n    assert items(h) == [2, 3, 9]"
ASSERTED: dict[str, tuple[str, str, str]] = {
    "there and back": (
        "assert items(candidate(head = list_node([1, 2, 3]))) == [3, 2, 1]",
        REVERSE,
        "return head",
    ),
    "long": ("assert items(candidate(list_node([*range(3000)]))) == [*range(2999, -1, -1)]", REVERSE, "return head"),
    "made": ("assert items(candidate([1, 2])) == [2, 1]", "return list_node(head[::-1])", "return list_node(head)"),
    "changed in place": (MUTATES, "head.val = 2; head.next = ListNode(3, ListNode(9))", "head = list_node([2, 3, 9])"),
    "the same object": (
        "h = list_node([1, 2])\n    assert candidate(h) is h.next",
        "return head.next",
        "return ListNode(head.next.val)",
    ),
    "shared": (
        "h = list_node([1, 2])\n    assert candidate([h, ListNode(0, h)]) is h",
        "return head[0] if head[1].next is head[0] else None",
        "return head[1]",
    ),
    "what only the call puts there": (
        "h = ListNode(1)\n    candidate(h)\n    assert h.next.val == 2",
        "head.next = ListNode(2)",
        "head.next = ListNode(3)",
    ),
    "in a circle": ("h = list_node([1, 2])\n    h.next.next = h\n    assert candidate(h)", SEEN, "return False"),
    "in slots": ("assert candidate(Slotted(3)).val == 4", "return Slotted(head.val + 1)", "return head"),
    "of a class of the program": (
        "assert items(candidate(list_node([1, 2]))) == [2, 1]",
        (
            "class Solution:\n    def f(self, head):\n        b = None\n        while head: b = ListNode(head.val, b); head = head.next\n"
            "        return b\nclass ListNode:\n    def __init__(self, val, next):\n        self.val, self.next = val, next"
        ),
        "return head",
    ),
}


@pytest.mark.parametrize("name", ASSERTED)
async def test_objects_of_the_classes_of_a_prelude_go_there_and_back(evaluator: Evaluator, name: str) -> None:
    test, right, wrong = ASSERTED[name]
    row = {
        "task_id": "t",
        "prompt": PROMPT,
        "entry_point": "Solution().f",
        "test": f"def check(candidate):\n    {test}\n",
        "completion": program(Case("", "head)", [], None, [], []), right),
    }
    source = Row(PATH, 1, row)
    example = format_of(source).read(source)
    told, (reference,) = example.problem, example.programs
    assert isinstance(reference, Submission)
    assert reference.code is not None
    await judge(evaluator, told, {reference.code: True, program(Case("", "head)", [], None, [], []), wrong): False})


async def test_functional_tests_have_the_helpers_of_leetcodedataset(evaluator: Evaluator) -> None:
    test = (
        "def check(candidate):\n    assert is_same_list(candidate(head = list_node([1, 2, 3])), list_node([3, 2, 1]))\n"
        "    assert is_same_tree(tree_node([1, None, 2]), TreeNode(1, None, TreeNode(2)))\n"
        "    assert not is_same_tree(tree_node([1, None, 2]), tree_node([1, 2]))\n\ncheck(Solution().f)"
    )
    told = msgspec.convert({"problem_id": "p", **read_cases({"functional": test}, "tests").fields()}, Problem)
    case = CASES["list"]
    await judge(evaluator, told, {program(case, REVERSE): True, program(case, "return head"): False})
    assert (await evaluator.evaluate(told, "class Solution: pass")).status is Status.RUNTIME_ERROR


@pytest.mark.parametrize(
    "tests",
    [
        {"functional": "def check(candidate):\n    assert candidate(2) == 4\n\ncheck(Solution().double)"},
        {"test_code": "def check(candidate):\n    assert candidate(2) == 4\n", "entry_point": "Solution().double"},
    ],
)
async def test_who_lacks_the_class_whose_method_is_tested_is_wrong(evaluator: Evaluator, tests: dict[str, str]) -> None:
    told = msgspec.convert({"problem_id": "p", **read_cases(tests, "tests").fields()}, Problem)
    right = "class Solution:\n    def double(self, x): return 2 * x\n"
    await judge(evaluator, told, {right: True, "def double(x): return 2 * x\n": False, "": False})
