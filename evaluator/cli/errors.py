"""What ends a command early, and the exit codes. Told in the help text of each command."""

from __future__ import annotations

from ...sandbox.errors import MicrocoderError

DONE, JUDGE_FAILED, UNUSABLE, NO_JAIL = 0, 1, 2, 3
SUSPICIOUS = REFUSED = 1
"""Besides 128 + the signal that interrupted."""


class UsageError(MicrocoderError):
    """Options that do not go together, or name what is not there."""
