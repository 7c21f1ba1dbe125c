"""How much memory an evaluator keeps for later, and how much it has kept."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ..sandbox.limits import MIB
from ..sandbox.validated import Validated

Bytes = Annotated[int, msgspec.Meta(ge=0)]


class Memory(Validated, frozen=True, kw_only=True):
    """Bytes, at most. Of each kind the latest is kept whatever its size."""

    prepared: Bytes = 1024 * MIB
    """Problems that are ready for their next program, as they are held; with the texts of the problem."""
    verdicts: Bytes = 64 * MIB
    """Reports that are remembered, so that equal programs are judged once. A larger one is not."""
    checkers: Bytes = 256 * MIB
    """Checkers, compiled."""


class Kept(msgspec.Struct, frozen=True):
    """Of one kind."""

    bytes: int
    most: int
    """Bytes that are allowed."""
