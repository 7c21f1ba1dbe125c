"""What judging the expected output itself takes: the yardstick for what an output may cost its judge."""

from __future__ import annotations


class Reference:
    """Of one test. Found out when it is first asked for: when some output has taken more than every output may."""

    __slots__ = ("fault", "seconds")

    def __init__(self) -> None:
        self.seconds: float | None = None
        """Of processor time; infinite where it says nothing about other outputs. None: not found out."""
        self.fault: str | None = None
        """Not even the expected output can be judged, and why."""

    def allows(self, floor: float, factor: float) -> float:
        """Processor seconds that an output may take."""
        return floor if self.seconds is None or self.fault else max(floor, factor * self.seconds)
