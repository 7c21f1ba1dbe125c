"""A program to judge, with its label when the truth is known."""

from __future__ import annotations

import hashlib

import msgspec

from ..sandbox.languages import NAMES
from ..sandbox.names import check_names
from ..sandbox.validated import Validated
from .extract import Found
from .problem import Name


class Submission(Validated, frozen=True, kw_only=True):
    """A program for one problem. Rows of data sets may carry more fields; they are left alone."""

    code: str | None
    """Source text. None, or only white space: there was no program; the verdict is no_code."""
    name: Name | None = None
    language: Name = "python"
    files: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    """Name and text of files beside the source, which is where the program begins: Python modules, headers, further
    sources, which are compiled with it."""
    accept: bool | None = None
    """Label: whether the program is right. None: unknown."""
    verdict: str | None = None
    """The publisher's own label, for reading; only ``accept`` is scored."""
    found: Found | None = None
    """How the program was found, when it was extracted from a completion."""
    timing_sensitive: bool = False
    """The label depends on the speed of the machine; counted apart."""

    @classmethod
    def of(cls, program: Submission | str) -> Submission:
        """Raises ValueError for a language that is not known, or a file in another folder."""
        submission = cls(code=program) if isinstance(program, str) else program
        if submission.language not in NAMES:
            raise ValueError(f"language: unknown language {submission.language!r}; known are {', '.join(NAMES)}")
        if submission.files:
            check_names(submission.files, "files")
        return submission

    @property
    def characters(self) -> int:
        """Of the source and of the names and texts of its files."""
        return len(self.code or "") + sum(len(name) + len(text) for name, text in self.files.items())

    def fingerprint(self, *about: bytes) -> bytes:
        """SHA-256 of all that a judge looks at, and of what else its verdict depends on."""
        code = "\0" if self.code is None else self.code
        texts = self.language, code, *(part for file in sorted(self.files.items()) for part in file)
        known = hashlib.sha256()
        for part in (*about, *(text.encode("utf-8", "surrogatepass") for text in texts)):
            known.update(b"%d:" % len(part))
            known.update(part)
        return known.digest()
