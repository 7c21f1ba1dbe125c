"""How much memory does inspect take for large files, and how fast is it? ``python -m microcoder.bench.inspect_large``.

Writes files of 200,000 rows and of 10 GiB, one after the other, and runs the command line on each in a process of its
own. Prints a line for each and writes ``results/inspect_large.json``. Every count of a report must be right.
"""

from __future__ import annotations

import base64
import gzip
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Annotated, Any, NamedTuple, cast

import msgspec
import tyro
import zstandard

from ..evaluator.datasets.parquet import load
from .machine import Machine, command_line, machine

MIB, GIB = 1 << 20, 1 << 30
BOUND = 300
"""MiB that it may take, but for files with large pages, which are unpacked whole."""
GROUP = GIB
"""Bytes of a row group: as much as some writers put into one."""
BATCH = 64
"""Rows that are handed to the writer of parquet at a time."""

Row = dict[str, Any]


class Texts:
    """Texts that do not compress, and differ from each other."""

    def __init__(self) -> None:
        self._random = random.Random(0)
        self._pool = base64.b64encode(self._random.randbytes(24 * MIB)).decode()

    def __call__(self, size: int) -> str:
        at = self._random.randrange(len(self._pool) - size)
        return self._pool[at : at + size]


def apps(number: int, text: Texts) -> Row:
    """About 20 KB."""
    tests = [text(500) for _ in range(20)]
    return {
        "problem_id": number,
        "question": text(1000),
        "input_output": json.dumps({"inputs": tests, "outputs": [test[::-1] for test in tests[:1]] + tests[1:]}),
        "solutions": json.dumps(["print(input())"]),
        "difficulty": "interview",
    }


def contests(number: int, text: Texts) -> Row:
    """About 100 KB, in nested columns; a fifth of it in one that nobody looks at."""
    inputs = [text(2000) for _ in range(20)]
    tests = {"input": inputs, "output": [text(100) for _ in inputs]}
    return {
        "name": f"{number}_problem",
        "description": text(2000),
        "public_tests": {name: texts[:2] for name, texts in tests.items()},
        "private_tests": tests,
        "generated_tests": {name: texts[2:] for name, texts in tests.items()},
        "solutions": {"language": [3], "solution": [text(1000)]},
        "time_limit": {"seconds": 2, "nanos": 0},
        "reasoning": text(20_000),
    }


def livecodebench(number: int, text: Texts) -> Row:
    """About 1 MB."""
    tests = [{"input": text(100_000), "output": text(1000), "testtype": "stdin"} for _ in range(10)]
    return {
        "question_id": str(number),
        "question_content": text(2000),
        "public_test_cases": json.dumps(tests[:1]),
        "private_test_cases": json.dumps(tests),
        "platform": "atcoder",
        "difficulty": ("easy", "medium", "hard")[number % 3],
    }


def suspicious(number: int, text: Texts) -> Row:
    """Looks wrong in several ways, or cannot be used."""
    test = {"input": text(100), "output": ""}
    tests = [] if number % 2 else [test, test]
    return {"problem_id": f"problem {number} {text(40)}", "statement": "print any of them", "tests": tests}


def right(number: int, text: Texts) -> Row:
    """With a program to judge."""
    given = text(50_000)
    return {
        "problem_id": str(number),
        "tests": [{"input": given, "output": given}],
        "submissions": [{"code": "print(input())" if number % 2 else f"print({number})", "accept": True}],
    }


class Case(NamedTuple):
    name: str
    make: Callable[[int, Texts], Row]
    file: str
    share: float
    """Of the rows, or of the bytes, that are asked for."""
    by_rows: bool = False
    verify: bool = False
    bounded: bool = True


CASES = (
    Case("a row a line", apps, "rows.jsonl", 1, by_rows=True),
    Case("gzip", apps, "rows.jsonl.gz", 0.1, by_rows=True),
    Case("zstandard", apps, "rows.jsonl.zst", 0.1, by_rows=True),
    Case("an array", apps, "rows.json", 0.2),
    Case("parquet, nested columns, row groups of 1 GiB", contests, "rows.parquet", 1),
    Case("parquet, rows of 1 MB, pages of 64", livecodebench, "rows.parquet", 0.2, bounded=False),
    Case("every row looks wrong or cannot be used", suspicious, "rows.jsonl", 1, by_rows=True),
    Case("with --verify", right, "rows.jsonl", 0.02, by_rows=True, verify=True),
)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How much memory does inspect take for large files, and how fast is it?"""

    rows: Annotated[int, msgspec.Meta(ge=100)] = 200_000
    """Of the files that are many rows."""
    gib: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    """Of the files that are large."""
    folder: Path = Path(tempfile.gettempdir())
    """Where they are written, one at a time, and removed again."""
    cases: tuple[str, ...] = ()
    """Those whose names begin so. Without it: all."""
    out: Path = Path(__file__).with_name("results")
    """Folder for inspect_large.json."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    case: str
    rows: int
    mib: int
    """Of the file."""
    seconds: float
    rows_per_second: float
    mib_per_second: float
    peak_mib: float
    """Resident, of the process of the command line."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What inspect_large.json holds."""

    command: str
    machine: Machine
    bound_mib: int
    measured: list[Measured]


