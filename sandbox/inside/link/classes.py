"""Types that stand for the other side's classes: one each, with its name, its bases, and the special methods it has.

What an instance is asked for goes to the other side, and what a special method does is done there. ``Peer.special``
says which of them do not, because nobody there may decide what comes of them.
"""

from __future__ import annotations

import types
from abc import ABCMeta

# Whatever the program, or the test, makes of the builtins.
from builtins import BaseException, ValueError, isinstance, list, object, str, type, vars  # noqa: UP029
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from types import CoroutineType, MethodType
from typing import TYPE_CHECKING, Any, Literal, cast

from . import exceptions
from .arrays import is_type
from .awaiting import of_coroutines
from .data import BASES, native_of
from .enums import describe_members, make_enum
from .names import ALWAYS, SPECIAL, installed, mro_of, of_python, own_of, place_of, shared

if TYPE_CHECKING:
    from .peer import Peer

CLAIMED: dict[str, Any] = {
    kind.__name__: kind for kind in vars(types).values() if isinstance(kind, type) and kind.__module__ == "builtins"
}
"""Types that Python has no name for among its builtins."""
_OURS = frozenset({"__abstractmethods__", "__annotations__", "__class__", "__dict__", "_abc_impl"})
"""Attributes of stand-ins for classes that the interpreter reads, or that ask by themselves."""
_LOCAL = frozenset({"__class__", "__copy__", "__deepcopy__", "__reduce__", "__reduce_ex__"})
"""What a stand-in says itself."""
_NATIVE = (*BASES, BaseException, Enum, deque)
"""What they do is done by the stand-in itself, unless a class of the other side says otherwise; and what `native_of`
finds."""
_CHECKS = frozenset({"__instancecheck__", "__subclasscheck__"})
Checks = Literal["bases", "python", "own"]
"""What says whether something is an instance, or a class a subclass: the bases alone, code of Python's (of abstract
classes, protocols), or code that came with the class."""


def describe(kind: Any, encode: Callable[[Any], Any]) -> dict[str, Any]:
    """What ``Classes.make`` has to know."""
    own: dict[str, Any] = kind.__dict__
    native: Any = next((base for base in kind.__mro__ if base in _NATIVE), None) or native_of(kind)
    if issubclass(kind, Enum):
        native = Enum
    special = {name for name in SPECIAL & own.keys() if native is not Enum or _written(own[name])}
    bases: dict[Any, None] = {}
    for base in kind.__bases__:
        if base is object:
            continue
        bases[next(filter(_travels, base.__mro__))] = None
        place = place_of(base)
        if place is not None and native is None:
            for each in base.__mro__[:-1]:  # object is the last
                special |= SPECIAL & vars(each).keys()
    described: dict[str, Any] = {
        "name": kind.__name__,
        "qualname": kind.__qualname__,
        "module": str(kind.__module__),
        "doc": text if type(text := own.get("__doc__")) is str else None,
        "bases": [encode(base) for base in bases if base is not object],
        "claims": place_of(kind),
        "covers": [],
        "abstract": sorted(vars(kind).get("__abstractmethods__", ())),
        "checks": _checks(kind),
    }
    meta = cast("Any", type(kind))
    if meta is not type and place_of(meta) is None:
        described["meta"] = encode(meta)
    if native is not None:
        special |= {name for name in ALWAYS if name in own and (native is not Enum or _written(own[name]))}
        given = {name for base in kind.__mro__ if place_of(base) is not None for name in dir(base)}
        described["covers"] = [name for name in own if not name.startswith("__") and name in given]
    if native is Enum:
        described |= describe_members(kind, encode)
    described["special"] = sorted(name for name in special if own.get(name, 1) is not None)
    described["none"] = sorted(name for name in special if own.get(name, 1) is None)
    return described


def _travels(kind: Any) -> bool:
    """Whether the other side has, or is told of, this class."""
    place = place_of(kind)
    return place is None or (shared(kind, place[0]) and not is_type(kind))


