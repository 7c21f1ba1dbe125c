"""Runs modules through `Suite`, each in a process forked from one that has pytest ready: as in the jail, without it.

A line of standard input is ``[text, function or null, prelude]`` as JSON. A line comes back: the results, each
``[name, outcome, words, class of the error]``.
"""

import gc
import json
import os
import sys
from pathlib import Path
from types import ModuleType

from microcoder.sandbox.inside import pytests
from microcoder.sandbox.inside.suite import Suite


def run(text: str, function: str | None, prelude: str) -> object:
    program = ModuleType("solution")
    exec(Path(__file__).with_name("solution.py").read_text(), program.__dict__)
    scope: dict[str, object] = {}
    exec(prelude, scope)
    scope = {name: value for name, value in scope.items() if name != "__builtins__"}
    found = Suite(text, program, lambda _: None, scope, ["forced"]).run(function)
    return [[*result[:3], type(result.error).__name__] for result in found]


def main() -> None:
    pytests.prepare()
    gc.freeze()
    for line in sys.stdin:
        read, write = os.pipe()
        if os.fork() == 0:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for file in range(3):
                os.dup2(nowhere, file)
            try:
                back = run(*json.loads(line))
            except SyntaxError as error:
                back = [["", "raised", str(error), "SyntaxError"]]
            os.write(write, json.dumps(back).encode())
            os._exit(0)
        os.close(write)
        with open(read) as pipe:
            print(pipe.read(), flush=True)
        os.wait()


main()
