"""Comparing without end: what is not small is compared in processes that can be killed.

The rules are in compare/, the trusted process decides with them what is small by a bound known beforehand. An output
that is not small goes to a *comparing process*: trusted code that holds the expected output and no code of any program,
under limits on processor time and memory. It is started when it is first needed and stays for the next output. There
are as many as programs that hold a worker meanwhile, for a program keeps its place until it is compared: hostile
outputs wait for each other, and nobody for them.

    service    Comparing: where an output is compared, and what may be spent on it
    process    one comparing process, as the evaluator sees it
    inside     what runs in it
    messages   what the two say to each other
"""

from __future__ import annotations

from .service import Comparing, NothingToCompareWith

__all__ = ["Comparing", "NothingToCompareWith"]
