"""What code objects hold."""

from __future__ import annotations

from opcode import opmap
from types import CodeType

_CLASS_PATTERN = opmap["MATCH_CLASS"]


def all_code(code: CodeType) -> list[CodeType]:
    """The code object and every one within it."""
    found = [code]
    for each in found:  # grows while it is read
        found += [constant for constant in each.co_consts if isinstance(constant, CodeType)]
    return found


def names_in(codes: list[CodeType]) -> frozenset[str]:
    """Every global, attribute and module name that they mention. Wants ``all_code``."""
    names = {name for code in codes for name in code.co_names}
    for code in codes:
        if _CLASS_PATTERN in code.co_code[::2]:  # case object(name=x): reads an attribute whose name is a constant
            for constant in code.co_consts:
                if issubclass(type(constant), tuple):
                    names.update(name for name in constant if issubclass(type(name), str))
    return frozenset(names)
