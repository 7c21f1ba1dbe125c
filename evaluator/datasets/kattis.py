"""Kattis problem packages: a directory with problem.yaml, tests, validators and labelled programs.

Reads the legacy format and those named 2023-07 and 2025-09. Not supported, and said so: interactive, multi-pass and
submit-answer problems, and command line arguments for tests.

Nothing outside of the package is read, wherever a link leads, and no more of it than `PACKAGE` bytes.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import yaml

from ...sandbox.limits import MIB
from ..problem import Checker, Group, Problem, TestCase
from ..submission import Submission
from .base import BadRow, Example, Format, Row, Unusable, as_list, as_object, explain, make_problem
from .kattis_groups import GroupSettings, groups
from .source import Source

PACKAGE = 1 << 30
TEXT = 1 << 20
"""Bytes of problem.yaml and the like, of a statement, of a program."""

LANGUAGES = {
    ".py": "python",
    ".py2": "python2",
    ".py3": "python",
    ".cpp": "cpp",
    ".cc": "cpp",
    ".cxx": "cpp",
    ".c++": "cpp",
    ".C": "cpp",
    ".c": "c",
    ".java": "java",
    ".rs": "rust",
    ".go": "go",
    ".js": "javascript",
    ".kt": "kotlin",
    ".hs": "haskell",
    ".cs": "csharp",
    ".rb": "ruby",
    ".pas": "pascal",
    ".ml": "ocaml",
    ".scala": "scala",
    ".php": "php",
    ".lisp": "lisp",
    ".pl": "prolog",
}
_PYTHON2 = re.compile(r"\A#!.*python2|^[ \t]*print[ \t]+[\"'\w]", re.MULTILINE)

_LABELS: dict[str, tuple[bool, str]] = {
    "accepted": (True, "AC"),
    "slow_accepted": (True, "AC"),
    "wrong_answer": (False, "WA"),
    "run_time_error": (False, "RTE"),
    "runtime_error": (False, "RTE"),
    "time_limit_exceeded": (False, "TLE"),
    "memory_limit_exceeded": (False, "MLE"),
    "output_limit_exceeded": (False, "OLE"),
    "partially_accepted": (False, "PARTIAL"),
    "rejected": (False, "REJECTED"),
}
_ENTRIES = ("__main__.py", "main.py", "Main.java")
"""Where a program of several files begins, whatever the others hold."""
_OF_SEVERAL_FILES = ("python", "cpp", "c", "java")
_BY_SPEED = ("slow_accepted", "time_limit_exceeded")
_SCORING = "scoring"
_TYPES = ("pass-fail", _SCORING)


class _Limits(msgspec.Struct):
    time_limit: float | None = None
    memory: float | None = None
    output: float | None = None
    compilation_time: float | None = None
    validation_time: float | None = None
    validation_memory: float | None = None


class _Grading(msgspec.Struct):
    """What once stood here instead of in the groups, and what is best."""

    objective: str = "max"
    accept_score: float | None = None
    reject_score: float | None = None
    on_reject: str | None = None

    @property
    def usual(self) -> bool:
        return self == _Grading()


class _Settings(msgspec.Struct):
    """problem.yaml, as far as it matters here."""

    problem_format_version: str = "legacy"
    type: str | list[str] | None = None
    name: str | dict[str, str] | None = None
    source: Any = None
    validation: str | None = None
    validator_flags: str | list[str] | None = None
    limits: _Limits | None = None
    grading: _Grading | None = None

    @property
    def legacy(self) -> bool:
        return self.problem_format_version.startswith("legacy")

    @property
    def kinds(self) -> list[str]:
        given = self.type if isinstance(self.type, list) else [self.type or _TYPES[0]]
        return [word for kind in given for word in kind.split()]


class PackageSource(Source):
    """One problem."""

    def __init__(self, path: Path, name: str | None = None) -> None:
        super().__init__(path, sum(_sizes(path)))
        self.name = name or path.resolve().name
        self.format = Kattis()

    @property
    def done(self) -> float:
        return 0

    def rows(self) -> Generator[tuple[int, str]]:
        yield 0, self.name


def is_package(path: Path) -> bool:
    return (path / "problem.yaml").is_file() or (path / "domjudge-problem.ini").is_file()


class Kattis(Format[str]):
    name: ClassVar[str] = "kattis"
    row: ClassVar[type[str]] = str

    def recognises(self, names: Set[str]) -> bool:
        return False

    def example(self, row: str, fallback_id: str) -> Example:
        raise NotImplementedError

    def read(self, row: Row) -> Example:
        package = _Package(row.path)
        try:
            return Example(package.problem(row.content), package.programs(row.place))
        except Unusable as error:
            raise BadRow(row.place, error.field, error.reason, error.value) from None
        except msgspec.ValidationError as error:
            raise explain(error, None, row.place) from None


class _Package:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = path.resolve()
        self._left = PACKAGE
        self._groups: dict[str, GroupSettings] = {}
        """Of the directories below data, by their path there."""

    # -- the problem

    def problem(self, problem_id: str) -> Problem:
        settings = self._settings("problem.yaml", _Settings)
        _check_type(settings)
        given = _words(settings.validator_flags)
        tests, flags = self._tests(given)
        limits = settings.limits or _Limits()
        statement = self._statement()
        return make_problem(
            problem_id=problem_id,
            tests=tests,
            time_limit=limits.time_limit or self._time_limit(),
            limits=_converted(
                memory=limits.memory and int(limits.memory * MIB),
                output=limits.output and int(limits.output * MIB),
                compile_time=limits.compilation_time,
            ),
            checker=self._checker(settings, flags, limits),
            groups=self._worth(settings, tests),
            title=_in_english(settings.name) or _title(statement),
            statement=statement,
            source=_source(settings.source),
        )

    def _time_limit(self) -> float | None:
        """As other tools keep it."""
        if text := self._optional(".timelimit"):
            return _seconds(".timelimit", text)
        ini = self._optional("domjudge-problem.ini") or ""
        if found := re.search(r"^\s*timelimit\s*=\s*['\"]?([^'\"\s]+)", ini, re.MULTILINE):
            return _seconds("domjudge-problem.ini: timelimit", found[1])
        return None

    def _checker(self, settings: _Settings, flags: str, limits: _Limits) -> Checker:
        asked = (settings.validation or "").startswith("custom")
        folders = [self.path / name for name in ("output_validator", "output_validators")]
        folder = next((folder for folder in folders if folder.is_dir()), None)
        # The legacy format asks for it in problem.yaml; since then it is enough that the directory is there.
        if not asked and (folder is None or settings.legacy):
            return Checker(type="kattis", flags=flags)
        if folder is None:
            raise Unusable("validation", "custom, but there is no directory output_validators", settings.validation)
        language, source, files = self._program(folder)
        own = _converted(
            cpu_time=limits.validation_time,
            memory=limits.validation_memory and int(limits.validation_memory * MIB),
        )
        return msgspec.convert(
            {"type": "validator", "flags": flags, "language": language, "source": source, "files": files}
            | ({"limits": own} if own else {}),
            Checker,
        )

    def _program(self, folder: Path) -> tuple[str, str, dict[str, str]]:
        """Language, source and further files of the one program in a directory, or in the one directory within."""
        entries = [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]
        sources = [entry for entry in entries if entry.suffix in LANGUAGES and not entry.is_dir()]
        folders = [entry for entry in entries if entry.is_dir()]
        if not sources and len(folders) == 1:
            return self._program(folders[0])
        main = [entry for entry in sources if entry.name in _ENTRIES] or sources
        if len(main) > 1:
            main = [entry for entry in sources if _is_main(self._text(entry))]
        if len(main) != 1 or folders:
            found = ", ".join(self._relative(entry) for entry in (*(main or sources), *folders))
            raise Unusable(self._relative(folder), "must hold one program", found)
        language = LANGUAGES[main[0].suffix]
        others = {LANGUAGES[entry.suffix] for entry in sources} - {language}
        if others - {"c"}:
            raise Unusable(
                self._relative(folder), "programs in two languages are not supported", ", ".join(sorted(others))
            )
        files = {entry.name: self._text(entry) for entry in entries if entry != main[0] and _is_text(entry)}
        return LANGUAGES[main[0].suffix], self._text(main[0]), files

    def _statement(self) -> str | None:
        for folder in ("statement", "problem_statement"):
            found = [path for kind in ("md", "tex") for path in sorted((self.path / folder).glob(f"problem*.{kind}"))]
            if found:
                return self._text(next((path for path in found if ".en." in path.name), found[0]))
        return None

    # -- the tests

    def _tests(self, given: str) -> tuple[tuple[TestCase, ...], str]:
        """Samples first; and the flags of the validator, those of most tests. The other tests have their own."""
        found: list[tuple[TestCase, str]] = []
        for name in ("sample", "secret"):
            folder = self.path / "data" / name
            if folder.is_dir():
                inherited = self._group(self.path / "data", GroupSettings())
                found += ((test, f"{given} {words}".strip()) for test, words in self._folder(folder, inherited))
        if not found:
            raise Unusable("data", "holds no tests: no .in files in data/sample and data/secret")
        [(most, _)] = Counter(flags for _, flags in found).most_common(1)
        tests = (test if flags == most else msgspec.structs.replace(test, flags=flags) for test, flags in found)
        return tuple(tests), most

    def _worth(self, settings: _Settings, tests: Sequence[TestCase]) -> dict[str, Group]:
        """Groups that are worth points."""
        scores = "score" in (settings.validation or "").split()
        if _SCORING not in settings.kinds or scores or not (settings.grading or _Grading()).usual:
            return {}
        return groups(settings.legacy, self._groups, Counter(str(test.group) for test in tests))

    def _folder(self, folder: Path, inherited: GroupSettings) -> Iterator[tuple[TestCase, str]]:
        group = self._group(folder, inherited)
        name = folder.relative_to(self.path / "data").as_posix()
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                self._check_inside(path)
                yield from self._folder(path, group)
            elif path.suffix == ".in":
                own = self._group_file(path.with_suffix(".yaml"), group)
                if own.args or path.with_suffix(".args").exists():
                    raise Unusable(self._relative(path), "the test has command line arguments, not supported")
                answer = path.with_suffix(".ans")
                test = TestCase(input=self._data(path), output=self._data(answer), group=name)
                yield test, _words(own.output_validator_flags) or _words(own.output_validator_args)

    def _group(self, folder: Path, inherited: GroupSettings) -> GroupSettings:
        group = GroupSettings().within(inherited)
        for name in ("testdata.yaml", "test_group.yaml"):
            group = self._group_file(folder / name, group)
        self._groups[folder.relative_to(self.path / "data").as_posix()] = group
        return group

    def _group_file(self, path: Path, inherited: GroupSettings) -> GroupSettings:
        if not path.is_file():
            return inherited
        own: GroupSettings = self._settings(self._relative(path), GroupSettings)
        return own.within(inherited)

    # -- the programs

    def programs(self, place: tuple[Path, int]) -> Iterator[Submission | BadRow]:
        folder = self.path / "submissions"
        if not folder.is_dir():
            return
        for entry in sorted(folder.iterdir()):
            label = entry.name if entry.is_dir() else None
            for path in sorted(entry.iterdir()) if entry.is_dir() else [entry]:
                try:
                    submission = self._submission(path, label)
                except Unusable as error:
                    yield BadRow(place, error.field, error.reason, error.value)
                else:
                    if submission:
                        yield submission

    def _submission(self, path: Path, label: str | None) -> Submission | None:
        if path.is_dir():
            if not any(entry.suffix in LANGUAGES for entry in path.iterdir()):
                return None
            language, code, files = self._program(path)
            if files and language not in _OF_SEVERAL_FILES:
                reason = f"programs of several files are supported in {', '.join(_OF_SEVERAL_FILES)}"
                raise Unusable(self._relative(path), reason, ", ".join(files))
        else:
            files = {}
            language = LANGUAGES.get(path.suffix, "")
            if not language:  # notes, build files
                return None
            code = self._text(path)
        if language == "python" and _PYTHON2.search(code):
            language = "python2"
        accept, verdict = _LABELS.get(label or "", (None, None))
        name = path.relative_to(self.path / "submissions").as_posix()
        return Submission(
            code=code,
            name=name,
            language=language,
            files=files,
            accept=accept,
            verdict=verdict,
            timing_sensitive=label in _BY_SPEED,
        )

    # -- files

    def _settings(self, name: str, kind: type[Any]) -> Any:
        text = self._optional(name) or ""
        try:
            return msgspec.convert(yaml.load(text, _Loader) or {}, kind, strict=False)
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            if isinstance(error, msgspec.ValidationError):
                found = explain(error, None, (self.path, 0))
                raise Unusable(f"{name}: {found.field}", found.reason) from None
            raise Unusable(name, "not YAML that can be read: " + " ".join(str(error).split())) from None

    def _optional(self, name: str) -> str | None:
        path = self.path / name
        return self._text(path) if path.is_file() else None

    def _text(self, path: Path) -> str:
        return self._data(path, TEXT)

    def _data(self, path: Path, most: int = PACKAGE) -> str:
        """A file of the package. Raises Unusable, with the file as the field."""
        name = self._relative(path)
        try:
            self._check_inside(path)
            with open(path, "rb", opener=_without_waiting) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise Unusable(name, "not a file")
                content = file.read(min(most, self._left) + 1)
        except FileNotFoundError:
            reason = "a link that leads nowhere" if path.is_symlink() else "missing"
            raise Unusable(name, reason) from None
        except OSError as error:
            raise Unusable(name, error.strerror or str(error)) from None
        if len(content) > most:
            raise Unusable(name, f"larger than {most >> 20} MiB")
        self._left -= len(content)
        if self._left < 0:
            raise Unusable(name, f"the files of the package are larger than {PACKAGE >> 20} MiB together")
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise Unusable(name, f"not UTF-8: {error.reason} at byte {error.start}") from None

    def _check_inside(self, path: Path) -> None:
        if not path.resolve().is_relative_to(self._root):
            raise Unusable(self._relative(path), "a link that leads out of the package")

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.path).as_posix()


class _Loader(yaml.SafeLoader):
    """Without aliases, which let a small file stand for a huge one."""

    def compose_node(self, parent: Any, index: int) -> Any:
        if self.check_event(yaml.AliasEvent):  # pyright: ignore[reportUnknownMemberType]
            raise yaml.YAMLError("aliases are not supported")
        return super().compose_node(parent, index)


def _check_type(settings: _Settings) -> None:
    for kind in settings.kinds:
        if kind not in _TYPES:
            raise Unusable("type", f"not supported; supported: {', '.join(_TYPES)}", kind)
    if "interactive" in (settings.validation or "").split():
        raise Unusable("validation", "interactive problems are not supported", settings.validation)


def _sizes(folder: Path) -> Iterator[int]:
    for place, _, names in os.walk(folder / "data"):
        for name in names:
            yield os.lstat(os.path.join(place, name)).st_size


def _without_waiting(path: str, flags: int) -> int:
    """A pipe has nothing for us, and is no file anyway."""
    return os.open(path, flags | os.O_NONBLOCK)


def _is_main(source: str) -> bool:
    return re.search(r"\bmain\s*\(|__main__|\bfn main\b", source) is not None


def _is_text(path: Path) -> bool:
    return path.is_file() and path.suffix not in (".o", ".class", ".pyc", ".exe", ".out", "")


def _converted(**limits: float | None) -> dict[str, float]:
    return {name: value for name, value in limits.items() if value is not None}


def _words(flags: str | list[str] | None) -> str:
    return " ".join(flags.split() if isinstance(flags, str) else flags or [])


def _seconds(field: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Unusable(field, "not a number of seconds", text.strip()) from None


def _in_english(name: str | Mapping[str, str] | None) -> str | None:
    if isinstance(name, Mapping):
        return name.get("en") or next(iter(name.values()), None)
    return name


def _title(statement: str | None) -> str | None:
    """As it stands in TeX, where problem.yaml of old packages has none."""
    found = re.search(r"\\problemname\{([^{}\n]*)\}", statement or "")
    return found[1].strip() or None if found else None


def _source(source: Any) -> str | None:
    several = as_list(source)
    first = (several or [None])[0] if several is not None else source
    name = (as_object(first) or {"name": first}).get("name")
    return None if name is None else str(name)
