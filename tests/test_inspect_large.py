"""``inspect`` on large files: what is kept of each row, and what is said of a file that has rows of several formats."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from microcoder.evaluator.cli import main
from microcoder.evaluator.cli import progress as progress_module
from microcoder.evaluator.datasets import BadRow, Rows
from microcoder.evaluator.pile import Pile
from microcoder.evaluator.spread import Range, Spread

MIB = 1 << 20
GROWTH = 8.0
"""MiB. Names and sentences alone of the rows below have 20 MiB."""
MEASURE = """\
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:])
_, status, usage = os.wait4(process.pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""
"""In between, for the peak of a process is at first that of the one which has started it."""
ASSERTIONS = {"question": "Add.", "test_cases": ["assert add(1, 2) == 3"]}
STDIO = {"input_output": json.dumps({"inputs": ["1\n"], "outputs": ["1\n"]})}
OURS = {"problem_id": "ours", "tests": [{"input": "1", "output": "1"}]}


def peak(file: Path, told: Path) -> tuple[float, dict[str, Any]]:
    """MiB of the process of the command line, and its report."""
    words = [sys.executable, "-m", "microcoder.evaluator.cli", "inspect", str(file), "--json", str(told), "-q"]
    done = subprocess.run([sys.executable, "-c", MEASURE, *words], capture_output=True, text=True, check=True)
    code, size = map(int, done.stdout.split())
    assert code in (0, 1), done.stderr
    return size / 1024, json.loads(told.read_bytes())


def lines(file: Path, rows: Iterator[dict[str, Any]]) -> Path:
    with file.open("w") as written:
        written.writelines(json.dumps(row) + "\n" for row in rows)
    return file


def suspicious(count: int) -> Iterator[dict[str, Any]]:
    """Of every second row there is much to say; the others cannot be used."""
    tests = [{"input": "1" * size, "output": "", "group": "sample"} for size in (3, 5, 5)]
    for number in range(count):
        name = f"problem {number}, of a set with names as long as names may be: {'a' * 900}"
        yield {"problem_id": name, "statement": "print any of them", "tests": [] if number % 2 else tests}


def test_what_is_kept_of_a_row_is_little(tmp_path: Path) -> None:
    few, told = peak(lines(tmp_path / "few.jsonl", suspicious(500)), tmp_path / "told.json")
    assert (told["problems"], told["bad_rows"], len(told["first_bad_rows"])) == (250, 250, 100)
    many, told = peak(lines(tmp_path / "many.jsonl", suspicious(10_000)), tmp_path / "told.json")
    assert (told["problems"], told["bad_rows"], told["tests"]) == (5000, 5000, 15_000)
    assert {kind: len(each["names"]) for kind, each in told["suspicious"].items()} == {
        "empty expected output": 5000,
        "same test again": 5000,
        "no tests but samples": 5000,
        "several answers may be right, but there is no checker": 5000,
    }
    last = told["suspicious"]["empty expected output"]["names"][-1]
    assert last.startswith(f"{tmp_path / 'many.jsonl'}:9999: problem 9998, of a set")
    assert many - few < GROWTH


def test_rows_that_cannot_be_used_are_not_kept(tmp_path: Path) -> None:
    def large(count: int) -> Iterator[dict[str, Any]]:
        return (OURS | {"problem_id": str(number), "tests": 1, "statement": "x" * MIB} for number in range(count))

    few, _ = peak(lines(tmp_path / "few.jsonl", large(5)), tmp_path / "told.json")
    many, told = peak(lines(tmp_path / "many.jsonl", large(100)), tmp_path / "told.json")
    assert told["bad_rows"] == 100
    assert many - few < GROWTH


def test_a_row_group_is_not_read_whole(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def write(name: str, count: int) -> Path:
        texts = [os.urandom(20_000).hex() for _ in range(50)]
        tests = [{"input": [texts[n % 50], str(n)], "output": [str(n), str(n + 1)]} for n in range(count)]
        columns = {
            "name": arrow.array([str(n) for n in range(count)], arrow.large_string()),
            "source": arrow.array([n % 7 for n in range(count)]),
            "description": arrow.array([f"task {n % 3}" for n in range(count)]).dictionary_encode(),
            "public_tests": tests,
            "private_tests": tests,
            "unread": [texts[n % 50] for n in range(count)],
        }
        with parquet.ParquetWriter(tmp_path / name, arrow.table(columns).schema, use_dictionary=False) as writer:
            writer.write_table(arrow.table(columns), row_group_size=count)
        return tmp_path / name

    few, told = peak(write("few.parquet", 200), tmp_path / "told.json")
    assert (told["problems"], told["described"]["statement"]) == (200, 200)
    many, told = peak(write("many.parquet", 2000), tmp_path / "told.json")
    assert (told["problems"], told["tests"], told["bad_rows"]) == (2000, 8000, 0)
    assert (tmp_path / "many.parquet").stat().st_size > 150 * MIB
    assert many - few < 60


def test_a_pile_gives_back_what_was_put_on_it() -> None:
    pile = Pile(str)
    texts = [f"line {number}\n\0é\u2028" * (number % 50) for number in range(5000)]
    assert (list(pile), len(pile)) == ([], 0)
    for number, text in enumerate(texts):
        pile.append(text)
        if number == 2500:
            assert list(pile) == texts[:2501]
    assert (list(pile), list(pile), len(pile)) == (texts, texts, 5000)


@pytest.mark.parametrize(
    "numbers",
    [[], [0], [0, 0, 3], [2.5, 0.1, 0.1], list(range(4096)), [17 << 20] * 3 + [1], [1e-300, 3600.0, 5.0, 7.0]],
)
def test_a_spread_has_the_middle(numbers: list[float]) -> None:
    spread = Spread()
    for number in numbers:
        spread.add(number)
    ordered = sorted(numbers)
    assert spread.count == len(numbers)
    assert spread.range() == (Range(ordered[0], ordered[len(ordered) // 2], ordered[-1]) if numbers else Range())


def test_a_spread_of_many_different_numbers_is_nearly_right() -> None:
    spread = Spread()
    numbers = [number * 977 % 1_000_003 for number in range(100_000)]
    for number in numbers:
        spread.add(number)
    found, middle = spread.range(), sorted(numbers)[50_000]
    assert (found.least, found.most) == (min(numbers), max(numbers))
    assert found.median == pytest.approx(middle, rel=1 / 2048)
    assert found.median in numbers


def test_words_are_counted_up_to_a_number(tmp_path: Path) -> None:
    tests = [{"input": str(number), "output": "1", "group": f"g{number}"} for number in range(1500)]
    file = lines(tmp_path / "rows.jsonl", iter([OURS | {"tests": tests}]))
    assert main(["inspect", str(file), "--json", str(tmp_path / "told.json"), "-q"]) == 0
    groups = json.loads((tmp_path / "told.json").read_bytes())["groups"]
    assert (sum(groups.values()), groups["others"], groups["g999"]) == (1500, 500, 1)


def test_a_file_with_rows_of_several_formats_says_where_another_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [ASSERTIONS, ASSERTIONS, STDIO, OURS, STDIO | {"problem_id": "b"}, ASSERTIONS]
    file = lines(tmp_path / "mixed.jsonl", iter(rows))
    assert main(["inspect", str(file), "--json", str(tmp_path / "told.json")]) == 1
    found = json.loads((tmp_path / "told.json").read_bytes())
    assert (found["formats"], found["bad_rows"]) == ({"acecode": 3}, 3)
    told = "{}:{}: of the format {}, in a file of the format acecode: rows of each have to be in files of their own"
    assert found["first_bad_rows"] == [told.format(file, 3, "apps"), told.format(file, 4, "microcoder")]
    assert told.format(file, 3, "apps") in capsys.readouterr().out
    with pytest.raises(BadRow, match=r"mixed\.jsonl:3: of the format apps"):
        list(Rows([file]))


def test_a_row_at_fault_is_not_one_of_another_format(tmp_path: Path) -> None:
    file = lines(tmp_path / "rows.jsonl", iter([ASSERTIONS, ASSERTIONS | {"test_cases": []}, {"question": "x"}]))
    rows = Rows([file], skip_bad=True)
    assert len(list(rows.examples())) == 1
    assert [error.field for error in rows.bad] == ["test_cases", "test_cases"]


def test_files_of_a_directory_may_have_different_formats(tmp_path: Path) -> None:
    lines(tmp_path / "a.jsonl", iter([ASSERTIONS, ASSERTIONS]))
    lines(tmp_path / "b.jsonl", iter([STDIO]))
    lines(tmp_path / "c.jsonl", iter([OURS]))
    found = [(form.name, example.problem.problem_id) for form, example in Rows([tmp_path]).examples()]
    assert found == [("acecode", "a/1"), ("acecode", "a/2"), ("apps", "b/1"), ("microcoder", "ours")]


def test_a_forced_format_chooses_the_columns(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import Table, parquet

    parquet.write_table(Table.from_pylist([STDIO | ASSERTIONS]), tmp_path / "rows.parquet")
    for name, mode in (("acecode", "assert"), ("apps", "stdio")):
        [(form, example)] = Rows([tmp_path / "rows.parquet"], format=name).examples()
        assert (form.name, example.problem.mode) == (name, mode)


def test_the_same_file_twice_is_told(tmp_path: Path) -> None:
    file = lines(tmp_path / "rows.jsonl", iter([OURS]))
    rows = Rows([file, file], skip_bad=True)
    assert len(list(rows.examples())) == 1
    assert str(rows.bad[0]) == f'{file}:1: problem_id: the same as in {file}:1 (found "ours")'


def test_reading_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress_module, "LINE_EVERY", 0)
    file = lines(tmp_path / "rows.jsonl", iter([ASSERTIONS, {"question": 1}, ASSERTIONS | {"question": "x" * 2 * MIB}]))
    assert main(["inspect", str(file)]) == 1
    first, second, last = capsys.readouterr().err.splitlines()
    assert first.lstrip().startswith("0%  1 rows  0 of 2 MiB  ")
    assert "%  2 rows  0 of 2 MiB  " in second
    assert last.startswith("100%  3 rows  2 of 2 MiB  ")
    assert last.endswith(" rows/s")
