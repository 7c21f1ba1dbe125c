"""Whatever comes out of a jail, the host's side has one answer: WorkerFailure, another worker, the right verdict."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import subprocess
import sys

import msgspec
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from microcoder.evaluator import Evaluator
from microcoder.evaluator.status import Status
from microcoder.sandbox.errors import JailUnavailable, WorkerFailure
from microcoder.sandbox.execution import Execution
from microcoder.sandbox.kinds import PYTHON, Kind
from microcoder.sandbox.launcher import Jailed, Launcher
from microcoder.sandbox.protocol import MAX_TEXT, FrameReader, Results, executions

SUM = "a, b = map(int, input().split())\nprint(a + b)\n"
MOST = 1 << 16

# ---------------------------------------------------------------------------------------------------- the frame reader

fuzz = settings(database=None, max_examples=300)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
sizes = st.integers(0, 40) | st.integers(-(2**66), 2**66)
outcomes = st.sampled_from(["finished", "crashed", "time_limit", "memory_limit", "output_limit"])
optional = st.none() | st.integers() | st.text(max_size=4)
number = st.floats(allow_nan=False, allow_infinity=False) | st.integers()
rows = st.tuples(
    st.integers(),
    outcomes,
    optional,
    optional,
    optional,
    number,
    number,
    st.integers(),
    st.booleans(),
    sizes,
    sizes,
    sizes,
).map(list)
almost = st.one_of(
    st.builds(lambda found: {"type": "results", "rows": found}, st.lists(rows | json_values, max_size=4)),
    st.builds(lambda found: {"type": "results", "rows": found}, st.lists(rows, max_size=4)),
    st.builds(lambda kind, rest: {**rest, "type": kind},
              st.sampled_from(["ready", "results", "compile_error", "job", "end", "configure", "", "Ready"]),
              st.dictionaries(st.sampled_from(["python", "rows", "job", "worn", "why", "x"]), json_values)),
    json_values,
)  # fmt: skip


def framed(text: bytes, blob: bytes = b"") -> bytes:
    return struct.pack("!II", len(text), len(blob)) + text + blob


def read(data: bytes) -> list[Execution]:
    """All that the host does with bytes of a jail. Raises WorkerFailure, and nothing else."""
    found: list[Execution] = []
    for message, blob in FrameReader(MOST).feed(data):
        if isinstance(message, Results):
            found += executions(message, blob)
    return found


def harmless(data: bytes) -> None:
    try:
        found = read(data)
    except WorkerFailure:
        return
    msgspec.json.encode([msgspec.structs.replace(each, stdout=b"", stderr=b"") for each in found])


@fuzz
@given(st.binary(max_size=200))
def test_noise(data: bytes) -> None:
    harmless(data)


@fuzz
@given(st.binary(max_size=200), st.binary(max_size=50))
def test_noise_in_a_frame(text: bytes, blob: bytes) -> None:
    harmless(framed(text, blob))


@fuzz
@given(almost, st.binary(max_size=100))
def test_frames_that_are_almost_right(header: object, blob: bytes) -> None:
    harmless(framed(json.dumps(header).encode("utf-8", "surrogatepass"), blob))


@fuzz
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=60))
def test_any_sizes(text: int, blob: int, data: bytes) -> None:
    harmless(struct.pack("!II", text, blob) + data)


GOOD = [
    framed(b'{"type":"ready","python":[3,11,7]}'),
    framed(
        b'{"type":"results","job":1,"worn":false,"rows":[[0,"finished",null,0,null,0.1,0.1,1000,true,3,1,0]]}', b"ab\nx"
    ),
    framed(b'{"type":"results","job":2,"worn":true,"rows":[]}'),
    framed(b'{"type":"compile_error","job":3,"why":"words"}'),
]


@fuzz
@given(st.lists(st.integers(1, 60), max_size=40))
def test_frames_may_come_in_any_pieces(cuts: list[int]) -> None:
    data = b"".join(GOOD)
    whole = [(type(message), bytes(blob)) for message, blob in FrameReader(MOST).feed(data)]
    reader = FrameReader(MOST)
    found = []
    for cut in cuts:
        found += reader.feed(data[:cut])
        data = data[cut:]
    found += reader.feed(data)
    assert [(type(message), bytes(blob)) for message, blob in found] == whole


@fuzz
@given(st.integers(0, len(b"".join(GOOD))), st.integers(0, 255))
def test_one_wrong_byte(place: int, byte: int) -> None:
    data = bytearray(b"".join(GOOD))
    data[place : place + 1] = bytes([byte])
    harmless(bytes(data))


@fuzz
@given(st.integers(0, len(b"".join(GOOD)) - 1))
def test_a_frame_that_ends_early_is_waited_for(size: int) -> None:
    assert len(FrameReader(MOST).feed(b"".join(GOOD)[:size])) < len(GOOD)


@pytest.mark.parametrize(("text", "blob"), [(MAX_TEXT + 1, 0), (2, MOST + 1), (2**32 - 1, 2**32 - 1), (0, 2**32 - 1)])
def test_what_is_too_long_is_refused_before_it_is_read(text: int, blob: int) -> None:
    with pytest.raises(WorkerFailure, match="caps"):
        FrameReader(MOST).feed(struct.pack("!II", text, blob))


def row(**changed: object) -> bytes:
    fields = {
        "test": 0, "outcome": "finished", "limit": None, "exit_code": 0, "signal": None, "cpu_time": 0.1,
        "wall_time": 0.1, "memory": 1000, "fresh": True, "stdout": 1, "stderr": 0, "result": 0,
    }  # fmt: skip
    assert changed.keys() <= fields.keys()
    return framed(
        json.dumps(
            {"type": "results", "job": 1, "worn": False, "rows": [list({**fields, **changed}.values())]}
        ).encode(),
        b"x",
    )


def test_a_row_that_is_right() -> None:
    assert [found.stdout for found in read(row())] == [b"x"]


WRONG: list[dict[str, object]] = [
    {"stdout": 2}, {"stdout": 0}, {"stdout": -1, "stderr": 2}, {"stdout": 2, "result": -1}, {"stdout": 2**63},
    {"stdout": 2**70, "stderr": -(2**70) + 1}, {"stdout": "1"}, {"stdout": 1.0}, {"stdout": None}, {"outcome": "accepted"},
    {"outcome": None}, {"outcome": 0}, {"test": "0"}, {"test": None}, {"fresh": 1}, {"fresh": None}, {"limit": 5},
    {"exit_code": "0"}, {"exit_code": 0.5}, {"signal": []}, {"cpu_time": "0"}, {"cpu_time": None}, {"memory": 0.5},
    {"memory": -1}, {"cpu_time": -1.0}, {"wall_time": -0.5}, {"memory": 2**70}, {"exit_code": 2**70}, {"signal": 2**70},
    {"test": -1}, {"limit": "memory" * 1000}, {"limit": "no such limit"},
]  # fmt: skip


@pytest.mark.parametrize("changed", WRONG, ids=lambda changed: str(changed)[:40])
def test_a_row_that_is_wrong(changed: dict[str, object]) -> None:
    with pytest.raises(WorkerFailure):
        read(row(**changed))


# ------------------------------------------------------------------------------------------------------ a lying runner

RUNNER = """
import json, os, socket, struct, sys
channel = socket.socket(fileno=int(sys.argv[1]))

