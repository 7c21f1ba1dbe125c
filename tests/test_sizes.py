"""Sizes in bytes are read as people write them, wherever one is read."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microcoder.evaluator import Problem
from microcoder.evaluator.cli.options import Run, Serve, parse
from microcoder.sandbox.limits import MIB, SIZES, Limits
from microcoder.sandbox.sizes import bytes_of

QUARTER = 256 * MIB
SAME = (
    "268435456", "268435456B", "268435456 b", "256MB", "256mb", "256 MB", "256MiB", "256 mib", "256M", "256m", "256\tMB",
    "262144K", "262144kB", "262144KiB", "0.25G", "0.25GB", "0.250 GiB", " 256MB\n", "000256MB",
)  # fmt: skip
WRONG = (
    "", " ", "MB", "256XB", "256MBit", "256 M B", "2 56MB", "256MB MB", "1e9", "0x10", "256,5MB", "1_000", ".5G", "5.", "1.5", "1.5B", "½GB",
    "٢٥٦", "256Kib/s", "inf", "nan", "-", "--5", "256MiBs", "256PB", "256iB", "1" * 5000, "256 MB ; rm", "256\u212a",
)  # fmt: skip


@pytest.mark.parametrize("text", SAME)
def test_one_size(text: str) -> None:
    assert bytes_of(text) == QUARTER
    assert Limits(memory=text).memory == QUARTER  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["268435456", "256MB", "256 mib", "0.25G"])
def test_on_the_command_line(text: str) -> None:
    assert parse(["run", "x", "--limits.memory", text])[1].limits.memory == QUARTER


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="must be bytes, or") as raised:
        bytes_of(text)
    assert len(str(raised.value)) < 200
    with pytest.raises(ValueError, match=r"^Limits\.memory: must be bytes"):
        Limits(memory=text)  # type: ignore[arg-type]


@given(
    st.integers(0, 10**15 - 1), st.sampled_from(["", "K", "M", "G", "T"]), st.sampled_from(["", "B", "iB", "b", "ib"])
)
def test_units_are_powers_of_1024(number: int, unit: str, rest: str) -> None:
    if unit or rest in ("", "B", "b"):
        assert bytes_of(f"{number}{unit}{rest}") == number * 1024 ** " KMGT".index(unit or " ")


@pytest.mark.parametrize("name", SIZES)
def test_every_size_among_the_limits(name: str) -> None:
    assert getattr(msgspec.convert({name: "1KB"}, Limits), name) == 1024
    assert getattr(msgspec.json.decode(f'{{"{name}": "1.5KiB"}}', type=Limits), name) == 1536
    assert msgspec.to_builtins(msgspec.convert({name: "2M"}, Limits))[name] == 2 * MIB
    for text, why in (("0KB", ">= 1"), ("-5MB", ">= 1"), ("1TB", "<= 6871"), ("5 apples", "must be bytes")):
        with pytest.raises(msgspec.ValidationError, match=rf"Limits\.{name}: .*{why}"):
            msgspec.convert({name: text}, Limits)


def test_all_that_are_sizes_take_units() -> None:
    """A limit that is one and is forgotten would be refused as text."""
    limits = Limits()
    others = {"cpu_time", "idle_time", "wall_time", "compile_time", "open_files", "threads", "int_digits"}
    assert {*SIZES} | others == {*limits.__struct_fields__}
    for name in others:
        with pytest.raises(msgspec.ValidationError, match=name):
            msgspec.convert({name: "1KB"}, Limits)


def test_in_a_problem() -> None:
    row = {"problem_id": "p", "tests": [{}], "limits": {"memory": "512 MB"}, "checker": {"limits": {"output": "1MiB"}}}
    problem = msgspec.json.decode(msgspec.json.encode(row), type=Problem)
    assert problem.limits.memory == 512 * MIB and problem.checker.limits is not None
    assert problem.checker.limits.output == MIB


@pytest.mark.parametrize("kind", [Run, Serve])
def test_every_size_option(kind: type, capsys: pytest.CaptureFixture[str]) -> None:
    name = kind.__name__.lower()
    with pytest.raises(SystemExit):
        parse([name, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    options = [
        word for word, metavar in zip(shown.split(), shown.split()[1:], strict=False) if metavar.startswith("SIZE")
    ]
    options = [option for option in options if option.startswith("--")]
    assert len(options) >= 5, shown
    for option in options:
        chosen = parse([name, *(["x"] if kind is Run else []), option, "1.5MB"])[1]
        place, _, field = option[2:].replace("-", "_").rpartition(".")
        assert getattr(getattr(chosen, place) if place else chosen, field) == 1536 * 1024
        for text in ("256XB", "0MB", "1000GB"):
            with pytest.raises(SystemExit) as ended:
                parse([name, *(["x"] if kind is Run else []), option, text])
            assert ended.value.code == 2
            said = capsys.readouterr().err
            assert "Traceback" not in said and ("must be bytes" in said or "must be a whole number" in said)
