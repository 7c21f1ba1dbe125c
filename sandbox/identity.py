"""Who programs are on the host.

Started as an ordinary user, the jail maps that user. Started as root, programs become a user that owns nothing: the
kernel exempts root from RLIMIT_NPROC, and a program that broke out should not be root. Root itself is mapped only to
set the jail up, so that an interpreter below a folder like /root can be bound; the runner leaves it for good.
"""

from __future__ import annotations

import os
from pathlib import Path

from .jails.base import IdMap

INSIDE = 1000
_PREFERRED = (0x70000000, 65534)
"""Outside ids, the first that this user namespace has: far above any account, else nobody."""


def identities(serial: int = 0) -> tuple[IdMap, ...]:
    """Id maps for worker number ``serial``: a user of its own for each where root can choose."""
    user, group = os.geteuid(), os.getegid()
    if user != 0:
        return (IdMap(INSIDE, user, group),)
    for base in _PREFERRED:
        outside = base + serial % 0x10000 if base == _PREFERRED[0] else base
        if _mapped("uid_map", outside) and _mapped("gid_map", outside):
            return (IdMap(0, 0, 0), IdMap(INSIDE, outside, outside))
    return (IdMap(INSIDE, user, group),)  # a container whose only user is its root


def _mapped(table: str, number: int) -> bool:
    for line in Path("/proc/self", table).read_text().splitlines():
        inside, _, count = map(int, line.split())
        if inside <= number < inside + count:
            return True
    return False
