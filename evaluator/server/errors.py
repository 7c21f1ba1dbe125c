"""Every answer that is not a verdict. None of them says anything about a program.

Refused                       status  code
├── BadRequest                400     bad_request         names the field
├── Unauthorized              401     unauthorized
├── WrongHost                 403     wrong_host
├── UnknownProblem            404     unknown_problem     register it, then ask again
├── NotFound                  404     not_found
├── TooSlow                   408     too_slow            the request did not arrive
├── Conflict                  409     conflict            an id, or a digest, that stands for something else
├── TooLarge                  413     too_large
├── UnsupportedType           415     unsupported_type
├── HeadTooLarge              431     too_large           header fields, or what frames the body
├── TooMany                   429     too_many            this client has enough in the queue; later
├── Unavailable               503     unavailable         the server has, or it is going down; later
└── WaitedTooLong             504     waited_too_long     no turn came in time; later

The last three carry Retry-After. Only they, and a lost connection, are worth trying again.
"""

from __future__ import annotations

from ...sandbox.errors import MicrocoderError
from .messages import Fault


class Refused(MicrocoderError):
    """Becomes an answer with this status."""

    status = 400
    code = "bad_request"

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        retry_after: float | None = None,
        digests: list[str] | None = None,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.retry_after = retry_after
        self.digests = digests or []

    @property
    def fault(self) -> Fault:
        return Fault(code=self.code, message=str(self), path=self.path, digests=self.digests)


class BadRequest(Refused):
    pass


class Unauthorized(Refused):
    status, code = 401, "unauthorized"


class WrongHost(Refused):
    status, code = 403, "wrong_host"


class NotFound(Refused):
    status, code = 404, "not_found"


class UnknownProblem(Refused):
    status, code = 404, "unknown_problem"


class TooSlow(Refused):
    status, code = 408, "too_slow"


class Conflict(Refused):
    status, code = 409, "conflict"


class TooLarge(Refused):
    status, code = 413, "too_large"


class UnsupportedType(Refused):
    status, code = 415, "unsupported_type"


class HeadTooLarge(Refused):
    status, code = 431, "too_large"


class TooMany(Refused):
    status, code = 429, "too_many"


class Unavailable(Refused):
    status, code = 503, "unavailable"


class WaitedTooLong(Refused):
    status, code = 504, "waited_too_long"
