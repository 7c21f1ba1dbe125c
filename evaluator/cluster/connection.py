"""The connection of this process to a cluster. A process has one, whoever uses it.

Ray's calls wait for a head that is gone, and end the process after a minute. So every call is made in a thread of its
own, which may be left behind, and only while the head takes connections.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from .library import ClusterUnavailable
from .options import HERE, host_and_port

T = TypeVar("T")

REACH = 5.0
"""Seconds for the head to accept a connection; Ray itself would try for minutes."""
CALL = 10.0
"""Seconds for it to answer."""
JOIN = 30.0
"""Seconds to connect to a cluster, or to leave it."""
_lock = threading.Lock()
_own: set[Connection] = set()
"""Those who use the connection, when it was made here; the last one ends it."""


class Disconnected(ClusterUnavailable):
    """Somebody else ended the connection."""


class Connection:
    """``await Connection.open(ray, address)``. Never starts a cluster."""

    def __init__(self, ray: Any) -> None:
        self.ray = ray
        self.head, self._job = self._here()

    @classmethod
    async def open(cls, ray: Any, address: str | None, *, join: bool = True) -> Connection:
        """Raises ClusterUnavailable: also where this process has joined another cluster, or none and is not to."""
        where = "on this machine" if address in (None, HERE) else f"at {address}"
        try:
            return await aside(lambda: cls._opened(ray, address, join), JOIN)
        except TimeoutError:
            reason = f"no answer within {JOIN:g} seconds"
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
        raise ClusterUnavailable(f"no Ray cluster {where} (ray start --head starts one): {reason}")

    @classmethod
    def _opened(cls, ray: Any, address: str | None, join: bool) -> Connection:
        place = None if address is None else host_and_port(address)
        with _lock:
            if connected := ray.is_initialized():
                connection = cls(ray)
                if place is not None and not _same(place, connection.head):
                    raise ClusterUnavailable(
                        f"this process is connected to the Ray cluster at {connection.head}, not to {address}:"
                        " leave out the address, or call ray.shutdown() before"
                    )
                _reach(connection.head)
            elif not join:
                raise ClusterUnavailable("this process is connected to no Ray cluster any more")
            else:
                if place is not None:
                    socket.create_connection(place, REACH).close()
                # Its warnings are that this is not the main thread, so that it takes no signals.
                ray.init(address=address or HERE, log_to_driver=False, logging_level=logging.ERROR)
                connection = cls(ray)
                _own.clear()
            if _own or not connected:
                _own.add(connection)
        return connection

    @property
    def own(self) -> bool:
        """Whether it was made here."""
        return self in _own

    async def ask(self, call: Callable[[], T]) -> T:
        """What the call to Ray returns. Raises ClusterUnavailable when that fails, or takes too long."""
        try:
            return await aside(lambda: self._asked(call), CALL)
        except ClusterUnavailable:
            raise
        except TimeoutError:
            reason = f"no answer within {CALL:g} seconds"
        except Exception as error:  # of Ray, or of the network
            reason = str(error).partition("\n")[0]
        raise ClusterUnavailable(f"the head of the Ray cluster at {self.head} does not answer: {reason}")

    def submit(self, method: Any, *arguments: Any) -> Any:
        """A call of an actor's method. Raises Disconnected, where Ray would start a cluster of its own."""
        self.check()
        return method.remote(*arguments)

    def _asked(self, call: Callable[[], T]) -> T:
        self.check()
        _reach(self.head)
        return call()

    def _here(self) -> tuple[str, str]:
        """The head that this process is connected to, and what that calls the connection: no other has that name."""
        context = self.ray.get_runtime_context()
        return context.gcs_address, context.get_job_id()

    def check(self) -> None:
        """Raises Disconnected."""
        if not self.ray.is_initialized() or self._here() != (self.head, self._job):
            raise Disconnected(f"this process is not connected to the Ray cluster at {self.head} any more")

    async def close(self) -> None:
        """Leave the cluster, unless somebody else connected to it, or still uses the connection."""
        with contextlib.suppress(TimeoutError):
            await aside(self.leave, JOIN)

    def leave(self) -> None:
        with _lock:
            if self in _own:
                _own.remove(self)
                if not _own:
                    self.ray.shutdown()


async def aside(call: Callable[[], T], seconds: float) -> T:
    """What it returns, in a thread that nothing waits for. Raises TimeoutError."""
    result: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        try:
            result.set_result(call())
        except BaseException as error:
            result.set_exception(error)

    result.set_running_or_notify_cancel()  # so that giving up does not end it
    threading.Thread(target=run, name="microcoder-ray", daemon=True).start()
    async with asyncio.timeout(seconds):
        return await asyncio.wrap_future(result)


def _reach(head: str) -> None:
    host, _, port = head.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), REACH).close()


def _same(place: tuple[str, int], head: str) -> bool:
    """Whether the two are one, however the machine is called."""
    host, _, port = head.rpartition(":")
    if int(port) != place[1]:
        return False
    asked, there = _addresses(place[0]), _addresses(host.strip("[]"))
    return bool(asked & there) or (any(map(_mine, asked)) and any(map(_mine, there)))


def _addresses(host: str) -> set[str]:
    return {str(address[0]) for *_, address in socket.getaddrinfo(host, None)}


def _mine(address: str) -> bool:
    """Whether this machine has it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as tried:
            tried.bind((address, 0))
    except OSError:
        return False
    return True
