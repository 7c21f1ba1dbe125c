"""Runs modules through `Suite`, each in a process forked from one that has pytest ready: as in the jail, without it.

Standard input: {name: [text, function or null, prelude]} as JSON. Back: {name: [[name, outcome, words, error], ...]},
and under "" the milliseconds that each took.
"""

import gc
import json
import os
import sys
import time
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
    begun = time.perf_counter()
    try:
        suite = Suite(text, program, scope, ["forced"])
        found = suite.run(function)
    except Exception as error:
        return [["", "raised", repr(error), ""]], suite.names.missing, 0
    took = time.perf_counter() - begun
    results = [[*result[:3], type(result.error).__name__] for result in found]
    return results, suite.names.missing, round(took * 1e3, 3)


def main() -> None:
    texts = json.load(sys.stdin)
    pytests.prepare()
    gc.freeze()
    back = {}
    for name, given in texts.items():
        read, write = os.pipe()
        if os.fork() == 0:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for file in range(3):
                os.dup2(nowhere, file)
            os.write(write, json.dumps(run(*given)).encode())
            os._exit(0)
        os.close(write)
        with open(read, "rb") as pipe:
            back[name] = json.loads(pipe.read())
        os.wait()
    json.dump(back, sys.stdout)


main()
