"""One program: compiled, its tests run in test processes, watched from outside of them."""

from __future__ import annotations

import os
import resource
import select
import signal
import time
from typing import TYPE_CHECKING, NamedTuple

from .channel import Part
from .files import collect
from .idle import LATE, SAMPLE, Idle
from .kernel import STACK, cpu_backstop, follow, spread, within_ceiling
from .lane import CLEAN, LANE_BYTES, LANE_SLICE, LANE_TESTS, OUT_OF_MEMORY, SPARE_MEMORY, Lane
from .testing import Task
from .zygote import REFUSED, Ended, Running, Zygote

if TYPE_CHECKING:
    from .runner import Job, Runner


LANE_PATIENCE = 0.05
LANE_PATIENCE_SHARE = 0.02
"""Processor seconds, and share of what a test may use, after which a later test of a lane is stopped, to be run by
itself: its failure would not be believed here, and the verdicts on the tests before it wait for it."""
PREEMPTED = "preempted"
"""In the place of a limit: what the host wants to know first ended the test process, which will be run again."""


class Refused(Exception):
    """The host has no process for this program. The runner and the zygote are as before."""

    def __init__(self, number: int | None) -> None:
        super().__init__(f"no process: {os.strerror(number or 0)}")


class Verdict(NamedTuple):
    """How one test ended, in the words of the protocol."""

    outcome: str
    limit: str | None
    exit_code: int | None
    signal: int | None