def _written(method: Any) -> bool:
    """Whether it stands in a class statement, and was not put there by the module ``enum``."""
    return getattr(method, "__module__", None) not in ("enum", None)


def _checks(kind: Any) -> Checks:
    methods = [each.__dict__[name] for each in mro_of(type(kind)) for name in _CHECKS if name in each.__dict__]
    hook = next(each.__dict__["__subclasshook__"] for each in mro_of(kind) if "__subclasshook__" in each.__dict__)
    if not all(map(_is_python, [*methods, hook])):
        return "own"
    return "bases" if len(methods) == len(_CHECKS) else "python"


def _is_python(method: Any) -> bool:
    """Whether it is code of Python's."""
    module = getattr(getattr(method, "__func__", method), "__module__", None)
    return module is None or of_python(module, "__name__") is not None


class Classes:
    """Of one side."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._decode = peer.decode
        self._meta = _metaclass(peer)
        self._abstract_meta: Any = type("Meta", (self._meta, ABCMeta), {})
        self._root = _new(self._meta, "standin", [], _root(peer))
        self._checks: dict[int, Checks] = {}
        """By the identity of a class, which lives as long as this does."""

    def make(self, described: dict[str, Any]) -> Any:
        """Raises anything that is an Exception where no class is described."""
        name, qualname, module = (described[key] for key in ("name", "qualname", "module"))
        special, none, covers = (described[key] for key in ("special", "none", "covers"))
        if not all(type(each) is str for each in (name, qualname, module, *special, *none, *covers)):
            raise ValueError("a class of no name")
        namespace: dict[str, Any] = {"__qualname__": qualname, "__module__": module, "__doc__": described["doc"]}
        for each in special:
            if each in SPECIAL or each in ALWAYS:
                namespace[each] = self._peer.special(each, name)
        if "__len__" in namespace and "__bool__" not in namespace:
            namespace["__bool__"] = self._peer.special("__bool__", name)
        namespace.update(dict.fromkeys(SPECIAL & set(none)))
        if "__eq__" in namespace and "__hash__" not in namespace:
            namespace["__hash__"] = None
        namespace.update((each, Forwarded(self._peer, each)) for each in covers if not each.startswith("__"))
        parents = [self._decode(base) for base in described["bases"]]
        if not any(issubclass(base, BaseException) for base in parents):  # as a category of warnings it does no harm
            self._check_own(module, name)
        if "members" in described:
            return self._enum(described, parents, namespace)
        meta = self._decode(described["meta"]) if "meta" in described else None
        claims = described["claims"]
        claimed = CLAIMED.get(name) if module == "builtins" else None
        if claimed is None and claims is not None:
            claimed = of_python(*claims)
        if isinstance(claimed, type):
            namespace["__class__"] = property(lambda _: claimed)
        if claimed is CoroutineType:
            namespace.update(of_coroutines(self._peer, _LOCAL))
        made = self._class(name, parents, namespace, meta)
        if described["checks"] in ("python", "own"):
            self._checks[id(made)] = described["checks"]
        if described["abstract"]:
            type.__setattr__(made, "__abstractmethods__", frozenset(described["abstract"]))
        return made

    def _check_own(self, module: str, name: str) -> None:
        """Both sides may have what belongs to a package, each its own."""
        if installed(module):
            self._peer.cannot(f"{name} of {module.partition('.')[0]}, which both sides have")

    def exception(self, kind: Any, told: Any) -> BaseException:
        """One that ``exceptions.fill`` has yet to make what it is."""
        for each in filter(self.made, kind.__mro__):
            self._check_own(each.__module__, each.__name__)
        return exceptions.new(kind, told, self._decode)

    def made(self, kind: Any) -> bool:
        """Whether it stands for one of the other side."""
        return isinstance(kind, self._meta)

    def instance(self, kind: Any) -> Any:
        if not self.made(kind):
            raise ValueError("an object of a class that is not the other side's")
        try:
            return object.__new__(kind)
        except TypeError:  # it has a base that makes its objects itself: a random.Random
            return self._peer.cannot(f"objects of the class {kind.__name__}, which are made as those of its base")

    def checks(self, kind: Any) -> Checks:
        """What says which are the instances and subclasses of the class of the other side that this stands for."""
        return self._checks.get(id(kind), "bases")

    def _enum(self, described: dict[str, Any], parents: list[Any], namespace: dict[str, Any]) -> Any:
        kind = make_enum(described, parents, namespace, self._decode)
        for name in described["others"]:
            if name.startswith("__"):
                raise ValueError("an attribute of no name")
            type.__setattr__(kind, name, Forwarded(self._peer, name))

        def __getattr__(member: Any, name: str) -> Any:  # noqa: N807
            if name.startswith("_"):
                name_of_kind = cast("Any", type(member)).__name__
                raise AttributeError(f"{name_of_kind!r} object has no attribute {name!r}", name=name, obj=member)
            return self._peer.get(member, name)

        type.__setattr__(kind, "__getattr__", __getattr__)
        return kind

    def _class(self, name: str, parents: list[Any], namespace: dict[str, Any], meta: Any) -> Any:
        """``meta``: what stands for its metaclass, if that is the other side's."""
        if any(issubclass(each, type) for each in parents):
            ours = {type: self._meta, ABCMeta: self._abstract_meta}
            return _new(meta or self._meta, name, [ours.get(each, each) for each in parents], namespace)
        if any(issubclass(each, _NATIVE) or native_of(each) for each in parents):
            namespace.update(_of_natives(self._peer))
            return _new(meta or self._meta, name, parents, namespace)
        if not any(issubclass(each, self._root) for each in parents):
            parents = [self._root, *parents]
        abstract = any(isinstance(each, ABCMeta) for each in parents)
        try:
            return _new(meta or (self._abstract_meta if abstract else self._meta), name, parents, namespace)
        except TypeError:
            return _new(self._meta, name, [self._root], namespace)


