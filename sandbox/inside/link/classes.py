"""Types that stand for the other side's classes: one each, with its name, its bases, and the special methods it has.

What an instance is asked for goes to the other side, and what a special method does is done there. ``Peer.special``
says which of them do not, because nobody there may decide what comes of them.
"""

from __future__ import annotations

from abc import ABCMeta

# Whatever the program, or the test, makes of the builtins.
from builtins import BaseException, ValueError, isinstance, list, object, str, type, vars  # noqa: UP029
from collections.abc import Callable
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    MethodType,
)
from typing import TYPE_CHECKING, Any

from .names import ALWAYS, SPECIAL, of_python, place_of, shared

if TYPE_CHECKING:
    from .peer import Peer

CLAIMED: dict[str, Any] = {
    kind.__name__: kind
    for kind in (AsyncGeneratorType, BuiltinFunctionType, CoroutineType, FunctionType, GeneratorType, MethodType)
}
"""Types that Python has no name for."""
_KEYS = ("name", "qualname", "module", "doc", "bases", "special", "none", "claims")
_LOCAL = frozenset({"__class__", "__copy__", "__deepcopy__", "__reduce__", "__reduce_ex__"})
"""What a stand-in says itself."""


def describe(kind: type, encode: Callable[[Any], Any]) -> dict[str, Any]:
    """What ``Classes.make`` has to know."""
    special: set[str] = set()
    bases: list[Any] = []
    for base in kind.__bases__:
        if base is object:
            continue
        place = place_of(base)
        if place is None or shared(base, place[0]):
            bases.append(encode(base))
        if place is not None and not issubclass(base, BaseException):
            special.update(*(SPECIAL & vars(each).keys() for each in base.__mro__ if each is not object))
    own = vars(kind)
    special |= SPECIAL & own.keys()
    if issubclass(kind, BaseException):
        special.update(name for name in ALWAYS if name in own)
    described = {
        "name": kind.__name__,
        "qualname": kind.__qualname__,
        "module": kind.__module__,
        "doc": own.get("__doc__"),
        "bases": bases,
        "special": sorted(name for name in special if own.get(name, 1) is not None),
        "none": sorted(name for name in special if own.get(name, 1) is None),
        "claims": place_of(kind),
    }
    return {key: value if type(value) in (str, list, tuple) else None for key, value in described.items()}


class Classes:
    """Of one side."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._meta = _metaclass(peer, type)
        self._abstract_meta = _metaclass(peer, ABCMeta)
        self._root = self._meta("standin", (), _root(peer), ours=True)

    def make(self, described: dict[str, Any]) -> Any:
        """Raises anything that is an Exception where no class is described."""
        name, qualname, module, doc, bases, special, none, claims = (described[key] for key in _KEYS)
        if not all(type(each) is str for each in (name, qualname, module, *special, *none)):
            raise ValueError("a class of no name")
        namespace: dict[str, Any] = {"__qualname__": qualname, "__module__": module, "__doc__": doc}
        for each in special:
            if each in SPECIAL or each in ALWAYS:
                namespace[each] = self._peer.special(each, name)
        if "__len__" in namespace and "__bool__" not in namespace:
            namespace["__bool__"] = self._peer.special("__bool__", name)
        namespace.update(dict.fromkeys(SPECIAL & set(none)))
        if "__eq__" in namespace and "__hash__" not in namespace:
            namespace["__hash__"] = None
        parents = [self._peer.decode(base) for base in bases]
        if claims is not None:
            claimed = CLAIMED.get(name) if module == "builtins" else None
            self._claim(namespace, claimed or of_python(*claims))
        elif module == "builtins" and name in CLAIMED:
            self._claim(namespace, CLAIMED[name])
        return self._class(name, parents, namespace)

    def instance(self, kind: Any) -> Any:
        return object.__new__(kind)

    def _claim(self, namespace: dict[str, Any], kind: Any) -> None:
        if isinstance(kind, type):
            namespace["__class__"] = property(lambda _: kind)

    def _class(self, name: str, parents: list[Any], namespace: dict[str, Any]) -> Any:
        if any(issubclass(each, BaseException) for each in parents):
            namespace.update(_of_exceptions(self._peer))
            return self._meta(name, tuple(parents), namespace, ours=True)
        if not any(issubclass(each, self._root) for each in parents):
            parents = [self._root, *parents]
        abstract = any(isinstance(each, ABCMeta) for each in parents)
        meta = self._abstract_meta if abstract else self._meta
        try:
            return meta(name, tuple(parents), namespace, ours=True)
        except TypeError:
            return self._meta(name, (self._root,), namespace, ours=True)


def _metaclass(peer: Peer, base: Any) -> Any:
    class Meta(base):
        def __new__(cls, name: str, bases: tuple[Any, ...], namespace: dict[str, Any], *, ours: bool = False) -> Any:
            if not ours:
                peer.cannot(f"a class {name!r} of one side with a base of the other")
            return super().__new__(cls, name, bases, namespace)

        def __init__(self, name: str, bases: tuple[Any, ...], namespace: dict[str, Any], *, ours: bool = False) -> None:
            super().__init__(name, bases, namespace)

        def __call__(self, *args: Any, **keywords: Any) -> Any:
            return peer.ask("call", self, *args, keywords=keywords)

        def __getattr__(self, name: str) -> Any:
            return peer.get(self, name)

        def __setattr__(self, name: str, value: Any) -> None:
            if name.startswith(("__abc", "_abc")):
                return super().__setattr__(name, value)
            return peer.ask("set", self, name, value)

        def __delattr__(self, name: str) -> None:
            peer.ask("del", self, name)

        def __iter__(self) -> Any:
            return iter(peer.ask("iterate", self))

        def __len__(self) -> int:
            return peer.ask("size", self)

        def __getitem__(self, place: Any) -> Any:
            return peer.ask("item", self, place)

        def __dir__(self) -> Any:
            return peer.ask("names", self)

        def __bool__(self) -> bool:
            return True

    return Meta


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

    def __deepcopy__(self: Any, memo: Any) -> Any:  # noqa: N807
        return peer.ask("deepcopy", self)

    def __reduce_ex__(self: Any, protocol: Any) -> Any:  # noqa: N807
        peer.cannot("an object of the other side, as a pickle")

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


def _of_exceptions(peer: Peer) -> dict[str, Any]:
    """What a stand-in for an exception does not have itself, it asks for."""

    def __getattr__(self: Any, name: str) -> Any:  # noqa: N807
        return peer.get(self, name)

    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        if name.startswith("__"):
            return object.__setattr__(self, name, value)
        return peer.ask("set", self, name, value)

    return {"__getattr__": __getattr__, "__setattr__": __setattr__}


def forwarded(peer: Peer, name: str) -> Any:
    def method(self: Any, *args: Any, **keywords: Any) -> Any:
        return peer.ask("special", name, self, *args, keywords=keywords)

    method.__name__ = method.__qualname__ = name
    return method
