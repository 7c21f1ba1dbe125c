"""What a test sets in modules that the program has, too, is set there for as long.

``unittest.mock.patch``, ``monkeypatch`` and plain assignments all end in setting an attribute of a module. So modules
of the test's process have a class that sees this, while a test runs. The program is told with the next message: nothing
of it runs before, and what has been put back by then, as pytest does with ``warnings`` around each test, it need not
know.
"""

from __future__ import annotations

import inspect
import io
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from .standins import Link

_OURS = frozenset({"__main__", "_pytest", "pluggy", "pytest", "unittest", __name__.partition(".")[0]})
"""Modules that only the test has."""
_OF_SYS = frozenset({
    "__stderr__", "__stdin__", "__stdout__", "displayhook", "excepthook", "last_exc", "last_traceback", "last_type",
    "last_value", "meta_path", "modules", "path", "path_hooks", "path_importer_cache", "unraisablehook",
})  # fmt: skip
"""What belongs to each process."""
_STREAMS = ("stdout", "stderr")
_MIRRORED = (
    ("random", "seed"), ("random", "setstate"), ("numpy.random", "seed"), ("warnings", "_filters_mutated"),
)  # fmt: skip
"""Functions of modules that change what the program finds, too."""
_REFUSED = (
    ("unittest.case", "TestCase", ("assertLogs", "assertNoLogs")),
    ("_pytest.logging", "LogCaptureFixture", ("messages", "record_tuples", "records", "text")),
    ("doctest", "DocTestFinder", ("find",)),
)
"""What looks at logs and docstrings, which stay with the program."""
_ABSENT = object()


class Patches:
    """Of one test process."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._originals: dict[tuple[str, str], Any] = {}
        """By module and name, of what the test has set: what was there before."""
        self._set: dict[tuple[str, str], ModuleType] = {}
        """What the program has not been told of yet, or not again."""
        self._told: set[tuple[str, str]] = set()
        self._watched = _class(self)
        self._finder = _Finder(self)
        self._refused: list[tuple[Any, str, Any]] = []
        self.importing = 0
        """Modules that are being executed: what these set is no patch."""

    def begin(self) -> None:
        """Watch the modules that there are, and those to come."""
        self._refused.append((inspect, "getattr_static", inspect.getattr_static))
        inspect.getattr_static = self._static(inspect.getattr_static)
        for name, module in [*sys.modules.items()]:
            self.watch(name, module)
        sys.meta_path.insert(0, self._finder)  # pyright: ignore[reportArgumentType]

    def end(self) -> None:
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)  # pyright: ignore[reportArgumentType]
        for module in [*sys.modules.values()]:
            if type(module) is self._watched:
                module.__class__ = ModuleType
        for kind, name, before in self._refused:
            setattr(kind, name, before)

    def _refuse(self, kind: Any, name: str) -> None:
        self._refused.append((kind, name, kind.__dict__[name]))
        setattr(kind, name, property(lambda _: self._link.cannot(f"a test that uses {kind.__name__}.{name}")))

    def _static(self, function: Any) -> Any:
        """What looks past all that a stand-in says."""

        def getattr_static(thing: Any, *more: Any, **keywords: Any) -> Any:
            if self._link.stands_for(thing):
                self._link.cannot("inspect.getattr_static")
            return function(thing, *more, **keywords)

        return getattr_static

    def watch(self, name: str, module: Any) -> None:
        for refused, kind, names in _REFUSED:
            if refused == name and hasattr(module, kind):
                for each in names:
                    self._refuse(getattr(module, kind), each)
        # Modules are made of the class that ``sys`` has.
        if cast("Any", type(module)) not in (ModuleType, self._watched) or name.partition(".")[0] in _OURS:
            return
        for each, function in _MIRRORED:
            if each == name and hasattr(module, function):
                vars(module)[function] = self._mirrored(name, function, getattr(module, function))
        module.__class__ = self._watched

    def set(self, module: ModuleType, name: str, before: Any) -> None:
        """The attribute has been set, or deleted; ``before``: what it was."""
        if self.importing or name.startswith("__") or (module is sys and not self._mirrors(name)):
            return
        place = module.__name__, name
        now: Any = vars(module).get(name, _ABSENT)
        if now is before or (isinstance(now, ModuleType) and now is sys.modules.get(".".join(place))):
            return
        self._originals.setdefault(place, before)
        self._set[place] = module

    def write(self, message: dict[str, Any]) -> None:
        """What the program has to know of it before it goes on: [module, name], and the value in a list, if there is to
        be one. Without that list, what was there before."""
        while self._set:
            place, module = self._set.popitem()
            now: Any = vars(module).get(place[1], _ABSENT)
            if now is not self._originals[place]:
                self._told.add(place)
                change = [*place, [] if now is _ABSENT else [self._link.told(now)]]
            else:
                del self._originals[place]
                if place not in self._told:
                    continue
                self._told.remove(place)
                change = [*place]
            message.setdefault("patches", []).append(change)

    def _mirrors(self, name: str) -> bool:
        """Of what belongs to ``sys``. What the program prints goes to the test's streams anyway; to one that is none,
        as the program does it."""
        if name not in _STREAMS:
            return name not in _OF_SYS
        return ("sys", name) in self._originals or not isinstance(getattr(sys, name, None), io.TextIOBase)

    def _mirrored(self, module: str, name: str, function: Any) -> Any:
        def mirrored(*args: Any, **keywords: Any) -> Any:
            value = function(*args, **keywords)
            if not self.importing:
                self._link.ask("python", module, name, *args, keywords=keywords)
            return value

        mirrored.__name__ = name
        return mirrored


def _class(patches: Patches) -> Any:
    class Module(ModuleType):
        def __setattr__(self, name: str, value: Any) -> None:
            before = vars(self).get(name, _ABSENT)
            super().__setattr__(name, value)
            if name != "__class__":
                patches.set(self, name, before)

        def __delattr__(self, name: str) -> None:
            before = vars(self).get(name, _ABSENT)
            super().__delattr__(name)
            patches.set(self, name, before)

    return Module


class _Finder:
    """Finds modules as others do, and has them watched when they are there."""

    def __init__(self, patches: Patches) -> None:
        self.patches = patches

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        finders = (finder for finder in sys.meta_path if type(finder) is not _Finder)
        spec: Any = next(filter(None, (finder.find_spec(name, path, target) for finder in finders)), None)
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader, self.patches)
        return spec


class _Loader:
    def __init__(self, loader: Any, patches: Patches) -> None:
        self.loader = loader
        self.patches = patches

    def create_module(self, spec: Any) -> Any:
        return self.loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self.loader
        self.patches.importing += 1
        try:
            self.loader.exec_module(module)
        finally:
            self.patches.importing -= 1
        self.patches.watch(module.__name__, module)
