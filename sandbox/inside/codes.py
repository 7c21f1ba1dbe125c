"""What code objects hold."""

from __future__ import annotations

from types import CodeType


def all_code(code: CodeType) -> list[CodeType]:
    """The code object and every one within it."""
    found = [code]
    for each in found:  # grows while it is read
        found += [constant for constant in each.co_consts if isinstance(constant, CodeType)]
    return found


def names_in(codes: list[CodeType]) -> frozenset[str]:
    """Every global, attribute and module name that they mention. Wants ``all_code``."""
    return frozenset(name for code in codes for name in code.co_names)