def _new(meta: Any, name: str, parents: list[Any], namespace: dict[str, Any]) -> Any:
    """Without asking the other side, whose metaclass it may be."""
    return (ABCMeta if issubclass(meta, ABCMeta) else type).__new__(meta, name, tuple(parents), namespace)


def _metaclass(peer: Peer) -> Any:
    class Meta(type):
        def __new__(cls, name: str, bases: tuple[Any, ...], namespace: dict[str, Any], **more: Any) -> Any:
            return peer.cannot(f"a class {name!r} with a base of {peer.other}")

        def __call__(cls, /, *args: Any, **keywords: Any) -> Any:
            return peer.ask("call", cls, *args, keywords=keywords)

        def __getattribute__(cls, name: str) -> Any:
            if name in _OURS or not peer.stands_for(cls):
                return type.__getattribute__(cls, name)
            if name == "__copy__" or peer.says(name):
                try:
                    return type.__getattribute__(cls, name)
                except AttributeError:
                    pass
            return peer.get(cls, name)

        def __instancecheck__(cls, thing: Any) -> bool:
            return type.__instancecheck__(cls, thing) or _checked(peer, "instance", cls, thing)

        def __subclasscheck__(cls, kind: Any) -> bool:
            return type.__subclasscheck__(cls, kind) or _checked(peer, "subclass", cls, kind)

        @property
        def __dict__(cls) -> Any:  # pyright: ignore[reportGeneralTypeIssues, reportIncompatibleVariableOverride]
            own = own_of(cls)
            return Attributes(peer, cls, own) if peer.stands_for(cls) else own  # none yet while it is made

        @property
        def __annotations__(cls) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
            return peer.ask("get", cls, "__annotations__")

        def __setattr__(cls, name: str, value: Any) -> None:
            if name.startswith(("__abs", "_abc")) or not peer.stands_for(cls):
                return type.__setattr__(cls, name, value)
            return peer.ask("set", cls, name, value)

        def __delattr__(cls, name: str) -> None:
            peer.ask("del", cls, name)

        def __iter__(cls) -> Any:
            return iter(peer.ask("iterate", cls))

        def __len__(cls) -> int:
            return peer.ask("size", cls)

        def __getitem__(cls, place: Any) -> Any:
            return peer.ask("item", cls, place)

        def __dir__(cls) -> Any:
            return peer.ask("names", cls)

        def __bool__(cls) -> bool:
            return True

    return Meta


