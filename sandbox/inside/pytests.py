"""pytest, made ready ahead: its configuration costs ten times as much as a test.

A session belongs to one text. Whoever forks processes for tests makes one ready beforehand (`prepare`); a process that
has none makes one when it is needed. Nothing is read for it: no file of configuration, no conftest, no plugin but those
that pytest has itself, no variable of the environment.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, cast

import pytest
from _pytest.config import get_config

from .suite import MODULE, Outcome, outcome_of, words_of

if TYPE_CHECKING:
    from .suite import Suite, Tally

WITHOUT = (
    "cacheprovider", "doctest", "faulthandler", "junitxml", "pastebin", "setuponly", "setupplan", "stepwise",
    "terminal", "threadexception", "unraisableexception",
)  # fmt: skip
"""Plugins of pytest that only report, or remember."""
ARGUMENTS = [
    "-s", "--assert=plain", "--noconftest", "-c", os.devnull, "--rootdir=/", "--disable-plugin-autoload",
    *(word for name in WITHOUT for word in ("-p", f"no:{name}")),
]  # fmt: skip
VARIABLES = "PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DEBUG"


def prepare() -> None:
    """Have a session for the next text of this process, or of those forked from it."""
    if not _ready:
        _ready.append(_Session())


def run(suite: Suite, tally: Tally, done: Callable[[], bool]) -> None:
    prepare()
    _ready.pop().run(suite, tally, done)


class _Module(pytest.Module):
    """A text that has been executed already."""

    made: ModuleType

    def _getobj(self) -> ModuleType:
        return self.made


class _Session:
    def __init__(self) -> None:
        for name in VARIABLES:
            os.environ.pop(name, None)
        config = get_config(ARGUMENTS)
        config.pluginmanager.register(self)
        self._config = config.pluginmanager.hook.pytest_cmdline_parse(
            pluginmanager=config.pluginmanager, args=ARGUMENTS
        )
        self._session = pytest.Session.from_config(self._config)
        self._config._do_configure()
        self._config.hook.pytest_sessionstart(session=self._session)
        self._names: dict[str, tuple[str, str]] = {}
        """By pytest's name of a test: function, and the name of its parameters."""

    def run(self, suite: Suite, tally: Tally, done: Callable[[], bool]) -> None:
        self._suite, self._tally = suite, tally
        if suite.uses_asyncio and "pytest_asyncio" in sys.modules:
            self._config.pluginmanager.import_plugin("pytest_asyncio.plugin")
        module: _Module = cast("Any", _Module).from_parent(self._session, path=Path(f"/{MODULE}.py"))
        module.made = suite.module
        items: list[pytest.Item] = []
        # Fixtures are looked for in what the module lists. What is the program's would be asked for each of its names.
        suite.module.__dict__["__dir__"] = lambda: vars(suite.module).keys() - suite.of_program
        for name, item in self._gather(module, ""):
            if tally.wants(name):
                self._names[item.nodeid] = name, item.name[len(name.rpartition(".")[2]) :]
                items.append(item)
        del suite.module.__dict__["__dir__"]
        self._session.items = items
        self._config.hook.pytest_collection_modifyitems(session=self._session, config=self._config, items=items)
        for place, item in enumerate(items):
            following = items[place + 1] if place + 1 < len(items) else None
            try:
                item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            except BaseException as error:  # what ends a session: pytest.exit, KeyboardInterrupt
                outcome: Outcome = "exited" if isinstance(error, pytest.exit.Exception) else "failed"
                tally.add(self._names[item.nodeid][0], outcome, words_of(error), error)
                return
            if done():
                return

    def _gather(self, node: pytest.Collector, name: str) -> Iterator[tuple[str, pytest.Item]]:
        """What there is to run, with the names of the functions. What cannot be run is told."""
        try:
            found = list(node.collect())
        except BaseException as error:
            outcome: Outcome = "faulty" if isinstance(error, _FAULTS) else outcome_of(error)
            for each in self._suite.functions(name):
                if self._tally.wants(each):
                    self._tally.add(each, outcome, words_of(error), error)
            return
        for each in found:
            inner = str(getattr(each, "originalname", None) or each.name)
            inner = f"{name}.{inner}" if name else inner
            if isinstance(each, pytest.Item):
                yield inner, each
            else:
                yield from self._gather(each, inner)

    # -- hooks

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: pytest.Collector, name: str) -> list[pytest.Item] | None:
        """Nothing of the program's is a test, or looked at."""
        return [] if isinstance(collector, _Module) and not self._suite.own(name) else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool:
        """What a function returns says nothing; up to pytest 8 so it was. Coroutines are run, with any mark."""
        names = pyfuncitem._fixtureinfo.argnames  # pyright: ignore[reportPrivateUsage]
        try:
            value = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
            if inspect.iscoroutine(value):
                asyncio.run(value)
        except BaseException as error:
            if not isinstance(error, unittest.SkipTest):
                raise
            # pytest would make another one of it, and not say where it was raised.
            raise pytest.skip.Exception(str(error)) from error
        return True

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
        """Without the texts that pytest makes of an exception. What is skipped or may fail, its plugins add."""
        error = call.excinfo.value if call.excinfo else None
        skipped = isinstance(error, pytest.skip.Exception)
        outcome = "passed" if error is None else "skipped" if skipped else "failed"
        keywords: dict[str, Literal[1]] = dict.fromkeys(item.keywords, 1)
        when = "call" if call.when == "collect" else call.when  # which it never is of an item
        return pytest.TestReport(item.nodeid, item.location, keywords, outcome, None, when, error=error)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        error: BaseException | None = getattr(report, "error", None)
        name, parameters = self._names[report.nodeid]
        outcome: Outcome
        if report.outcome == "passed":
            if report.when != "call":
                return
            outcome = "passed"
        elif report.outcome == "skipped":
            outcome = "xfailed" if hasattr(report, "wasxfail") else "skipped"
        else:
            outcome = "faulty" if isinstance(error, pytest.FixtureLookupError) else "failed"
        if isinstance(error, pytest.FixtureLookupError):
            words = f"fixture {error.argname!r}: {error.msg or 'there is none'}"
        else:
            words = words_of(error) if error else str(report.longrepr or "")
        self._tally.add(name, outcome, f"{parameters} {words}".strip() if words else "", error)


_ready: list[_Session] = []
_FAULTS = (pytest.Collector.CollectError, pytest.UsageError, pytest.fail.Exception)
"""What pytest raises where it finds a test that is written such that it cannot run."""