def rows(case: Case, options: Options) -> Iterator[Row]:
    text, size, number = Texts(), 0, 0
    most = options.rows * case.share if case.by_rows else options.gib * GIB * case.share
    while (number if case.by_rows else size) < most:
        row = case.make(number, text)
        number += 1
        size += len(json.dumps(row))
        yield row


def write(case: Case, options: Options, path: Path) -> None:
    """In a process of its own: what it takes is not what is measured."""
    if path.suffix == ".parquet":
        _write_parquet(case, options, path)
        return
    begin, between, end = ("[", ",\n", "]") if path.suffix == ".json" else ("", "\n", "\n")
    with _opened(path) as file:
        file.write(begin.encode())
        for number, row in enumerate(rows(case, options)):
            file.write(f"{between if number else ''}{json.dumps(row)}".encode())
        file.write(end.encode())


def _opened(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "wb", 1))
    if path.suffix == ".zst":
        return cast("Any", zstandard).open(path, "wb")
    return path.open("wb")


def _write_parquet(case: Case, options: Options, path: Path) -> None:
    arrow: Any = load("pyarrow", path, "parquet files need pyarrow")
    parquet: Any = load("pyarrow.parquet", path, "parquet files need pyarrow")
    schema = arrow.RecordBatch.from_pylist([case.make(0, Texts())]).schema
    for name, kind in (
        ("question_content", arrow.large_string()),
        ("difficulty", arrow.dictionary(arrow.int8(), arrow.string())),
    ):
        if (place := schema.get_field_index(name)) >= 0:
            schema = schema.set(place, arrow.field(name, kind))
    group: list[Any] = []
    batch: list[Row] = []
    with parquet.ParquetWriter(path, schema) as writer:

        def flush(*, last: bool = False) -> None:
            if batch:
                group.append(arrow.RecordBatch.from_pylist(batch, schema))
                batch.clear()
            if group and (last or sum(each.nbytes for each in group) >= GROUP):
                table = arrow.Table.from_batches(group)
                writer.write_table(table, row_group_size=table.num_rows)
                group.clear()

        for row in rows(case, options):
            batch.append(row)
            if len(batch) == BATCH:
                flush()
        flush(last=True)


def measure(case: Case, options: Options, folder: Path) -> Measured:
    path, told = folder / case.file, folder / "told.json"
    writer = multiprocessing.get_context("spawn").Process(target=write, args=(case, options, path))
    writer.start()
    writer.join()
    if writer.exitcode != 0:
        raise SystemExit(f"{case.name}: cannot be written")
    size = path.stat().st_size
    words = ["inspect", str(path), "--json", str(told), "-q", *(["--verify"] if case.verify else [])]
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "microcoder.evaluator.cli", *words])
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    found = json.loads(told.read_bytes())
    number = found["problems"] + found["bad_rows"]
    _check(case, options, found, number)
    path.unlink()
    return Measured(
        case=case.name,
        rows=number,
        mib=size // MIB,
        seconds=round(took, 1),
        rows_per_second=round(number / took),
        mib_per_second=round(size / MIB / took, 1),
        peak_mib=round(usage.ru_maxrss / 1024, 1),
    )


def _check(case: Case, options: Options, found: Row, number: int) -> None:
    if case.by_rows and number != round(options.rows * case.share):
        raise SystemExit(f"{case.name}: {number} rows were read")
    if case.make is suspicious:
        half = number // 2
        counts = {kind: (each["problems"], len(each["names"])) for kind, each in found["suspicious"].items()}
        if found["bad_rows"] != half or set(counts.values()) != {(number - half, number - half)}:
            raise SystemExit(f"{case.name}: {found['bad_rows']} rows and {counts} are not right")
    elif found["bad_rows"]:
        raise SystemExit(f"{case.name}: {found['first_bad_rows'][0]}")
    if case.verify:
        verified = found["verified"]
        if (verified["programs"], verified["accepted"], len(verified["failures"])) != (
            number,
            number // 2,
            number // 2,
        ):
            raise SystemExit(f"{case.name}: {verified['accepted']} of {verified['programs']} is not right")


def main() -> None:
    options = tyro.cli(Options, description=__doc__)
    chosen = [case for case in CASES if case.name.startswith(options.cases or "")]
    here = machine()
    measured: list[Measured] = []
    folder = Path(tempfile.mkdtemp(prefix="inspect-large-", dir=options.folder))
    try:
        for case in chosen:
            measured.append(measure(case, options, folder))
            print(measured[-1], flush=True)
    finally:
        shutil.rmtree(folder)
    options.out.mkdir(parents=True, exist_ok=True)
    result = Result(
        command=command_line("microcoder.bench.inspect_large"), machine=here, bound_mib=BOUND, measured=measured
    )
    text = msgspec.json.format(msgspec.json.encode(result))
    (options.out / "inspect_large.json").write_bytes(text + b"\n")
    bounded = {case.name for case in chosen if case.bounded}
    above = [each.case for each in measured if each.case in bounded and each.peak_mib > BOUND]
    if above:
        raise SystemExit(f"more than {BOUND} MiB: {', '.join(above)}")


if __name__ == "__main__":
    main()
