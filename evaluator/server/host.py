"""The host that a request names, read as RFC 3986 writes an authority and not by how it begins."""

from __future__ import annotations

import ipaddress
import re

_AUTHORITY = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::([0-9]{0,5}))?", re.IGNORECASE)


def host_of(authority: str) -> str | None:
    """The host in ``host:port``, in one spelling: lower case, without the dot at the end, addresses in short form.

    None where it is none: user information, a port that is no number or too large, an address that does not exist.
    """
    found = _AUTHORITY.fullmatch(authority)
    if found is None or int(found[2] or 0) > 65535:
        return None
    name = found[1].lower()
    if name.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(name[1:-1])}]"
        except ValueError:
            return None
    return name.removesuffix(".") or None