class Program:
    """Lives in the runner."""

    def __init__(self, runner: Runner, job: Job) -> None:
        self.runner = runner
        self.job = job
        self._channel = runner.channel
        self._queue: list[int] = list(job.tests)
        self._fresh: list[int] = []  # tests that must have a process of their own, before the others
        self._lanes = job.lanes and job.compiled.lanes and len(job.tests) > 1 and not job.collect
        self._lane_tests = min(job.first_lane, LANE_TESTS)
        self._waits = job.first_lane < LANE_TESTS
        """The host says after the first results whether it wants more."""
        self._silenced: dict[int, bytes] = {}
        """Tests that filled the file of their standard error, and the end of what they wrote there."""
        self._ended = False
        self._poll = select.poll()
        self._poll.register(self._channel.fd, select.POLLIN)
        self._named_files = "named streams" in job.compiled.names

    def serve(self) -> None:
        """Run the tests, and those that the host wants again, until it has enough or lacks what they need."""
        try:
            self._run_tests()
        except Refused as refused:
            self.runner.tell_shortage(self.job.number, str(refused))

    def _run_tests(self) -> None:
        job = self.job
        if job.compiled.error is not None:
            self._refuse(job.compiled.error)
        else:
            self.prepare()
        while not self._ended:
            if not (self._fresh or self._queue):
                self._obey()
                continue
            told = self._run_next()
            if not self._ended and ((told and self._waits) or self._poll.poll(0)):
                self._waits = False
                self._obey()

    def prepare(self) -> None:
        """What comes before the first test."""
        self.zygote = self.runner.zygote_for(self.job)
        self._wake(self.zygote)

    def _wake(self, zygote: Zygote) -> None:
        if zygote.wake():
            self._channel.wait_for(zygote.fd)
            zygote.woke()
            self.runner.empty_folders()

    def _run_next(self) -> bool:
        """The next test process: whether results came of it."""
        lane = self._next_lane()
        self._started = time.monotonic()
        try:
            return self._watch(lane, self.start(lane))
        finally:
            self.runner.empty_folders()  # while the host compares
            lane.close()

    def start(self, lane: Lane) -> Running:
        """A test process."""
        self.zygote.test(self._task(lane), lane.files)
        lane.sent()
        return self.zygote

    def _refuse(self, why: str) -> None:
        self._channel.send({"type": "compile_error", "job": self.job.number, "why": why})
        self._queue.clear()

    def _obey(self) -> None:
        """One frame from the host: to go on, with tests to run again first; or the end, which the runner acts on."""
        header, size = self._channel.receive()
        if header["type"] == "run":
            self._fresh += header["tests"]
        else:
            self._ended = True
            self.runner.next_frame = header, size

    # -- test processes

    def _next_lane(self) -> Lane:
        confirms = bool(self._fresh)
        tests = [self._fresh.pop(0)] if confirms else self._take()
        # Programs that open their streams by name get regular files with these names instead of memfds.
        lane = Lane(tests, confirms=confirms, named=self._named_files)
        self._equip(lane, *self._input(tests[0]), result=self.job.call)
        self.runner.fill_folders(self.job)
        return lane

    def _equip(self, lane: Lane, place: int, size: int, *, result: bool) -> None:
        """Files for its first test, with a part of the inputs as its standard input."""
        lane.stdin = self._file(lane, "stdin", size)
        lane.stdout = self._file(lane, "stdout")
        lane.stderr = self._nowhere(lane, "stderr") if lane.tests[0] in self._silenced else self._file(lane, "stderr")
        if result:
            lane.result = os.memfd_create("result")
        lane.fill(self.job.inputs, place, size)

    def _input(self, test: int) -> tuple[int, int]:
        """Where the input of the test begins, and its size."""
        place, end = self.job.offsets[test : test + 2]
        return place, end - place

    def _hear(self, lane: Lane) -> None:
        """A test of the lane has ended, or the lane."""
        if not (lane.hear() and lane.go_on(self.job.inputs, *self._input(lane.tests[lane.begun]))):
            self._poll.unregister(lane.watched)
            lane.dismiss()
        elif not lane.listens:  # its last word can wait
            self._poll.unregister(lane.watched)

    def _take(self) -> list[int]:
        """The next tests of the queue that one process runs."""
        size = 1
        if self._lanes and self._queue[0] not in self.job.alone:
            most = min(self._lane_tests, len(self._queue))
            while size < most and self._queue[size] not in self.job.alone:
                size += 1
            self._lane_tests = LANE_TESTS
        tests, self._queue = self._queue[:size], self._queue[size:]
        return tests

    def _file(self, lane: Lane, name: str, size: int = 0) -> int:
        """For so many bytes. It has a name only where they leave room for what the test puts out."""
        if not (lane.named and size <= self._room()):
            return os.memfd_create(name)
        return os.open(f"{self.runner.folders[1]}/.{name}", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)

    def _nowhere(self, lane: Lane, name: str) -> int:
        """The same that takes everything and keeps nothing."""
        if lane.named:
            os.symlink(os.devnull, f"{self.runner.folders[1]}/.{name}")
        return os.open(os.devnull, os.O_RDWR)

    def _room(self) -> int:
        """Bytes that an input with a name may have: what its folder has, less output and error text, or half of it."""
        limits, folder = self.job.limits, os.statvfs(self.runner.folders[1])
        free = folder.f_bavail * folder.f_frsize
        return free - min(free // 2, limits["output"] + limits["stderr"])

    def _largest_file(self, lane: Lane) -> int:
        """Bytes that a file of its process may have. More is a signal, or an error."""
        most: int = max(self.job.limits["output"], self.job.limits["file_size"]) + 1
        return min(most, LANE_BYTES) if lane.several else most

    def _task(self, lane: Lane, others: int = 0) -> Task:
        """``others``: processes and threads of the jail that do not count as its own."""
        job, compiled, limits = self.job, self.job.compiled, self.job.limits
        memory = limits["memory"] + SPARE_MEMORY + (lane.bare << 10)
        most = {
            resource.RLIMIT_CPU: cpu_backstop(limits["cpu_time"]),
            resource.RLIMIT_DATA: memory,
            resource.RLIMIT_AS: memory + STACK,
            resource.RLIMIT_FSIZE: self._largest_file(lane),
            resource.RLIMIT_NOFILE: limits["open_files"] + 3,
            resource.RLIMIT_NPROC: limits["threads"] + self.runner.relatives + others,
        }
        return Task(
            tests=len(lane.tests),
            results=lane.result is not None,
            more=lane.more,
            mode=job.mode,
            entry_class=job.entry_class,
            entry_point=job.entry_point,
            signature=job.signature,
            size=compiled.size,
            prelude=compiled.prelude,
            text=compiled.text,
            ends=compiled.ends,
            inert=compiled.inert and job.files < 0 and job.mode in ("stdio", "call", "calls"),
            noted=(*compiled.names,),
            roots=("builtins", *compiled.roots) if lane.several else (),
            int_digits=None if limits["int_digits"] == self.runner.int_digits else limits["int_digits"],
            limits=tuple((which, within_ceiling(which, value)) for which, value in most.items()),
        )

    def _watch(self, lane: Lane, running: Running) -> bool:
        """Wait for the test process, stop it at its limits, send what came of its tests: whether anything did."""
        stopped_by, ended = self._wait(lane, running)
        wall = time.monotonic() - self._started
        if self.job.collect:
            lane.take_result(collect(self.job.collect, self.runner.folders[0], self.job.limits["output"]))
        rows: list[tuple[object, ...]] = []
        if stopped_by is PREEMPTED:
            self._queue[:0] = lane.tests
        else:
            rows, parts = self._results(lane, stopped_by, ended, wall)
            if rows:
                self._channel.send(
                    {"type": "results", "job": self.job.number, "worn": self.runner.worn, "rows": rows}, parts
                )
        return bool(rows)

    def _wait(self, lane: Lane, running: Running) -> tuple[str | None, Ended]:
        """Until the process has ended: the limit that ended it, None when it ended by itself, and how."""
        limits = self.job.limits
        allowed: float = limits["cpu_time"] + (LANE_SLICE if lane.several else 0)
        patience = LANE_SLICE + LANE_PATIENCE + LANE_PATIENCE_SHARE * limits["cpu_time"]
        pid: int | None = None
        stopped_by: str | None = None
        cpu = 0.0
        idle = Idle(self._started)
        self._poll.register(running.fd, select.POLLIN)
        if lane.watched >= 0:
            self._poll.register(lane.watched, select.POLLIN)
        while True:
            wait = max(1, int(min(allowed - cpu, SAMPLE) * 1000) + 1)
            awake = time.monotonic() + wait / 1000 + LATE
            ready = [fd for fd, _ in self._poll.poll(wait)]
            if running.fd in ready:
                break
            if ready == [lane.watched]:
                if pid is None and lane.stays and (pid := running.pid()) is not None:
                    follow(pid)
                self._hear(lane)
                continue
            if ready:
                self._obey()
                if lane.confirms and not self._ended:
                    continue
                stopped_by = PREEMPTED
            forked = pid is not None
            if pid is None and (pid := running.pid()) is None:
                stopped_by = None
                break
            if lane.stays:  # not any longer: it takes its time
                spread(pid, 0)
            clock = (~pid << 3) | 2  # the processor clock of another process, as in clock_getcpuclockid(3)
            try:
                now, cpu = time.monotonic(), time.clock_gettime(clock)
                idle.look(now, cpu, in_time=forked and now < awake)
                if stopped_by:
                    pass
                elif cpu >= allowed or (lane.several and cpu >= patience and lane.begun > 1):
                    stopped_by = "cpu_time"
                elif idle.seconds >= limits["idle_time"]:
                    stopped_by = "idle_time"
                elif now - self._started >= limits["wall_time"]:
                    stopped_by = "wall_time"
                elif self.runner.full():
                    stopped_by = "memory"
                if stopped_by:
                    os.kill(pid, signal.SIGKILL)
                    break
            except OSError:  # it ended this moment, by itself
                stopped_by = None
                break  # and how is about to be told: what the host sent after its last word is not for this program
        self._poll.unregister(running.fd)
        ended = running.reply()
        if ended.request == REFUSED:
            raise Refused(ended.status)
        if lane.stays:
            spread(0)
        if lane.watched >= 0:
            if lane.listens:
                self._poll.unregister(lane.watched)
            lane.hear()  # its last word
        return stopped_by, ended

    def _results(
        self, lane: Lane, stopped_by: str | None, ended: Ended, wall: float
    ) -> tuple[list[tuple[object, ...]], list[Part]]:
        """Rows of the tests that ran, and where their outputs are; or none, and every test of the lane goes back.

        A process that ran one test answers for it itself. Of one that went on to others the tests tell themselves, so
        it is believed as a whole or not at all: only when it ended well, and as a process stayed within the limits of
        one test. Then to claim less than it used gains a test nothing, and it cannot claim more.
        """
        limits = self.job.limits
        code, cpu, peak = os.waitstatus_to_exitcode(ended.status), ended.cpu, max(0, ended.peak - lane.bare) << 10
        stderr = os.fstat(lane.stderr).st_size
        started = lane.begun
        if started <= 1:
            state = lane.noted(0).state
            if stopped_by is None and cpu > limits["cpu_time"]:
                stopped_by = "cpu_time"
            put_out = lane.put_out(0)
            verdict = self._verdict(lane, put_out, code, stopped_by, peak, state)
            cut = code and not stopped_by and stderr >= self._largest_file(lane)
            if lane.several and (cut or verdict.signal == signal.SIGXFSZ):  # files of a lane are kept small
                return self._doubt(lane, 0, 1)
            if cut:
                return self._silence(lane, stderr)
            if lane.several and not lane.notes:  # the interpreter had to end, as it will after other tests
                self._lanes = False
            self._queue[:0] = lane.tests[1:]
            row, parts = self._row(lane, 0, put_out, verdict, (cpu, wall, peak), (0, stderr))
            return [row], parts
        rows: list[tuple[object, ...]] = []
        parts: list[Part] = []
        stderr_start = 0
        sound = not (stopped_by or code) and peak <= limits["memory"]
        for place in range(started):
            note = lane.noted(place)
            figures = min(note.cpu / 1e9, cpu), min(note.wall / 1e9, wall), min(note.peak * 1024, peak)
            put_out = lane.put_out(place)
            verdict = self._verdict(lane, put_out, 0, None, figures[2], note.state)
            told = note.state == CLEAN and verdict.outcome == "finished" and stderr_start <= note.stderr <= stderr
            if not (sound and told):
                if stopped_by:  # the last takes long: the others may well decide before
                    return self._doubt(lane, 0, started)
                # Most likely the test that it was at when it ended: run that one first.
                return self._doubt(lane, place if sound else started - 1, started)
            row, more = self._row(lane, place, put_out, verdict, figures, (stderr_start, note.stderr))
            rows.append(row)
            parts += more
            stderr_start = note.stderr
        most = LANE_BYTES + 2 * limits["output"] + limits["stderr"]
        if sum(part.size for part in parts) > most:  # it has to fit a frame
            return self._doubt(lane, 0, started)
        self._queue[:0] = lane.tests[started:]
        return rows, parts

    def _doubt(self, lane: Lane, first: int, started: int) -> tuple[list[tuple[object, ...]], list[Part]]:
        """What a lane ran is run again, each test in a process of its own, as is all that follows."""
        self._lanes = False
        ran = lane.tests[:started]
        self._fresh += [ran.pop(first), *ran]
        self._queue[:0] = lane.tests[started:]
        return [], []

    def _silence(self, lane: Lane, stderr: int) -> tuple[list[tuple[object, ...]], list[Part]]:
        """It ended because no more error text fits its file, or so it may be. It is run again where all of it fits."""
        (test,) = lane.tests
        kept = min(stderr, self.job.limits["stderr"])
        self._silenced[test] = os.pread(lane.stderr, kept, stderr - kept)
        self._fresh.insert(0, test)
        return [], []

    def _row(
        self,
        lane: Lane,
        place: int,
        put_out: tuple[Part, Part],
        verdict: Verdict,
        figures: tuple[float, float, int],
        stderr: tuple[int, int],
    ) -> tuple[tuple[object, ...], list[Part]]:
        """One test as the protocol has it: its row, and where its output, error text and value are."""
        most: int = self.job.limits["output"]
        kept = min(stderr[1] - stderr[0], self.job.limits["stderr"])
        said = self._silenced.get(lane.tests[place])
        (stdout, _, stdout_size), (result, _, result_size) = put_out
        parts = [
            Part(stdout, 0, min(stdout_size, most)),
            Part(lane.stderr, stderr[1] - kept, kept) if said is None else Part(said, 0, len(said)),
            Part(result, 0, min(result_size, most)),
        ]
        cpu, wall, peak = figures
        seconds = round(cpu, 6), round(wall, 6)
        sizes = [part.size for part in parts]
        return (lane.tests[place], *verdict, *seconds, peak, place == 0, *sizes), parts

    def _verdict(
        self,
        lane: Lane,
        put_out: tuple[Part, Part],
        code: int,
        stopped_by: str | None,
        memory: int,
        state: int,
    ) -> Verdict:
        limits = self.job.limits
        exit_code, number = (None, -code) if code < 0 else (code, None)
        stdout, result = put_out
        size = max(stdout.size, result.size) if self.job.call else stdout.size
        if stopped_by == "memory":
            return Verdict("memory_limit", "memory", None, None)
        if stopped_by:
            return Verdict("time_limit", stopped_by, None, None)
        if size > limits["output"]:
            return Verdict("output_limit", "output", exit_code, number)
        if memory > limits["memory"] or (state == OUT_OF_MEMORY and code):
            return Verdict("memory_limit", "memory", exit_code, number)
        if number == signal.SIGXCPU:
            return Verdict("time_limit", "cpu_time", None, number)
        if code and self._lacked_memory(number, lane.stderr):
            return Verdict("memory_limit", "memory", None, number)
        return Verdict("crashed" if code else "finished", None, exit_code, number)

    def _lacked_memory(self, number: int | None, stderr: int) -> bool:
        """Whether a crash, by this signal and with this error text, was for want of memory that ``peak`` does not show.
        Never here: the interpreter says so."""
        return False