def _checked(peer: Peer, operation: str, kind: Any, thing: Any) -> bool:
    """Whether more than the bases makes it an instance, or a subclass."""
    checks = peer.classes.checks(kind)
    if checks == "own":
        peer.cannot(f"{operation} of the class {kind.__name__}, which says itself what it is")
    return checks == "python" and peer.ask(operation, kind, thing) is True


def _root(peer: Peer) -> dict[str, Any]:
    """What every stand-in for an object has, besides what its class has."""

    def __getattribute__(self: Any, name: str) -> Any:  # noqa: N807
        if name in _LOCAL:
            return object.__getattribute__(self, name)
        return peer.get(self, name)

    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        peer.ask("set", self, name, value)

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807
        peer.ask("del", self, name)

    def __copy__(self: Any) -> Any:  # noqa: N807
        return peer.ask("copy", self)

    def __deepcopy__(self: Any, _: Any) -> Any:  # noqa: N807
        return peer.ask("deepcopy", self)

    def __reduce_ex__(self: Any, _: Any) -> Any:  # noqa: N807
        peer.cannot(f"a pickle of an object of {peer.other}")

    return {
        "__slots__": ("__weakref__",),
        "__getattribute__": __getattribute__,
        "__setattr__": __setattr__,
        "__delattr__": __delattr__,
        "__copy__": __copy__,
        "__deepcopy__": __deepcopy__,
        "__reduce_ex__": __reduce_ex__,
        **{name: forwarded(peer, name) for name in ALWAYS},
    }


def _of_natives(peer: Peer) -> dict[str, Any]:
    """What a stand-in that is an exception, or data, does not have itself, it asks for."""

    def __getattr__(self: Any, name: str) -> Any:  # noqa: N807
        return peer.get(self, name)

    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        if name.startswith("__"):
            return object.__setattr__(self, name, value)
        return peer.ask("set", self, name, value)

    return {"__getattr__": __getattr__, "__setattr__": __setattr__}


class Forwarded:
    """An attribute that is looked up on the other side, though there is one of that name here."""

    def __init__(self, peer: Peer, name: str) -> None:
        self._peer = peer
        self._name = name

    def __get__(self, thing: Any, kind: Any = None) -> Any:
        return self._peer.get(kind if thing is None else thing, self._name)


class Attributes(Mapping[str, Any]):
    """What the other side's class has itself, as it stands there."""

    def __init__(self, peer: Peer, kind: Any, own: Any) -> None:
        self._peer = peer
        self._kind = kind
        self._own = own

    def __getitem__(self, name: str) -> Any:
        if name in SPECIAL:
            return self._own[name]
        try:
            return self._peer.ask("raw", self._kind, name)
        except KeyError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._peer.ask("raws", self._kind))

    def __len__(self) -> int:
        return len(list(self))


class Special(Forwarded):
    """A special method, which Python looks up in the class: of the class itself it is what stands there on the other
    side."""

    def __init__(self, peer: Peer, name: str) -> None:
        super().__init__(peer, name)
        self._method = forwarded(peer, name)

    def __get__(self, thing: Any, kind: Any = None) -> Any:
        return super().__get__(None, kind) if thing is None else MethodType(self._method, thing)

    def __call__(self, *args: Any) -> Any:
        """Python calls a ``__get__`` without binding it."""
        return self._method(*args)


def forwarded(peer: Peer, name: str) -> Any:
    def method(self: Any, /, *args: Any, **keywords: Any) -> Any:
        return peer.ask("special", name, self, *args, keywords=keywords)

    method.__name__ = method.__qualname__ = name
    return method
