"""Languages, by the words that rows have for them."""

from __future__ import annotations

from ...sandbox.languages import NAMES, TAGS
from .base import Unusable
from .cases import Cases

_KNOWN = (
    {tag: name for name in reversed(NAMES) for tag in TAGS[name]}
    | dict.fromkeys((*TAGS["python"], "python3", "py3"), "python")
    | {name: name for name in NAMES}
)


def named(language: str) -> str:
    """Our name of it: "PYTHON" and "python3" are "python", "C++" is "cpp". One that is not known stays as it is."""
    return _KNOWN.get(language.lower(), language)


def check_language(cases: Cases, language: str, field: str) -> None:
    """Raises Unusable for a language that is not known, and for tests of functions in one that is not Python."""
    if named(language) not in NAMES:
        raise Unusable(field, f"not supported; known: {', '.join(NAMES)}", language)
    if cases.mode != "stdio" and named(language) != "python":
        raise not_python(field, language, language)


def not_python(field: str, language: str, value: str) -> Unusable:
    """What to say of tests in another language."""
    reason = "its tests are {}, not Python: in other languages programs are judged on standard input and output"
    return Unusable(field, reason.format(language), value)
