"""A small file of every form that is read: ours in examples/, and the cases beside the repository, where they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from microcoder.evaluator import Problem, Submission
from microcoder.evaluator.datasets import BadRow, Rows
from microcoder.evaluator.datasets.base import Row
from microcoder.evaluator.datasets.row_reader import RowReader
from microcoder.sandbox.languages import LANGUAGES, testlib

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES, CASES = ROOT / "examples/datasets", ROOT.parent / "shared/cases/formats"
_PROGRAMS = ("-samples", "-rollouts", "-subs")
_LACKING = {"code_contests_plus": testlib.missing()} if testlib.missing() else {}
"""What cannot be judged here, and why."""


class Form(NamedTuple):
    """A file, and the one of its programs."""

    file: Path
    programs: Path | None

    @property
    def lacks(self) -> str | None:
        return _LACKING.get(self.file.stem)

    @property
    def rows(self) -> list[dict[str, Any]]:
        text = self.file.read_text()
        return json.loads(text) if self.file.suffix == ".json" else [json.loads(each) for each in text.splitlines()]


def _forms() -> dict[str, Form]:
    found: dict[str, Form] = {}
    for folder in (EXAMPLES, CASES):
        files = sorted(folder.glob("*.json*")) if folder.is_dir() else []
        for file in files:
            if file.stem.endswith(_PROGRAMS):
                continue
            apart = (folder / f"{file.stem}{end}.jsonl" for end in _PROGRAMS)
            found[f"{folder.parent.name}/{file.stem}"] = Form(file, next(filter(Path.is_file, apart), None))
    return found | {"ours": Form(ROOT / "examples/demo.jsonl", None)}


FORMS = _forms()
"""By name; rows of some of them are refused."""


def read(form: Form, number: int, row: dict[str, Any]) -> tuple[Problem, list[Submission]] | BadRow:
    """As from its file, with a right and a wrong program, as far as there are any; or why it is refused."""
    try:
        problem = RowReader().read(Row(form.file, number, json.dumps(row).encode())).problem
    except BadRow as error:
        return error
    named: dict[tuple[str, bool], Submission] = {}
    for files in ([form.programs] if form.programs else [], []):
        for each, program in Rows([form.file], files, skip_bad=True):
            if program.accept is not None and _runs(program.language):
                named.setdefault((each.problem_id, program.accept), program)
    return problem, [program for (name, _), program in named.items() if name == problem.problem_id]


def _runs(language: str) -> bool:
    return language not in LANGUAGES or LANGUAGES[language].missing() is None