def send(header, blob=b"", *, size=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    channel.sendall(struct.pack("!II", len(text), len(blob) if size is None else size) + text + blob)

def receive():
    size = sum(struct.unpack("!II", channel.recv(8, socket.MSG_WAITALL)))
    return channel.recv(size, socket.MSG_WAITALL)

def row(test=0, outcome="finished", stdout=2, fresh=True, **more):
    return [test, outcome, None, 0, None, 0.0, 0.0, 1000, fresh, stdout, more.get("stderr", 0), 0]

def results(*rows, blob=b"3\\n"):
    send({"type": "results", "job": 1, "worn": False, "rows": rows}, blob)

receive()
"""
READY = 'send({"type": "ready", "python": [3, 11, 7]})\nreceive()\nreceive()\n'
"""Until the inputs and the program have come."""

LIES = {
    "noise": "channel.sendall(os.urandom(4096))",
    "zeros": "channel.sendall(bytes(4096))",
    "no json": "send(b'{')",
    "invalid UTF-8": 'send(b\'{"type":"compile_error","job":1,"why":"\\xff"}\')',
    "a list": "send([1])",
    "null": "send(None)",
    "an unknown type": "send({'type': 'accepted'})",
    "a second ready": "send({'type': 'ready', 'python': [3, 11, 7]})",
    "an unknown field": "send({'type': 'results', 'job': 1, 'worn': False, 'rows': [], 'verdict': 'accepted'})",
    "a long text": "channel.sendall(struct.pack('!II', 1 << 31, 0))",
    "a long blob": "send({'type': 'results', 'job': 1, 'worn': False, 'rows': [row(stdout=1 << 30)]}, size=1 << 30)",
    "more than there is": "results(row(stdout=3))",
    "less than there is": "results(row(stdout=1))",
    "a negative size": "results(row(stdout=-1, stderr=3))",
    "another test": "results(row(test=77))",
    "a test before the first": "results(row(test=-1))",
    "an unknown outcome": "results(row(outcome='accepted'))",
    "too few fields": "results(row()[:-1])",
    "too many fields": "results([*row(), 1])",
    "deep": "send(b'[' * 100_000)",
    "half a frame": "channel.sendall(struct.pack('!II', 100, 0) + b'{')\nchannel.close()",
    "half a header": "channel.sendall(b'\\0\\0')\nchannel.close()",
    "the end": "pass",
    "a crash": "os.abort()",
    "a closed end": "channel.shutdown(socket.SHUT_WR)\nimport time\ntime.sleep(60)",
    "huge figures": "results([0, 'crashed', None, 1 << 80, 1 << 80, 1e308, 1e308, 1 << 80, True, 2, 0, 0])",
    "words that are none": "send({'type': 'compile_error', 'job': 1, 'why': 5})",
    "results of a job to come": "send({'type': 'results', 'job': 2, 'worn': False, 'rows': [row()]}, b'3\\n')",
    "a refusal of a job to come": "send({'type': 'compile_error', 'job': 2, 'why': 'x'})",
    "worn as a text": "send({'type': 'results', 'job': 1, 'worn': 'x', 'rows': [row()]}, b'3\\n')",
}


class Liar(Launcher):
    """Its first jails are no jails but a process that says what it is told to."""

    lies: list[str]
    started: list[subprocess.Popen[bytes]]

    def start(self, kind: Kind = PYTHON) -> Jailed:
        if not self.lies:
            return super().start(kind)
        import socket

        host, inside = socket.socketpair()
        errors = os.memfd_create("jail-errors")
        with inside:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", RUNNER + self.lies.pop(0), str(inside.fileno())],
                pass_fds=[inside.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )
        self.started.append(process)
        host.setblocking(False)
        return Jailed(process, host, errors, None, framed(b"{}"))


@pytest.fixture
def lying(monkeypatch):
    """Tell it the lies, one for each jail."""
    import microcoder.sandbox.pool as pool

    monkeypatch.setattr(Liar, "lies", [], raising=False)
    monkeypatch.setattr(Liar, "started", [], raising=False)
    monkeypatch.setattr(pool, "Launcher", Liar)
    yield Liar.lies
    for process in Liar.started:
        assert process.poll() is not None, "the process of a broken worker is ended"


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("lie", LIES)
async def test_a_runner_that_lies_is_replaced_and_its_program_judged_elsewhere(lying, jail, problem, lie):
    lying.append(READY + LIES[lie])
    async with Evaluator(jail=jail, workers=1, cache=0) as own:
        report = await own.evaluate(problem(("1 2\n", "3\n")), SUM)
        assert report.status is Status.ACCEPTED, report.message
        assert own.pool.restarts == 1
        msgspec.json.encode(report)
        again = await own.evaluate(problem(("1 2\n", "4\n")), SUM)
        assert again.status is Status.WRONG_ANSWER
        assert len(own.pool.pids()) == 1


@pytest.mark.asyncio(loop_scope="session")
async def test_a_lie_after_the_answer_meets_nobody(lying, jail, problem):
    """A worker that says too much is not used again."""
    lying.append(f"{READY}results(row())\nresults(row())\nchannel.sendall(bytes(100))\nimport time\ntime.sleep(60)")
    async with Evaluator(jail=jail, workers=1, cache=0) as own:
        assert (await own.evaluate(problem(("1 2\n", "3\n")), SUM)).accepted
        for expected, status in (("4\n", Status.WRONG_ANSWER), ("3\n", Status.ACCEPTED)):
            assert (await own.evaluate(problem(("1 2\n", expected)), SUM)).status is status


def test_a_jail_that_ends_before_it_can_be_asked_again(lying, jail, problem):
    """On uvloop, whose transports refuse to write once they are closed. While the long output is compared, it ends."""
    lying.append(f"{READY}results(row(stdout=2_000_001, fresh=False), blob=b'x ' * 1_000_000 + b'y')\nos._exit(0)")
    long = problem(("", "x " * 1_000_000 + "z"), output=4 << 20)

    async def judge() -> Status:
        async with Evaluator(jail=jail, workers=1, cache=0) as own:
            return (await own.evaluate(long, "print('x ' * 1_000_000 + 'z')")).status

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(judge()) is Status.ACCEPTED


@pytest.mark.asyncio(loop_scope="session")
async def test_only_liars_are_a_failure_of_the_judge_not_of_the_program(lying, jail, problem):
    lying += [READY + LIES["noise"], READY + LIES["zeros"], READY + LIES["noise"], READY + LIES["zeros"]]
    async with Evaluator(jail=jail, workers=1, cache=0) as own:
        report = await own.evaluate(problem(("1 2\n", "3\n")), SUM)
        assert (report.status, report.reward) == (Status.SYSTEM_ERROR, None)
        assert (await own.evaluate(problem(("1 2\n", "3\n")), SUM)).accepted


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("lie", ["noise", "zeros", "the end", "a long text", "an unknown type", "half a frame"])
async def test_a_jail_that_does_not_start_is_told(lying, jail, lie):
    lying.append(LIES[lie])
    with pytest.raises(JailUnavailable, match=jail):
        async with Evaluator(jail=jail, workers=1, cache=0):
            pass
