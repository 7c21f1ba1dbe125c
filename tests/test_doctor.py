"""`microcoder-eval doctor`: says that judging is safe where it is, and only there."""

from __future__ import annotations

import pytest

from microcoder.evaluator.cli import main
from microcoder.sandbox import doctor, selfcheck
from microcoder.sandbox.jails.none import NoJail
from microcoder.sandbox.selfcheck import PROPERTIES


def test_a_jail_that_holds_is_safe(jail: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--jail", jail]) == 0
    said = capsys.readouterr().out
    assert "FAIL" not in said
    assert [held.name for held in PROPERTIES if f"  ok    {held.name}: holds\n" not in said] == []
    assert said.endswith(f"judging is safe here with {jail}\n")


def test_a_jail_that_does_not_hold_is_not_safe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "candidates", lambda name: [NoJail()])
    leaves_no_files = [held for held in PROPERTIES if held.name in ("runs a program", "no files of the host")]
    monkeypatch.setattr(selfcheck, "PROPERTIES", leaves_no_files)
    assert main(["doctor"]) == doctor.UNSAFE
    said = capsys.readouterr().out
    assert "  ok    runs a program: holds\n" in said
    assert "  FAIL  no files of the host: " in said
    assert said.endswith("judging is NOT safe here\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--python", "/bin/sh"], "FAIL  interpreter: python: /bin/sh does not answer"),
        (
            ["--allow-package", "nothing_of_the_kind"],
            "FAIL  packages: allowed, but cannot be imported: nothing_of_the_kind",
        ),
        (["--jail", "none"], "FAIL  jail: jail: none runs programs with your own rights"),
    ],
)
def test_what_is_asked_for_and_not_there_is_not_safe(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", *words]) == doctor.UNSAFE
    assert why in capsys.readouterr().out
