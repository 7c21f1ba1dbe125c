"""The process of a test that has a link to the program's.

The request is ``{"code": text, "forced": [...], "select": null or text, "free": [...]}``: the test; names that are the
program's even where the prelude or Python has them; the one test function that is wanted; and names of which the host
wants to know whether the program gives them. Back comes ``{"end": ..., "words": text, "missing": null or name, "given":
[...], "certain": whether no stand-in had a part in that}``, where the end is one of `ends`, or

    ended        there the program's process ended
    garbled      what came from there is no answer
    undecided    a stand-in cannot do what the test asks, or the program's own code would decide it
"""

from __future__ import annotations

import ast
import gc
import json
import os
from collections.abc import Callable
from types import CodeType
from typing import Any

from . import guard, link
from .ends import end_of
from .link.standins import Link, Stop
from .objects import classes_in
from .suite import MODULE, Suite

Write = Callable[[bytes], None]
STANDINS = os.path.dirname(link.__file__)


def run(request: bytes, prelude: CodeType, fd: int, folders: tuple[str, str], write: Write) -> None:
    gc.disable()  # until the test runs: a tree of syntax is thousands of objects
    asked: dict[str, Any] = json.loads(request)
    scope: dict[str, Any] = {"__name__": MODULE}
    exec(prelude, scope)
    linked = Link(fd, scope, classes_in(prelude), names_in(asked["code"]))
    guard.watch(folders, linked.cannot)
    try:
        linked.wait_until_ready()
    except Stop:
        pass
    except BaseException as error:  # of the program's module
        words = f"the program ended with {type(error).__name__} before the test began"
        return write(json.dumps({"end": "ended", "words": words, "certain": True}).encode())
    told: dict[str, Any] = {}
    try:
        module = linked.module()
        if asked["free"]:
            told["given"] = sorted({*dir(module)} & {*asked["free"]})
        suite = Suite(asked["code"], module, linked.run_again, scope, asked["forced"], linked.module("__main__"))
        suite.names["id"] = linked.identity
        linked.begin()
        gc.enable()
        told |= end_of(suite.run(asked["select"], lambda: stopped(linked) is not None), STANDINS)
    except Stop:
        pass
    except Exception as error:  # of what runs the test
        told = {"end": "undecided", "words": f"an error of the judge: {type(error).__name__}: {error}", "ours": True}
    linked.close()
    unequal = linked.unequal and told.get("end") != "passed"  # which says nothing of what else was asked
    told["certain"] = (linked.plain or unequal) and linked.undecided is None and linked.garbled is None
    return write(json.dumps(told | (stopped(linked) or {})).encode())


def stopped(linked: Link) -> dict[str, str] | None:
    """How the link has ended the test, whatever that made of it."""
    if linked.undecided is not None:
        return {"end": "undecided", "words": linked.undecided}
    if linked.garbled is not None:
        return {"end": "garbled", "words": f"the program's process does not answer as it should: {linked.garbled}"}
    if linked.ended is not None:
        return {"end": "ended", "words": f"the process of the program ended during {linked.ended}"}
    return None


def names_in(code: str) -> frozenset[str]:
    """All that the text of a test names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                found.add(name)
            case ast.alias(name=name):
                found.update(name.split("."))
            case _:
                pass
    return frozenset(found)
