"""The process that forks for ``floor``. Stand-alone, standard library only, run by path; see floor.py for the why.

Arguments: descriptors of commands, tokens and results, modules to import, folders of installed packages.

    commands   one pipe a worker: 8 bytes of length, then a marshalled list of (source, inputs, expected, seconds)
    tokens     one pipe for all: 4 bytes, the index of a program to judge; 0xffffffff ends the pass for one worker
    results    one pipe for all: RECORD_BYTES a program; index 0xffffffff says that a list was loaded, or a pass ended

Records are shorter than PIPE_BUF, so writers do not mix; tokens are read whole, because every write is one token.
"""

# pyright: basic
from __future__ import annotations

import atexit
import builtins
import gc
import marshal
import os
import re
import resource
import signal
import sys
import types

RECORD_BYTES = 17
NO_INDEX = b"\xff\xff\xff\xff"
_IMPORT = re.compile(r"^[ \t]*(import|from)[ \t]+([\w.]+(?:[ \t]*,[ \t]*[\w.]+)*)", re.MULTILINE)

Tests = tuple[list[bytes], list[bytes], float]


def main() -> None:
    commands, tokens, results = map(int, sys.argv[1:4])
    sys.path += filter(None, sys.argv[5].split(os.pathsep))
    for name in sys.argv[4].split(","):
        __import__(name)
    _become_a_program()
    gc.disable()
    gc.set_threshold(10_000, 10, 10)  # children enable it; no small program should come to a collection
    done = NO_INDEX + bytes(RECORD_BYTES - 4)
    while programs := _load(commands):
        gc.collect()  # also sets the counters back, or enabling it in a child would collect at once
        gc.freeze()
        os.write(results, done)
        while (token := os.read(tokens, 4)) != NO_INDEX:
            source, *tests = programs[int.from_bytes(token, "little")]
            os.write(results, token + _judge(source, tuple(tests)))
        os.write(results, done)


def _load(commands: int) -> list:
    """The next list of programs; empty at the end."""
    with open(commands, "rb", closefd=False, buffering=0) as pipe:
        size = int.from_bytes(pipe.read(8), "little")
        data = bytearray()
        while len(data) < size:
            data += pipe.read(min(size - len(data), 1 << 20))
    return marshal.loads(data) if data else []


def _become_a_program() -> None:
    """Give the worker what a program expects to find, so that a fork has nothing left to set up.

    Descriptors 0 and 1 are memory files whose content and offset the worker resets before each fork.
    """
    os.dup2(os.memfd_create("stdin"), 0)
    os.dup2(os.memfd_create("stdout"), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    builtins.exit = builtins.quit = sys.exit  # what the site module would have done
    resource.setrlimit(resource.RLIMIT_STACK, (64 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    sys.argv = ["program.py"]
    sys.modules["__main__"] = types.ModuleType("__main__")


def _judge(source: str, tests: Tests) -> bytes:
    try:
        code = compile(source, "program.py", "exec", dont_inherit=True)
    except Exception:
        return bytes(RECORD_BYTES - 4)
    missing = [
        name
        for kind, names in _IMPORT.findall(source)
        for name in (re.findall(r"[\w.]+", names) if kind == "import" else [names.split(",")[0]])
        if name.split(".")[0] not in sys.modules
    ]
    return _import_and_run(missing, code, tests) if missing else _run(code, tests)


def _import_and_run(missing: list[str], code: types.CodeType, tests: Tests) -> bytes:
    """Import once what the program names and the worker lacks, in a process that ends with the program."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        for name in missing:
            try:  # noqa: SIM105  contextlib is one more import
                __import__(name)
            except BaseException:
                pass  # the program will meet the same error, or never come to the import
        gc.freeze()
        os.write(writing, _run(code, tests))
        os._exit(0)
    os.close(writing)
    record = os.read(reading, RECORD_BYTES)
    os.close(reading)
    os.waitpid(pid, 0)
    return record


def _run(code: types.CodeType, tests: Tests) -> bytes:
    """Fork per test until one fails: accepted, tests started, microseconds of processor time."""
    inputs, expected, seconds = tests
    cpu = 0.0
    ran = 0
    for data, answer in zip(inputs, expected, strict=True):
        ran += 1
        os.pwrite(0, data, 0)
        os.ftruncate(0, len(data))
        os.lseek(0, 0, os.SEEK_SET)
        os.ftruncate(1, 0)
        os.lseek(1, 0, os.SEEK_SET)
        pid = os.fork()
        if pid == 0:
            _program(code, seconds)
        _, status, usage = os.wait4(pid, 0)
        cpu += usage.ru_utime + usage.ru_stime
        if status or os.pread(1, os.fstat(1).st_size, 0).strip() != answer:
            break
    else:
        return b"\x01" + _figures(ran, cpu)
    return b"\x00" + _figures(ran, cpu)


def _figures(ran: int, cpu: float) -> bytes:
    return ran.to_bytes(4, "little") + int(cpu * 1e6).to_bytes(8, "little")


def _program(code: types.CodeType, seconds: float) -> None:
    """The forked child: be the program, leave as an interpreter leaves."""
    status = 1
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        gc.enable()
        stdout = sys.stdout
        try:
            exec(code, sys.modules["__main__"].__dict__)
            status = 0
        except SystemExit as end:
            status = 0 if end.code is None else end.code if isinstance(end.code, int) else 1
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        stdout.flush()
    except BaseException:
        status = status or 1
    finally:
        os._exit(status & 255)


if __name__ == "__main__":
    main()
