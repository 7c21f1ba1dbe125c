"""One program: compiled, its tests run in test processes, watched from outside of them."""

from __future__ import annotations

import gc
import mmap
import os
import resource
import select
import signal
import struct
import time
from typing import TYPE_CHECKING, NamedTuple

from .eligibility import lane_allowed, names_in, needs_teardown
from .kernel import STACK, guarded, limit
from .runner import SOURCE, import_quietly
from .testing import TestProcess

if TYPE_CHECKING:
    from .runner import Job, Runner

LANE_TESTS = 32
LANE_SLICE = 0.010
"""Processor seconds after which a lane takes no further test."""
LANE_BYTES = 4 << 20
"""Bytes of output after which a lane takes no further test, and the largest file it may write."""
STDERR_KEPT = 64 << 10
"""Bytes of standard error that are reported."""
QUICK_SECONDS, QUICK_MEMORY = 1.0, 1 << 30
"""Processor time and address space of the runner while it compiles."""
SPARE_MEMORY = 512 << 20
"""Of RLIMIT_DATA above the limit: thread stacks are reserved and mostly never touched."""
IDLE_SAMPLE = 0.2
"""Seconds between two looks at a test's processor clock."""
IDLE_SHARE = 0.005
"""Of a sample. A test that used less was blocked; one that waits for a processor gets more even under high load."""

SLOT = struct.Struct("=QQQQQ")
"""What a lane tells of each test in the page it shares with its watcher: state, processor ns, wall ns, peak KiB, end of
the test's text on stderr."""
PENDING, RUNNING, CLEAN, FAILED, OUT_OF_MEMORY = range(5)


class Verdict(NamedTuple):
    """How one test ended, in the words of the protocol."""

    outcome: str
    limit: str | None
    exit_code: int | None
    signal: int | None


class Lane:
    """Tests that one test process runs in turn, with their files."""

    def __init__(self, tests: list[int]) -> None:
        self.tests = tests
        self.stdin: list[int] = []
        self.stdout: list[int] = []
        self.result: list[int] = []
        self.stderr = -1

    @property
    def several(self) -> bool:
        return len(self.tests) > 1

    def close(self) -> None:
        for fd in (*self.stdin, *self.stdout, *self.result, self.stderr):
            os.close(fd)


