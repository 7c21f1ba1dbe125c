"""Tests that are assertions on functions of the program, as HumanEval and MBPP have them.

The program and the test never share a process, and the process of the program never sees a line of the test: it is
asked for calls, and answers with plain data (sandbox/inside/calls.py, values.py). What decides is one of two:

lifted     the assertions say of each call what its value must be: they are read, never run; the parent compares, where
           what came back is small
replayed   all other tests run in a jail, in a process without any code of the program, that is given only what the
           program returned (sandbox/inside/replay.py). Nobody but that process reads it

expressions   the closed language of what is read here: constants, comparisons, a few functions
lift          a test as calls and checks, or why it cannot be
checks        what a check asks of the values that came back
speculation   a test rewritten so that it tells what it will ask for before anything is known
dependence    which exceptions are the test's own doing
functions     the test functions of a module, each as a test of its own
faults        what else is wrong with a test itself: contradictions, names that nobody gives
assertion     one test, ready for judging
session       one program against the tests that are replayed
"""

from __future__ import annotations

from .assertion import Assertion, Ruling, read_assertions
from .faults import contradiction, suspicions
from .functions import functions, split

__all__ = ["Assertion", "Ruling", "contradiction", "functions", "read_assertions", "split", "suspicions"]
