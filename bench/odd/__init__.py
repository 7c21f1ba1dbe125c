"""Programs of our own that end, write, read and recurse in odd ways: what only a process gets right.

Each file holds programs of one kind, each below a line ``== name``.

    endings    destructors, generators, streams that nobody closed, exit handlers, hooks
    holders    what may hold a stream to the end; each once with every one of STREAMS
    exits      exit codes, exceptions that nobody catches, exit handlers
    lasting    what caches, registries, classes, generators, frames and the library hold when a program ends
    streams    standard streams replaced, wrapped, closed and read by every name; encodings, locales, large outputs
    running    recursion, threads, asyncio, signals, tracing, modules, hashes, memory
    known      what is not as in a plain process, and will not be: frames of ours below a program's, the recursion limit
               of threads, what of the heap is the zygote's, a signal that limits need, destructors in a list or cycle,
               modules of the interpreter that were exchanged for others, what profilers see of the end
"""

from __future__ import annotations

import itertools
from pathlib import Path

STREAMS = (
    "open(1, 'w')",
    "open(1, 'w', closefd=False)",
    "os.fdopen(1, 'w')",
    "os.fdopen(os.dup(1), 'w')",
    "open('/dev/stdout', 'w')",
    "io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, 'w')))",
    "io.TextIOWrapper(io.BufferedWriter(sys.stdout.buffer.raw))",
)


def known() -> dict[str, str]:
    """Those that are known to differ, by name."""
    return _read("known")


def programs() -> dict[str, str]:
    """All the others."""
    found = {
        f"{stream} held by {name}": f"import io, os, sys\n{code.replace('STREAM', stream)}"
        for stream, (name, code) in itertools.product(STREAMS, _read("holders").items())
    }
    for kind in ("endings", "exits", "lasting", "running", "streams"):
        found |= {f"{kind}: {name}": code for name, code in _read(kind).items()}
    return found


def _read(kind: str) -> dict[str, str]:
    """Raises ValueError where two programs have the same name."""
    text = Path(__file__).with_name(f"{kind}.txt").read_text()
    parts = [part.partition("\n") for part in f"\n{text}".split("\n== ")[1:]]
    found = {name: code for name, _, code in parts}
    if len(found) != len(parts):
        raise ValueError(f"{kind}.txt: two programs have the same name")
    return found
