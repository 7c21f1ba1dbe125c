"""Programs with what their problem includes: files beside them, or a grader in which they begin and that calls them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..sandbox.languages import NAMES
from .problem import Included
from .submission import Submission

_FAMILY = {name: "cpp" for name in NAMES if name.startswith("cpp")} | {"pypy": "python"}
_ANY_NAME = {"c": "program.c", "cpp": "program.cpp", "go": "program.go", "java": "Program.java"}
"""Where files are compiled whatever they are called."""


def with_included(submission: Submission, include: Mapping[str, Included]) -> Submission | str:
    """The program that runs. Or why there is none, which is no fault of the submission."""
    language = submission.language
    family = _FAMILY.get(language, language)
    included = include.get(language) or include.get(family)
    if included is None:
        return submission
    code = submission.code or ""
    if included.main is None:
        own = {included.program: code} if included.program is not None else {}
        return msgspec.structs.replace(submission, files={**submission.files, **own, **included.files})
    name = included.program or _ANY_NAME.get(family)
    if name is None:
        return f"include: {included.main} finds a program in {language} by its name, but the problem does not say which"
    beside = {file: text for file, text in included.files.items() if file != included.main}
    files = {**submission.files, name: code, **beside}
    return msgspec.structs.replace(submission, code=included.files[included.main], files=files)
