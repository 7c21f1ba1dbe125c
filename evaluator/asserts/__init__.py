"""Tests that are assertions on functions of the program, as HumanEval and MBPP have them.

What decides is the first of three that can:

lifted     the assertions say of each call what its value must be: they are read, never run; the parent compares, where
           what came back is small. The program's process is asked for the calls (sandbox/inside/calls.py)
replayed   the test runs in a process without any code of the program, and what it has of the program are stand-ins that
           ask the program's process (sandbox/inside/link/)
together   the test runs in the process of the program, where that decides what is asked (sandbox/inside/together.py)

In the first two the process of the program never sees a line of the test.

syntax        Python's parser, for threads
expressions   the closed language of what is read here: constants, comparisons, a few functions
lift          a test as calls and checks, or why it cannot be
checks        what a check asks of the values that came back
names         what a test uses, and what gives it
dependence    which exceptions are the test's own doing
functions     the test functions of a module, each as a test of its own
faults        what else is wrong with a test itself: contradictions, names that nobody gives
assertion     one test, ready for judging
perturb       the same test asking for something else
session       one program against the tests that are not lifted
"""

from __future__ import annotations

from .assertion import Assertion, Ruling, read_assertions
from .faults import contradiction, suspicions
from .functions import functions, split

__all__ = ["Assertion", "Ruling", "contradiction", "functions", "read_assertions", "split", "suspicions"]
