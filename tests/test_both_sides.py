"""What both sides of the jail hold: they share no code but ``values``, so it is written twice, and compared here."""

from __future__ import annotations

import ast
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from microcoder.evaluator.asserts import session
from microcoder.evaluator.asserts.assertion import Assertion
from microcoder.sandbox import kinds, launcher, protocol, seccomp, worker
from microcoder.sandbox.execution import Outcome
from microcoder.sandbox.identity import identities
from microcoder.sandbox.inside import (
    channel,
    compiler,
    ends,
    executable,
    files,
    kernel,
    lane,
    program,
    runner,
    testing,
    together,
    trial,
    unknown,
    zygote,
)
from microcoder.sandbox.interpreter import probe
from microcoder.sandbox.jails.base import JailSpec, Mount
from microcoder.sandbox.jails.none import NoJail
from microcoder.sandbox.languages import gcc
from microcoder.sandbox.languages.base import STREAM_NAMES
from microcoder.sandbox.limits import MIB, Limits

INSIDE = Path(runner.__file__).parent


def nodes(*modules: Any) -> Iterator[ast.AST]:
    """Of all of the inside, or of these modules."""
    for file in [Path(module.__file__) for module in modules] or sorted(INSIDE.glob("*.py")):
        yield from ast.walk(ast.parse(file.read_text()))


def text(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def texts(node: ast.AST) -> set[str]:
    return {word for inner in ast.walk(node) if (word := text(inner)) is not None}


def keys_of(name: str, *modules: Any) -> set[str]:
    """What is read as ``name["key"]``, ``x.name["key"]``."""
    return {
        key
        for node in nodes(*modules)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).split(".")[-1] == name
        if (key := text(node.slice)) is not None
    }


def compared_with(name: str, *modules: Any) -> set[str]:
    """Texts that ``name`` or ``x.name`` is compared with."""
    found: set[str] = set()
    for node in nodes(*modules):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(ast.unparse(side).split(".")[-1] == name for side in sides):
                found |= {word for side in sides if (word := text(side)) is not None}
    return found


def fields(*structs: type[msgspec.Struct]) -> set[str]:
    return {field for struct in structs for field in struct.__struct_fields__}


def tags(*structs: type[msgspec.Struct]) -> set[str]:
    return {str(struct.__struct_config__.tag) for struct in structs}


# ------------------------------------------------------------------------------------------------------------ numbers


@pytest.mark.parametrize("name", ["LANE_BYTES", "LANE_SLICE", "LANE_TESTS"])
def test_lanes_are_the_same_on_both_sides(name: str) -> None:
    assert getattr(lane, name) == getattr(worker, name)


def test_the_executable_is_where_the_filter_looks_for_it() -> None:
    assert executable.DESCRIPTOR == seccomp.EXECUTABLE_FD
    assert executable.NAME == seccomp.EXECUTABLE_NAME
    assert executable._AT_EMPTY_PATH == seccomp._EMPTY_PATH
    columns = {machine: column for machine, (column, _) in seccomp._ARCHITECTURES.items()}
    assert {machine: seccomp._RULED["execveat"][column] for machine, column in columns.items()} == executable._EXECVEAT


def test_a_jail_leaves_room_for_what_the_inside_needs() -> None:
    spec = JailSpec((), (), (), {}, 3)
    assert spec.stack == kernel.STACK
    assert executable.OPEN_FILES < executable.DESCRIPTOR < spec.open_files
    assert spec.open_files > testing.FIRST_FILE + zygote.FILES
    assert 2 + 3 * lane.LANE_TESTS <= zygote.FILES  # stderr and told; stdin, stdout and result of each test


def test_threads_have_the_same_stack_in_every_language() -> None:
    assert f"{kernel.THREAD_STACK >> 20} << 20".encode() in gcc._THREADS


def test_what_a_lane_may_send_fits_a_frame() -> None:
    """The runner sends no more of a lane than LANE_BYTES and two outputs, and of one test what it may and its stderr."""
    limits = Limits(output=1, stderr=100 * MIB)
    work = worker.Work(inputs=worker.Inputs([b""]), source=b"", tests=[0], limits=limits)
    assert work.most_bytes >= lane.LANE_BYTES + 2 * limits.output
    assert work.most_bytes >= 2 * limits.output + limits.stderr


# -------------------------------------------------------------------------------------------------------------- names


def test_the_runner_reads_every_field_of_a_frame_and_no_other() -> None:
    sent = fields(protocol.Configure, protocol.Load, protocol.Drop, protocol.Job, protocol.Run)
    assert keys_of("header") == sent | {"type"}
    assert keys_of("command") == fields(protocol.Command)
    assert keys_of("limits") == fields(protocol.JobLimits)


def test_limits_travel_by_their_names() -> None:
    assert fields(protocol.JobLimits) == fields(Limits)
    assert set(get_args(protocol.LimitName)) < fields(Limits)