class Program:
    """Lives in the runner, or in a program process of its own."""

    def __init__(self, runner: Runner, job: Job) -> None:
        self.runner = runner
        self.job = job
        self.page = mmap.mmap(-1, mmap.PAGESIZE)
        self._channel = runner.channel
        self._queue = list(job.tests)
        self._fresh: list[int] = []  # tests that must have a process of their own, before the others
        self._lanes = job.lanes and len(job.tests) > 1
        self._ended = False
        self._poll = select.poll()
        self._poll.register(self._channel.fd, select.POLLIN)
        # Programs that open their streams by name get regular files with these names instead of memfds.
        self._named_files = any(name in job.source for name in (b"/dev/std", b"/dev/fd", b"/proc/self/fd"))

    def serve(self) -> None:
        """Run the tests, and those that the host wants again, until it says that it is enough."""
        message = self._compile()
        if message is not None:
            self._channel.send({"type": "compile_error", "message": message[:4096]})
            self._queue.clear()
        gc.freeze()
        while not self._ended:
            if not (self._fresh or self._queue):
                self._obey()
                continue
            lane = self._next_lane()
            self._started = time.monotonic()
            pid = os.fork()
            if pid == 0:
                TestProcess(self, lane).run()
            self._watch(lane, pid)
            if not self._ended and self._poll.poll(0):
                self._obey()

    def _obey(self) -> None:
        """One frame from the host: the end, or tests to run again."""
        header, _ = self._channel.receive()
        self._ended = header["type"] == "end"
        if not self._ended:
            self._fresh += header["tests"]

    # -- compiling

    def _compile(self) -> str | None:
        """None, or the compiler's words."""
        try:
            if os.getpid() == self.runner.pid:
                with guarded(QUICK_SECONDS, QUICK_MEMORY):
                    self._compile_and_import()
            else:
                before = resource.getrlimit(resource.RLIMIT_AS)
                limit(resource.RLIMIT_AS, self.job.limits["memory"] + SPARE_MEMORY + STACK, hard=False)
                signal.setitimer(signal.ITIMER_PROF, self.job.limits["compile_time"])
                self._compile_and_import()
                signal.setitimer(signal.ITIMER_PROF, 0)
                resource.setrlimit(resource.RLIMIT_AS, before)
        except SyntaxError as error:
            where = f" (line {error.lineno})" if error.lineno else ""
            return f"{type(error).__name__}: {error.msg}{where}"
        except MemoryError:
            return "MemoryError: compiling takes more memory than the program may use"
        except (ValueError, RecursionError, OverflowError) as error:
            return f"{type(error).__name__}: {error}"
        self.names = names_in(self.code)
        self.teardown = needs_teardown(self.names)
        self._lanes = (
            self._lanes and not self._named_files and lane_allowed(self.code, self.names, self.job.modules)
        )
        return None

    def _compile_and_import(self) -> None:
        """The source is text, whatever a coding comment in it says."""
        self.prelude = compile(self.job.prelude.decode(), SOURCE, "exec", dont_inherit=True)
        self.code = compile(self.job.source.decode().removeprefix("\ufeff"), SOURCE, "exec", dont_inherit=True)
        import_quietly(self.job.modules)

    # -- test processes

    def _next_lane(self) -> Lane:
        if self._fresh:
            tests = [self._fresh.pop(0)]
        else:
            size = LANE_TESTS if self._lanes else 1
            tests, self._queue = self._queue[:size], self._queue[size:]
        lane = Lane(tests)
        offsets = self.job.offsets
        for test in tests:
            lane.stdin.append(self._file("stdin"))
            place, end = offsets[test], offsets[test + 1]
            while place < end:
                place += os.sendfile(lane.stdin[-1], self.job.inputs, place, end - place)
            os.lseek(lane.stdin[-1], 0, os.SEEK_SET)
            lane.stdout.append(self._file("stdout"))
            if self.job.call:
                lane.result.append(os.memfd_create("result"))
        lane.stderr = os.memfd_create("stderr")
        self.page[: SLOT.size * len(tests)] = bytes(SLOT.size * len(tests))
        return lane

    def _file(self, name: str) -> int:
        if not self._named_files:
            return os.memfd_create(name)
        return os.open(f"{self.runner.folders[1]}/.{name}", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)

    def _watch(self, lane: Lane, pid: int) -> None:
        """Wait for the test process, stop it at its limits, send what came of its tests."""
        stopped_by = self._wait(lane, pid)
        _, status, usage = os.wait4(pid, 0)
        wall = time.monotonic() - self._started
        if not self._ended:
            rows, blobs = self._results(lane, stopped_by, os.waitstatus_to_exitcode(status), wall, usage)
            self.runner.empty_folders()
            if rows:
                self._channel.send({"type": "results", "rows": rows}, b"".join(blobs))
        lane.close()

    def _wait(self, lane: Lane, pid: int) -> str | None:
        """Until the process has ended. The limit that ended it, None when it ended by itself."""
        limits = self.job.limits
        allowed: float = limits["cpu_time"] + (LANE_SLICE if lane.several else 0)
        clock = (~pid << 3) | 2  # the processor clock of another process, as in clock_getcpuclockid(3)
        pidfd = os.pidfd_open(pid)
        self._poll.register(pidfd, select.POLLIN)
        stopped_by: str | None = None
        seen_cpu = idle = 0.0
        seen_at = self._started
        while True:
            ready = self._poll.poll(max(1, int(min(allowed - seen_cpu, IDLE_SAMPLE) * 1000) + 1))
            if any(fd == pidfd for fd, _ in ready):
                break
            if ready:
                self._obey()
                if not self._ended:
                    continue
            now, cpu = time.monotonic(), time.clock_gettime(clock)
            if cpu - seen_cpu < IDLE_SHARE * (now - seen_at):
                idle += now - seen_at
            seen_cpu, seen_at = cpu, now
            if cpu >= allowed:
                stopped_by = "cpu_time"
            elif idle >= limits["idle_time"]:
                stopped_by = "idle_time"
            elif now - self._started >= limits["wall_time"]:
                stopped_by = "wall_time"
            if stopped_by or self._ended:
                os.kill(pid, signal.SIGKILL)
                break
        self._poll.unregister(pidfd)
        os.close(pidfd)
        return stopped_by

    def _results(
        self, lane: Lane, stopped_by: str | None, code: int, wall: float, usage: resource.struct_rusage
    ) -> tuple[list[tuple[object, ...]], list[bytes]]:
        """Rows and blobs of the tests that are believed; the others go back to the queue."""
        cpu = usage.ru_utime + usage.ru_stime
        slots: list[tuple[int, ...]] = [SLOT.unpack_from(self.page, SLOT.size * at) for at in range(len(lane.tests))]
        started = next((place for place, slot in enumerate(slots) if slot[0] == PENDING), len(slots))
        most: int = self.job.limits["output"]
        rows: list[tuple[object, ...]] = []
        blobs: list[bytes] = []
        stderr_start = 0
        for place, test in enumerate(lane.tests):
            state, cpu_ns, wall_ns, peak, stderr_end = slots[place]
            last = place + 1 >= started
            if place and (place >= started or sum(map(len, blobs)) > LANE_BYTES):
                self._queue[:0] = lane.tests[place:]
                break
            if last and place == 0:  # the process ran one test and answers for it itself
                figures = cpu, wall, usage.ru_maxrss * 1024
                stderr_end = os.fstat(lane.stderr).st_size
                if stopped_by is None and cpu > self.job.limits["cpu_time"]:
                    stopped_by = "cpu_time"
                verdict = self._verdict(lane, place, code, stopped_by, figures[2], state, stderr_end)
                believed = not (lane.several and verdict.signal == signal.SIGXFSZ)  # files of a lane are kept small
            else:
                # The test's own figures: it cannot claim more than the process used, and to claim less gains nothing,
                # because the whole process was held to the limits of one test.
                figures = min(cpu_ns / 1e9, cpu), min(wall_ns / 1e9, wall), min(peak, usage.ru_maxrss) * 1024
                verdict = self._verdict(lane, place, 0, None, figures[2], state, stderr_end - stderr_start)
                believed = state == CLEAN and not (last and (stopped_by or code)) and verdict.outcome == "finished"
            if not believed:
                # Only a process of its own is believed when it fails; and this program gets no more lanes.
                self._lanes = False
                self._fresh.append(test)
                self._queue[:0] = lane.tests[place + 1 :]
                break
            stdout = read_file(lane.stdout[place], most)
            stderr = read_file(lane.stderr, STDERR_KEPT, stderr_start, stderr_end - stderr_start)
            result = read_file(lane.result[place], most) if self.job.call else b""
            seconds = round(figures[0], 6), round(figures[1], 6)
            rows.append((test, *verdict, *seconds, figures[2], place == 0, len(stdout), len(stderr), len(result)))
            blobs += (stdout, stderr, result)
            stderr_start = stderr_end
        return rows, blobs

    def _verdict(
        self, lane: Lane, place: int, code: int, stopped_by: str | None, memory: int, state: int, stderr_size: int
    ) -> Verdict:
        limits = self.job.limits
        exit_code, number = (None, -code) if code < 0 else (code, None)
        size = os.fstat(lane.stdout[place]).st_size
        if self.job.call:
            size = max(size, os.fstat(lane.result[place]).st_size)
        if stopped_by:
            return Verdict("time_limit", stopped_by, None, None)
        if size > limits["output"]:
            return Verdict("output_limit", "output", exit_code, number)
        if stderr_size > limits["stderr"]:
            return Verdict("output_limit", "stderr", exit_code, number)
        if memory > limits["memory"] or (state == OUT_OF_MEMORY and code):
            return Verdict("memory_limit", "memory", exit_code, number)
        if number == signal.SIGXCPU:
            return Verdict("time_limit", "cpu_time", None, number)
        return Verdict("crashed" if code else "finished", None, exit_code, number)


def read_file(fd: int, most: int, start: int = 0, size: int | None = None) -> bytes:
    """From ``start``, at most ``most`` bytes, without moving the descriptor's place."""
    left = max(0, min(os.fstat(fd).st_size - start if size is None else size, most))
    parts: list[bytes] = []
    while left and (part := os.pread(fd, min(left, 1 << 24), start)):
        parts.append(part)
        start += len(part)
        left -= len(part)
    return b"".join(parts)
