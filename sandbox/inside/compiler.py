"""The compiler process: reads a program off the socket, leaves its compiled code in a file.

Every test process is a copy of the runner, and freed memory keeps what stood in it. So the runner never holds what a
program consists of: this process, that nothing is forked from, reads and compiles it, and the test process loads the
marshalled code. Compiling in a long-lived process is also cheap, 0.05 ms for what costs a fresh fork 1.5 ms, most of it
page faults; and what compiling can do (take minutes, gigabytes, or crash the compiler) ends this process and no other.
"""

from __future__ import annotations

import gc
import json
import marshal
import os
import resource
import select
import signal
import struct
from types import CodeType
from typing import Any, NoReturn

from .channel import Channel, write_all
from .kernel import STACK, die_of_sigprof, limit

SOURCE = "/work/main.py"
"""The name of the program in tracebacks. No such file exists."""
WORN = 128 << 10
"""KiB of peak memory after which the process is replaced."""
OUT_OF_TIME = signal.SIGPROF
"""As an exit code; see kernel.die_of_sigprof."""

_REQUEST = struct.Struct("!QQQdQ")


class Compiled:
    """What the runner learns of a program."""

    def __init__(self, reply: dict[str, Any]) -> None:
        self.error: int | None = reply["error"]
        """Bytes of the file that are the compiler's words; None: it compiled."""
        self.prelude: int = reply.get("prelude", 0)
        """Bytes of the file that are the prelude; the code follows."""
        self.lanes: bool = reply.get("lanes", False)
        self.teardown: bool = reply.get("teardown", False)
        self.names: list[str] = reply.get("names", [])
        """Those of NOTED that it uses."""


NOTED = frozenset({"open", "os", "random", "numpy", "named streams"})


class Compiler:
    """The runner's side."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.file = os.memfd_create("code")
        self._start()

    def _start(self) -> None:
        requests, self._requests = os.pipe()
        self._replies, replies = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._requests)
            _serve(self._channel, requests, replies, self.file)
        os.close(requests)
        os.close(replies)

    def compile(self, prelude: int, source: int, limits: dict[str, Any], modules: list[str]) -> Compiled:
        """The program that comes next on the socket, so many bytes of prelude and source."""
        names = json.dumps(modules).encode()
        spare = limits["memory"] + STACK
        write_all(self._requests, _REQUEST.pack(prelude, source, len(names), limits["compile_time"], spare) + names)
        poll = select.poll()
        poll.register(self._replies, select.POLLIN)
        poll.register(self._channel.fd, select.POLLHUP | select.POLLRDHUP)
        if any(fd == self._channel.fd for fd, _ in poll.poll()):
            os._exit(0)  # the host is gone
        reply = os.read(self._replies, 1 << 16)
        compiled = Compiled(json.loads(reply)) if reply else self._died()
        if not reply or b'"worn":true' in reply:
            if reply:
                os.waitpid(self._pid, 0)
            self.restart()
        return compiled

    def restart(self) -> None:
        """Another process, once the one before has been reaped."""
        os.close(self._requests)
        os.close(self._replies)
        self._start()

    def _died(self) -> Compiled:
        code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        if code == OUT_OF_TIME:
            words = "compiling takes more processor time than compile_time allows"
        else:
            words = f"the compiler crashed ({f'signal {-code}' if code < 0 else f'exit code {code}'})"
        return Compiled({"error": _write(self.file, words.encode())})


def load(file: int, prelude: int) -> tuple[CodeType, CodeType]:
    """(prelude, program) from the file, for a process that may know them."""
    data = os.pread(file, os.fstat(file).st_size, 0)
    return marshal.loads(data[:prelude]), marshal.loads(data[prelude:])


def _serve(channel: Channel, requests: int, replies: int, file: int) -> NoReturn:
    gc.enable()
    die_of_sigprof()
    asked = Channel(requests)  # ends the process with the runner
    while True:
        prelude, source, names, seconds, memory = _REQUEST.unpack(asked.read(_REQUEST.size))
        modules: list[str] = json.loads(asked.read(names))
        texts = channel.read(prelude), channel.read(source)
        before = resource.getrlimit(resource.RLIMIT_AS)
        limit(resource.RLIMIT_AS, memory, hard=False)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        reply = _compile(file, *texts, modules)
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, before)
        reply["worn"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > WORN
        write_all(replies, json.dumps(reply, separators=(",", ":")).encode())
        if reply["worn"]:
            os._exit(0)


def _compile(file: int, prelude: bytes, source: bytes, modules: list[str]) -> dict[str, Any]:
    """The source is text, whatever a coding comment in it says."""
    from .eligibility import lane_allowed, names_in, needs_teardown  # the runner has no need of it

    try:
        before = compile(prelude.decode(), SOURCE, "exec", dont_inherit=True)
        code = compile(source.decode().removeprefix("\ufeff"), SOURCE, "exec", dont_inherit=True)
        head, body = marshal.dumps(before), marshal.dumps(code)
        names = names_in(code)
        noted = NOTED & names
        if any(name in source for name in (b"/dev/std", b"/dev/fd", b"/proc/self/fd")):
            noted |= {"named streams"}
        lanes = "named streams" not in noted and lane_allowed(code, names, modules)
    except SyntaxError as error:
        where = f" (line {error.lineno})" if error.lineno else ""
        return {"error": _write(file, f"{type(error).__name__}: {error.msg}{where}".encode(errors="replace")[:4096])}
    except MemoryError:
        return {"error": _write(file, b"MemoryError: compiling takes more memory than the program may use")}
    except (ValueError, RecursionError, OverflowError) as error:
        return {"error": _write(file, f"{type(error).__name__}: {error}".encode(errors="replace")[:4096])}
    _write(file, head + body)
    return {
        "error": None,
        "prelude": len(head),
        "lanes": lanes,
        "teardown": needs_teardown(names),
        "names": sorted(noted),
    }


def _write(file: int, data: bytes) -> int:
    os.ftruncate(file, 0)
    place = 0
    while place < len(data):
        place += os.pwrite(file, data[place:], place)
    return len(data)
