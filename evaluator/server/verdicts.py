"""Verdicts that survive a restart: an SQLite file, one for all engine processes of a server.

An entry is a report with a check sum of its own; one that does not fit is thrown away. The oldest entries go first. All
of it happens in one thread, away from the event loop, and nothing that goes wrong there is the fault of a request: what
cannot be read is not known, what cannot be written is not kept, and it is tried again. A file that is damaged is put
aside, and begun anew. One that somebody else made is never written to, also where it was copied over ours in place.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import sqlite3
import stat
import time
import zlib
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from ...sandbox.errors import MicrocoderError
from ...sandbox.limits import MIB
from ..report import Report, packed, unpacked

VERDICTS = "verdicts.sqlite"
"""Name of the file, in the state folder."""
BUSY_SECONDS = 1.0
"""To wait for another process that writes."""
PAUSE = 2.0
"""Seconds before what failed is tried again."""
TRIM_EVERY = 256
WAITING_BYTES = 64 * MIB
"""Of entries that are not written yet. More are not kept."""
APPLICATION = 0x6D63_7664
"""Whose file it is, as ``PRAGMA application_id`` says; older ones have 0."""
_APPLICATION_AT = 68
"""Where a file says that, in four bytes."""
_OWN = frozenset({"verdicts", "by_time"})
_COLUMNS = ("key", "time", "report", "sum")
_PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})
"""After these the connection is as good as before."""
_FOR_GOOD = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})

T = TypeVar("T")


class NotUsable(MicrocoderError):
    """What is there is none of our files, or none that we may write to."""


class Verdicts:
    """``await cache.get(key)``, ``cache.put(key, report)``. Keys are bytes that say all that a verdict depends on.

    entries  at most
    most     bytes of the database, without what is yet to be moved into it
    damaged  told, in the thread of the cache, what was thrown away
    trouble  told, likewise, why a verdict was not kept, or the file cannot be used; None: one was kept
    """

    def __init__(
        self,
        file: Path,
        entries: int,
        *,
        most: int,
        damaged: Callable[[str], None],
        trouble: Callable[[str | None], None],
    ) -> None:
        self._file = file
        self._entries = entries
        self._most = most
        self._damaged = damaged
        self._trouble = trouble
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="verdicts")
        self._database: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        """Device and number of the file that the connection has."""
        self._descriptor: int | None = None
        """Of it. Closed after the connection: with it go the locks that this process has on the file."""
        self._owner = b""
        """Whose file it was when it was opened."""
        self._open_at = self._write_at = 0.0
        """Not before then, of the monotonic clock."""
        self._why: str | None = None
        """The last verdict was not kept."""
        self._puts = self._put_bytes = 0
        """Since the last trim."""
        self._waiting = 0
        """Bytes of entries that are not written yet."""

    async def open(self) -> None:
        await self._do(self._ready)

    async def close(self) -> None:
        await self._do(self._close)
        self._thread.shutdown()

    async def get(self, key: bytes) -> Report | None:
        return await self._do(lambda: self._with(lambda database: self._get(database, key)))

    def put(self, key: bytes, report: Report) -> None:
        """Returns at once; the entry is written soon after."""
        entry = packed(report)
        if len(entry) > self._most // 4:
            return
        if self._waiting + len(entry) > WAITING_BYTES:
            self._not_kept("the disk is too slow")
            return
        self._waiting += len(entry)
        self._thread.submit(self._write, key, entry)

    def size(self) -> int:
        """Bytes that it takes on the disk."""
        return sum(_size(file) for file in (self._file, *_beside(self._file)))

    async def _do(self, what: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, what)

    # -- in the thread

    def _with(self, what: Callable[[sqlite3.Connection], T]) -> T | None:
        """None where the file cannot be used."""
        database = self._ready()
        if database is None:
            return None
        try:
            return what(database)
        except sqlite3.OperationalError as error:
            self._not_kept(str(error))
            if error.sqlite_errorcode not in _PASSING:
                self._close()
        except sqlite3.DatabaseError as error:
            self._close()
            self._open(error)
        return None

    def _ready(self) -> sqlite3.Connection | None:
        if self._database is not None and _identity(self._file) != self._opened:  # somebody replaced or removed it
            self._close()
            self._open_at = 0.0
        elif self._descriptor is not None and not self._is_ours(self._descriptor):
            self._let_go()
            self._open_at = time.monotonic() + PAUSE  # by then it is there as a whole
        if self._database is None and time.monotonic() >= self._open_at:
            self._open()
        return self._database

    def _open(self, damage: sqlite3.DatabaseError | None = None) -> None:
        """``damage``: what was seen of the file that was open."""
        self._open_at = time.monotonic() + PAUSE
        try:
            with _alone(self._file.parent):
                if damage is not None and _identity(self._file) == self._opened:
                    self._put_aside(damage)
                try:
                    self._database = _connect(self._file)
                except sqlite3.OperationalError:  # nothing is wrong with what it holds
                    raise
                except sqlite3.DatabaseError as error:
                    self._put_aside(error)
                    self._database = _connect(self._file)
                self._opened = _identity(self._file)
                self._watch()
        except (NotUsable, OSError, sqlite3.Error) as error:
            self._not_kept(str(error))

    def _watch(self) -> None:
        self._descriptor = os.open(self._file, os.O_RDONLY)
        self._owner = _owner(self._descriptor)

    def _is_ours(self, descriptor: int) -> bool:
        """Whether it still is what was opened, or has become so since."""
        with contextlib.suppress(OSError):
            return _owner(descriptor) in (self._owner, APPLICATION.to_bytes(4, "big"))
        return True

    def _let_go(self) -> None:
        """Of a file that somebody else's was copied over. What waits to be moved into it would be when the connection
        is closed; it is thrown away first."""
        waiting, _ = _beside(self._file)
        with contextlib.suppress(OSError):
            os.truncate(waiting, 0)
        self._close()
        with contextlib.suppress(OSError):
            for side in _beside(self._file):
                side.unlink(missing_ok=True)
        self._not_kept("somebody else's file was copied over it")

    def _put_aside(self, error: sqlite3.DatabaseError) -> None:
        self._damaged(f"the file: {error}")
        self._file.replace(f"{self._file}.damaged")
        for side in _beside(self._file):
            side.unlink(missing_ok=True)

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            with contextlib.suppress(sqlite3.Error):
                database.close()
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _get(self, database: sqlite3.Connection, key: bytes) -> Report | None:
        row = database.execute("SELECT report, sum FROM verdicts WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        report, found = row
        if isinstance(report, bytes) and found == _sum(key, report):
            with contextlib.suppress(msgspec.MsgspecError, zlib.error):
                return unpacked(report)
        self._damaged("an entry: its check sum does not fit")
        database.execute("DELETE FROM verdicts WHERE key = ?", (key,))
        return None

    def _write(self, key: bytes, report: bytes) -> None:
        self._waiting -= len(report)
        if self._why is not None and time.monotonic() < self._write_at:
            self._trouble(self._why)
        elif self._with(lambda database: self._put(database, key, report)):
            self._why = None
            self._trouble(None)
        elif self._why is not None:  # and it is not open
            self._trouble(self._why)

    def _put(self, database: sqlite3.Connection, key: bytes, report: bytes) -> bool:
        row = key, time.time(), report, _sum(key, report)
        database.execute("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?)", row)
        self._puts += 1
        self._put_bytes += len(report)
        if self._puts >= min(TRIM_EVERY, self._entries) or self._put_bytes > self._most // 8:
            self._puts = self._put_bytes = 0
            self._trim(database)
        return True

    def _trim(self, database: sqlite3.Connection) -> None:
        oldest = "DELETE FROM verdicts WHERE key IN (SELECT key FROM verdicts ORDER BY time {})"
        database.execute(oldest.format("DESC LIMIT -1 OFFSET ?"), (self._entries,))
        while _used(database) > self._most:
            if not database.execute(oldest.format("LIMIT (SELECT 1 + COUNT(*) / 8 FROM verdicts)")).rowcount:
                break

    def _not_kept(self, why: str) -> None:
        self._why = why
        self._write_at = time.monotonic() + PAUSE
        self._trouble(why)


def check(file: Path) -> None:
    """Before a server starts. Raises NotUsable where nothing but its operator can help."""
    try:
        with _alone(file.parent), contextlib.closing(_connect(file, sound=False)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in _FOR_GOOD:
            raise NotUsable(f"{file}: {error}") from None
    except (sqlite3.DatabaseError, OSError):
        pass  # damaged, or the disk is full, for now: the engines see to it


def _connect(file: Path, *, sound: bool = True) -> sqlite3.Connection:
    """Made, where it is not there. Raises NotUsable, sqlite3.Error. ``sound``: look whether it is."""
    new = _identity(file) is None
    if not new and not stat.S_ISREG(file.stat().st_mode):
        raise NotUsable(f"{file} is no file")
    if not new and not os.access(file, os.R_OK | os.W_OK):
        raise NotUsable(f"{file} may not be read and written")
    if not new:
        _look_at_file(file)
    database = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        if not _look(database, file):  # before what is written waits beside it: the file itself says whose it is
            database.execute("BEGIN IMMEDIATE")
            database.execute(
                "CREATE TABLE IF NOT EXISTS verdicts"
                " (key BLOB PRIMARY KEY, time REAL NOT NULL, report BLOB NOT NULL, sum BLOB NOT NULL)"
            )
            database.execute("CREATE INDEX IF NOT EXISTS by_time ON verdicts (time)")
            database.execute(f"PRAGMA application_id = {APPLICATION}")
            database.execute("COMMIT")
            database.execute("PRAGMA wal_checkpoint")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        if sound:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(found)
    except BaseException:
        database.close()
        if new:  # nothing of it is left where the disk is full
            for made in (file, *_beside(file)):
                made.unlink(missing_ok=True)
        raise
    return database


def _look_at_file(file: Path) -> None:
    """Alone, whatever waits beside it: that may be ours, and the file, copied over ours, somebody else's. Raises
    NotUsable."""
    with (
        contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)) as database,
        contextlib.suppress(sqlite3.Error),  # of what is damaged it is said when it is opened
    ):
        _look(database, file)


def _look(database: sqlite3.Connection, file: Path) -> bool:
    """Whether it is a cache of this release. Raises NotUsable where it is somebody else's."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    names = {name for (name,) in database.execute("SELECT name FROM sqlite_master") if not name.startswith("sqlite_")}
    columns = tuple(row[1] for row in database.execute("PRAGMA table_info(verdicts)"))
    fits = names <= _OWN and columns in ((), _COLUMNS)
    if application == APPLICATION:
        if not fits:
            raise sqlite3.DatabaseError("another release made it")
        return bool(columns)
    if application or not fits:
        raise NotUsable(f"{file} is a database of something else, and left alone")
    return False


def _used(database: sqlite3.Connection) -> int:
    """Bytes of the pages that hold something."""
    pages, free, size = (
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


@contextlib.contextmanager
def _alone(folder: Path) -> Generator[None]:
    """While no other process of the server opens, replaces or removes the file in it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _owner(descriptor: int) -> bytes:
    """What the file says, and not what waits to be moved into it."""
    return os.pread(descriptor, 4, _APPLICATION_AT)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _beside(file: Path) -> tuple[Path, Path]:
    return Path(f"{file}-wal"), Path(f"{file}-shm")


def _sum(key: bytes, report: bytes) -> bytes:
    return hashlib.blake2b(key + report, digest_size=16).digest()
