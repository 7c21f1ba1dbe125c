"""Kattis problem packages: a directory with problem.yaml, tests, validators and labelled programs.

Reads the legacy format (with its ICPC subset) and those named 2023-07 and 2025-09. What could change a verdict and is
not read is refused by name: interactive, multi-pass and submit-answer problems, arguments and files for tests, graders
and static validators that decide, keys that the format does not have.

Nothing outside of the package and of the repository that it lies in is read, wherever a link leads, and no more than
`kattis_folder.PACKAGE` bytes.
"""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from ...sandbox.languages import NAMES
from ...sandbox.limits import MIB
from ..problem import Checker, Group, Problem, TestCase
from ..submission import Submission
from .base import BadRow, Example, Format, Public, Row, Unusable, as_list, as_object, explain, make_problem
from .kattis_folder import Folder
from .kattis_groups import GroupSettings, TestSettings, groups
from .kattis_labels import Labels
from .kattis_programs import Programs
from .misspelt import meant
from .source import Source

_SCORING = "scoring"
_TYPES = ("pass-fail", _SCORING)
_VERSION = re.compile(r"legacy(-icpc)?|icpc|(2023-07|2025-09)(-draft)?|draft")
_READ = ("data", "include", "submissions", "output_validator", "output_validators")
"""Directories that decide verdicts."""
_UNREAD = (
    *("attachments", "generators", "graders", "input_format_validators", "input_validators", "input_visualizer"),
    *("output_visualizer", "problem_statement", "solution", "statement", "test_case_visualizer"),
)
_DECIDING = ("static_validator", "static_validators")
_TESTS = ("sample", "secret")
_NO_TESTS = (
    "bad",
    *(
        f"{kind}_{of}"
        for kind in ("invalid", "valid")
        for of in ("input", "inputs", "output", "outputs", "answer", "answers")
    ),
)
"""Directories of data for validators, not for programs."""
_GROUP_FILES = ("testdata.yaml", "test_group.yaml")
_SETTINGS = (".yaml", ".yml")
_ARCHIVES = (".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".tar", ".tgz", ".rar")
CODE = 128
"""KiB that a program may have in any case; a package that allows less is refused."""


class _Limits(msgspec.Struct):
    time_limit: float | None = None
    memory: float | None = None
    output: float | None = None
    compilation_time: float | None = None
    validation_time: float | None = None
    validation_memory: float | None = None
    code: float | None = None
    UNREAD = (
        *("time_multiplier", "time_safety_margin", "time_multipliers", "time_resolution", "compilation_memory"),
        *("validation_output", "validation_passes"),
    )


class _Grading(msgspec.Struct):
    """What once stood here instead of in the groups, and what is best."""

    objective: str = "max"
    accept_score: float | None = None
    reject_score: float | None = None
    on_reject: str | None = None
    UNREAD = ("range", "show_test_data_groups")

    @property
    def usual(self) -> bool:
        return self == _Grading()


class _Settings(msgspec.Struct):
    """problem.yaml."""

    problem_format_version: str = "legacy"
    type: str | list[str] | None = None
    name: str | dict[str, str] | None = None
    source: Any = None
    validation: str | None = None
    validator_flags: str | list[str] | None = None
    limits: _Limits | None = None
    grading: _Grading | None = None
    constants: dict[str, Any] | None = None
    UNREAD = (
        *("uuid", "version", "author", "credits", "source_url", "license", "rights_owner", "embargo_until", "keywords"),
        *("languages", "libraries", "allow_file_writing"),
    )

    @property
    def legacy(self) -> bool:
        return self.problem_format_version in ("legacy", "legacy-icpc", "icpc")

    @property
    def kinds(self) -> list[str]:
        given = self.type if isinstance(self.type, list) else [self.type or _TYPES[0]]
        return [word for kind in given for word in kind.split()]


class PackageSource(Source):
    """One problem."""

    def __init__(self, path: Path, name: str | None = None, within: Path | None = None) -> None:
        """``within``: the directory that was named, where the package lies in one."""
        super().__init__(path, sum(_sizes(path)))
        self.name = name or path.resolve().name
        self.format = Kattis(within)

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
    public: ClassVar[tuple[Public, ...]] = (
        Public("Kattis problem packages", "kattis", "stdio, some with a validator", "right and wrong ones"),
    )

    def __init__(self, within: Path | None = None) -> None:
        self._within = within

    def example(self, row: str, fallback_id: str) -> Example:
        raise NotImplementedError

    def read(self, row: Row) -> Example:
        package = _Package(Folder(row.path, self._within))
        try:
            return Example(package.problem(row.content), package.programs(row.place))
        except Unusable as error:
            raise BadRow(row.place, error.field, error.reason, error.value) from None
        except msgspec.ValidationError as error:
            raise explain(error, None, row.place) from None


class _Package:
    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._programs = Programs(folder)
        self._groups: dict[str, GroupSettings] = {}
        """Of the directories below data, by their path there."""

    # -- the problem

    def problem(self, problem_id: str) -> Problem:
        settings = self._folder.settings("problem.yaml", _Settings)
        _check_type(settings)
        self._check_directories()
        self._folder.constants = settings.constants or {}
        given = _words(settings.validator_flags)
        tests, flags = self._tests(given)
        if _SCORING not in settings.kinds:
            self._check_grading()
        limits = settings.limits or _Limits()
        if limits.code is not None and limits.code < CODE:
            raise Unusable("problem.yaml: limits.code", "a limit on the size of programs is not supported", limits.code)
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
            include={name: each for name, each in self._programs.included.items() if name in NAMES},
            groups=self._worth(settings, tests),
            title=_in_english(settings.name) or _title(statement),
            statement=statement,
            source=_source(settings.source),
        )

    def _check_directories(self) -> None:
        for entry in self._folder.entries(self._folder.path):
            if not entry.is_dir() or entry.name in (*_READ, *_UNREAD):
                continue
            if entry.name in _DECIDING:
                raise Unusable(entry.name, "static validators are not supported")
            if near := meant(entry.name, list(_READ)):
                raise Unusable(entry.name, f"there is no such directory in a package; did you mean {near}?")

    def _check_grading(self) -> None:
        """Of a pass-fail problem, whose programs have to pass all tests."""
        for name, group in self._groups.items():
            if group.grading == "custom":
                raise Unusable(f"data/{name}", "a grader that decides is not supported", "grading: custom")
            if "accept_if_any_accepted" in (group.grader_flags or "").split():
                raise Unusable(f"data/{name}", "groups that accept some failures are not supported", group.grader_flags)

    def _time_limit(self) -> float | None:
        """As other tools keep it."""
        if text := self._folder.optional(".timelimit"):
            return _seconds(".timelimit", text)
        ini = self._folder.optional("domjudge-problem.ini") or ""
        if found := re.search(r"^\s*(special_\w+)\s*=", ini, re.MULTILINE):
            reason = "programs that a server has are not supported; put the validator into the package"
            raise Unusable(f"domjudge-problem.ini: {found[1]}", reason)
        if found := re.search(r"^\s*timelimit\s*=\s*['\"]?([^'\"\s]+)", ini, re.MULTILINE):
            return _seconds("domjudge-problem.ini: timelimit", found[1])
        return None

    def _checker(self, settings: _Settings, flags: str, limits: _Limits) -> Checker:
        asked = (settings.validation or "").startswith("custom")
        places = [self._folder.path / name for name in ("output_validator", "output_validators")]
        place = next((place for place in places if place.is_dir()), None)
        # The legacy format asks for it in problem.yaml; since then it is enough that the directory is there.
        if not asked and (place is None or settings.legacy):
            return Checker(type="kattis", flags=flags)
        if place is None:
            raise Unusable("validation", "custom, but there is no directory output_validators", settings.validation)
        language, source, files = self._programs.validator(place)
        own = _converted(
            cpu_time=limits.validation_time,
            memory=limits.validation_memory and int(limits.validation_memory * MIB),
        )
        return msgspec.convert(
            {"type": "validator", "flags": flags, "language": language, "source": source, "files": files}
            | ({"limits": own} if own else {}),
            Checker,
        )

    def _statement(self) -> str | None:
        for name in ("statement", "problem_statement"):
            folder = self._folder.path / name
            found = [path for kind in ("md", "tex") for path in sorted(folder.glob(f"problem*.{kind}"))]
            if found:
                return self._folder.source(next((path for path in found if ".en." in path.name), found[0]))
        return None

    # -- the tests

    def _tests(self, given: str) -> tuple[tuple[TestCase, ...], str]:
        """Samples first; and the flags of the validator, those of most tests. The other tests have their own."""
        data = self._folder.path / "data"
        for entry in self._folder.entries(data) if data.is_dir() else []:
            if entry.suffix.lower() in (".in", ".ans"):
                raise Unusable(self._folder.relative(entry), "lies in neither data/sample nor data/secret")
            if entry.is_dir() and entry.name not in (*_TESTS, *_NO_TESTS):
                raise Unusable(self._folder.relative(entry), "a directory that the format does not have")
        found: list[tuple[TestCase, str]] = []
        for name in _TESTS:
            if (data / name).is_dir():
                inherited = self._group(data, GroupSettings())
                found += ((test, f"{given} {words}".strip()) for test, words in self._in_folder(data / name, inherited))
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

    def _in_folder(self, folder: Path, inherited: GroupSettings) -> Iterator[tuple[TestCase, str]]:
        group = self._group(folder, inherited)
        name = folder.relative_to(self._folder.path / "data").as_posix()
        entries = self._folder.entries(folder)
        tests = {entry.stem for entry in entries if entry.suffix == ".in"}
        for path in entries:
            if path.suffix == ".in":
                yield self._test(path, name, group)
            elif path.is_dir() and path.suffix != ".files":
                yield from self._in_folder(path, group)
            else:
                self._check_beside(path, tests)

    def _test(self, path: Path, group: str, settings: GroupSettings) -> tuple[TestCase, str]:
        own = path.with_suffix(".yaml")
        if own.is_file():
            name = self._folder.relative(own)
            settings = settings.around(self._folder.settings(name, TestSettings, constants=True))
        if settings.args or path.with_suffix(".args").exists():
            raise Unusable(self._folder.relative(path), "the test has command line arguments, not supported")
        test = TestCase(input=self._folder.data(path), output=self._folder.data(path.with_suffix(".ans")), group=group)
        return test, settings.flags

    def _check_beside(self, path: Path, tests: Set[str]) -> None:
        """Of what is no input in a folder of tests: that no test is lost with it."""
        name = self._folder.relative(path)
        if path.suffix == ".files":
            raise Unusable(name, "files for a test are not supported")
        if path.suffix == ".ans" and path.stem not in tests:
            raise Unusable(name, f"there is no {path.stem}.in: an answer without a test")
        if (
            path.suffix in _SETTINGS
            and path.name not in _GROUP_FILES
            and (path.suffix == ".yml" or path.stem not in tests)
        ):
            raise Unusable(name, "settings of nothing: they are testdata.yaml, test_group.yaml, or those of a test")
        if path.suffix.lower() in _ARCHIVES:
            raise Unusable(name, "an archive, in which there may be tests: unpack it")
        if path.suffix.lower() in (".in", ".ans") and path.suffix not in (".in", ".ans"):
            raise Unusable(name, "the ending of a test is .in, that of its answer .ans")

    def _group(self, folder: Path, inherited: GroupSettings) -> GroupSettings:
        group = inherited.around(GroupSettings())
        for name in _GROUP_FILES:
            path = folder / name
            if path.is_file():
                own = self._folder.settings(self._folder.relative(path), GroupSettings, constants=True)
                if own.static_validation_score is not None or own.static_validation not in (None, False):
                    raise Unusable(self._folder.relative(path), "static validators are not supported")
                group = group.around(own)
        self._groups[folder.relative_to(self._folder.path / "data").as_posix()] = group
        return group

    # -- the programs

    def programs(self, place: tuple[Path, int]) -> Iterator[Submission | BadRow]:
        folder = self._folder.path / "submissions"
        if not folder.is_dir():
            return
        try:
            labels = Labels.read(self._folder)
            found = [
                path
                for entry in self._folder.entries(folder)
                for path in (self._folder.entries(entry) if entry.is_dir() else [entry])
            ]
        except Unusable as error:
            yield BadRow(place, error.field, error.reason, error.value)
            return
        for path in found:
            try:
                submission = self._submission(path, labels)
            except Unusable as error:
                yield BadRow(place, error.field, error.reason, error.value)
            else:
                if submission:
                    yield submission

    def _submission(self, path: Path, labels: Labels) -> Submission | None:
        name = path.relative_to(self._folder.path / "submissions").as_posix()
        label = labels.of(name)
        source = self._programs.submission(path, label.language, label.entry)
        if source is None:
            return None
        return Submission(
            code=source.code,
            name=name,
            language=source.language,
            files=source.files,
            accept=label.accept,
            verdict=label.verdict,
            timing_sensitive=label.timing_sensitive,
        )


def _check_type(settings: _Settings) -> None:
    version = settings.problem_format_version
    if not _VERSION.fullmatch(version):
        raise Unusable("problem_format_version", "not known; known: legacy, legacy-icpc, 2023-07, 2025-09", version)
    for kind in settings.kinds:
        if kind not in _TYPES:
            raise Unusable("type", f"not supported; supported: {', '.join(_TYPES)}", kind)
    first, *others = (settings.validation or "default").split() or ["default"]
    if "interactive" in others:
        raise Unusable("validation", "interactive problems are not supported", settings.validation)
    if first not in ("default", "custom") or set(others) - {"score"}:
        raise Unusable("validation", "not supported; supported: default, custom, custom score", settings.validation)


def _sizes(folder: Path) -> Iterator[int]:
    for place, _, names in os.walk(folder / "data"):
        for name in names:
            yield os.lstat(os.path.join(place, name)).st_size


def _converted(**limits: float | None) -> dict[str, float]:
    return {name: value for name, value in limits.items() if value is not None}


def _words(flags: str | list[str] | None) -> str:
    return " ".join(flags.split()) if isinstance(flags, str) else shlex.join(flags or [])


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