def test_frames_have_the_same_tags() -> None:
    cases = {word for node in nodes(runner) if isinstance(node, ast.match_case) for word in texts(node.pattern)}
    received = cases | compared_with("header['type']", program)
    assert received | tags(protocol.Configure) == tags(*get_args(protocol.ToRunner))
    types = {
        text(value)
        for node in nodes(runner, program)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if text(key) == "type"
    }
    assert types == tags(*get_args(protocol.FromRunner))


def test_outcomes_and_limits_have_the_same_names() -> None:
    verdicts = [node for node in nodes() if isinstance(node, ast.Call) and ast.unparse(node.func) == "Verdict"]
    outcomes = {outcome for node in verdicts for outcome in texts(node.args[0])}
    limits = {limit for node in verdicts for limit in texts(node.args[1])}
    for node in nodes(program):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "stopped_by":
            limits |= texts(node.value)
    assert outcomes == set(Outcome)
    assert limits == set(get_args(protocol.LimitName))


def test_modes_have_the_same_names() -> None:
    modes = set(get_args(protocol.Mode))
    assert compared_with("mode") == modes - {"call"} | {
        "test"
    }  # none of the others is left; one side of what is linked


def test_what_test_processes_start_has_the_same_names() -> None:
    starts = set(get_args(kinds.Starts))
    assert compared_with("starts", runner) == starts - {"program"}  # as before


def test_requests_of_assertions_have_the_fields_that_the_inside_reads() -> None:
    test = Assertion("def check(f):\n    for x in f(1):\n        assert x\ncheck(candidate)", "", "candidate")
    asked = set(json.loads(test.request_of("", word="")))
    assert keys_of("asked", trial) == keys_of("asked", together) == asked - {"word"}
    assert keys_of("asked", unknown) == asked - {"word"}


def test_ends_of_assertions_are_known() -> None:
    told = {
        end
        for node in nodes(ends, trial)
        if isinstance(node, ast.Dict) and "end" in map(text, node.keys)
        for end in texts(node.values[0])
    }
    told |= {"raised", "failed"}  # chosen between in a variable
    assert told == {"passed", "failed", "raised", "faulty", "empty", "ended", "garbled", "undecided"}
    assert told - {"faulty", "empty", "undecided"} <= session._STATUS.keys()


@pytest.fixture(scope="module")
def mounts() -> dict[str, Mount]:
    started = launcher.Launcher(NoJail(), probe())
    return {mount.target: mount for mount in started._mounts(kinds.PYTHON)}


def test_folders_have_the_same_names(mounts: dict[str, Mount]) -> None:
    spec = JailSpec((), (), identities(), {}, 3)
    greeting = launcher.Launcher(NoJail(), probe())._configure(kinds.PYTHON, spec, None)
    told = msgspec.json.decode(greeting[8 : 8 + protocol.HEADER.unpack_from(greeting)[0]])
    assert {mount.target for mount in mounts.values() if mount.kind == "tmpfs"} == {told["work"], told["temporary"]}
    assert {mount.source for mount in mounts.values() if mount.kind == "symlink"} == {
        f"{told['temporary']}/.{name}" for name in ("stdin", "stdout", "stderr")
    }


def test_programs_that_open_their_streams_by_name_are_known_as_such(mounts: dict[str, Mount]) -> None:
    links = [mount.target.encode() for mount in mounts.values() if mount.kind == "symlink"]
    compiling = compiler.Compiler(channel.Channel(-1), frozenset(), "/work")
    for name in STREAM_NAMES:
        found = compiling._compile(b"", b"open('%b')" % name, False)
        assert "named streams" in found["names"]
        assert any(link.startswith(name) for link in links)
    assert all(link.startswith(STREAM_NAMES) for link in links)


# -------------------------------------------------------------------------------------------------------------- bytes


def test_frames_have_the_same_form() -> None:
    host, inside = socket.socketpair()
    with host, inside:
        end = channel.Channel(inside.fileno())
        host.sendall(protocol.frame(protocol.Load(7, [2, 3]), b"ab", b"cde"))
        assert end.receive() == ({"type": "load", "key": 7, "sizes": [2, 3]}, 5)
        assert end.read(5) == b"abcde"
        end.send({"type": "ready", "python": [3, 11, 0]})
        ((message, blob),) = protocol.FrameReader(0).feed(host.recv(1000))
        assert message == protocol.Ready((3, 11, 0))
        assert blob == b""


@pytest.mark.parametrize("left", [{}, {"a": b""}, {"a": b"12", "b": b"3"}])
def test_files_that_come_back_have_the_same_form(tmp_path: Path, left: dict[str, bytes]) -> None:
    for name, content in left.items():
        (tmp_path / name).write_bytes(content)
    result = files.collect(["a", "b"], str(tmp_path), MIB)
    assert protocol.collected(os.pread(result, MIB, 0), ["a", "b"]) == left
    os.close(result)
