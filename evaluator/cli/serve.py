"""``microcoder-eval serve``: opens the socket and the folder, then hands over to the server."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import signal
import socket
import stat
from collections.abc import Generator
from pathlib import Path
from typing import Any

from ...sandbox import capacity
from ...sandbox.languages.cache import sweep_all
from ...sandbox.limits import Limits
from ...sandbox.temporary import TemporaryFolder
from ..cluster.options import host_and_port
from ..options import TOKEN, JudgeOptions, RunOptions, pick
from .engine import engine_options
from .errors import UsageError
from .options import Serve

SHORTEST = 16
"""Characters of a token."""
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def main(options: Serve) -> int:
    """The whole command; returns the exit code. A mistake of the user is raised."""
    # While there is nothing to leave, a signal ends the process as it ends any.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from ..server import process, supervisor
        from ..server.logs import logger, outlet
        from ..server.settings import Caps, Queue, Settings
        from ..server.signals import Signals
        from ..server.verdicts import VERDICTS, check
    except ModuleNotFoundError as error:
        raise UsageError(f"serve needs {error.name}: pip install 'microcoder[serve]'") from None
    for_engine = engine_options(options)
    tokens = _tokens(options)
    _check_address(options, tokens)
    for_actors = _actor_options(options)
    workers = options.workers or (0 if options.ray else len(os.sched_getaffinity(0)))
    if options.ray and options.engines > 1 and not workers:
        raise UsageError("--ray with --engines needs --workers: the engines share out so many processors")
    if options.engines > workers > 0:
        raise UsageError(f"--engines {options.engines} but only {workers} workers: each engine needs one at least")
    address = None if options.unix else _resolved(options)
    reread = (lambda: _tokens(options, again=True)) if options.token_file else None
    signals = Signals()
    signals.of_server(reloads=reread is not None)
    errors = outlet(options.log_format)
    sweep_all()
    with _state(options.state) as (state, held), _listening(options, address) as listening:
        settings = Settings(
            judging=pick(JudgeOptions, for_engine),
            running=pick(RunOptions, for_engine),
            workers=workers,
            ray=options.ray,
            **for_actors,
            tokens=tokens,
            hosts=None if tokens or options.insecure or options.unix else (*_LOOPBACK, _authority(options.host)),
            caps=Caps(
                body=options.max_body,
                submissions=options.max_submissions,
                files=options.max_files,
                tests=options.max_tests,
                values=options.max_values,
                cpu_time=options.max_cpu_time,
                wall_time=options.max_wall_time,
                memory=options.max_memory,
                output=options.max_output,
            ),
            queue=Queue(length=options.max_queue, per_client=max(1, options.max_queue // 2), seconds=options.max_wait),
            drain_seconds=options.drain,
            state=str(state),
            memory=options.cache_memory,
            disk=options.cache_disk,
            verdicts=options.verdict_cache,
            history=0 if options.no_history else options.history,
            log_format=options.log_format,
            log_level=options.log_level,
            engines=options.engines,
        )
        if options.verdict_cache:
            check(state / VERDICTS)
        log = logger(options.log_format, options.log_level)
        if not options.ray:
            for told in capacity.check(workers, Limits()):
                log.warning("the host is short of room", what=told)
        log.info("listening", address=_address(listening), workers=workers, engines=options.engines)
        if options.engines == 1:
            process.run(settings, [listening], signals, errors, tokens=reread)
        else:
            supervisor.run(settings, listening, log, signals, tokens=reread, held=held)
    process.leave(signals.exit_code, errors, at_once=signals.at_once is not None)
    return signals.exit_code


def _tokens(options: Serve, *, again: bool = False) -> tuple[str, ...]:
    """Raises UsageError. ``again``: from a file that may be read twice, and never has one wait."""
    if options.token_file:
        if again and not options.token_file.is_file():
            raise UsageError(f"--token-file: {options.token_file}: not a file, or not there any more")
        try:
            text = options.token_file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--token-file: {options.token_file}: {error}") from None
        tokens = tuple(line.strip() for line in text.splitlines() if line.strip())
        if not tokens:
            raise UsageError(f"--token-file: {options.token_file} holds no token")
    else:
        # Taken out of the environment: what is started later has no use for it.
        token = os.environ.pop(TOKEN, "").strip()
        tokens = (token,) if token else ()
    for token in tokens:
        if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
            raise UsageError(f"a token has {SHORTEST} characters at least, ASCII, without white space")
    return tokens


def _actor_options(options: Serve) -> dict[str, Any]:
    """Those of RayEvaluator that were given."""
    found = {name: value for name in ("actor_workers", "actor_wait") if (value := getattr(options, name)) is not None}
    if options.ray is None:
        for name in found:
            raise UsageError(f"--{name.replace('_', '-')} needs --ray")
    else:
        try:
            host_and_port(options.ray)
        except ValueError as error:
            raise UsageError(f"--ray: {error}") from None
    return found


def _check_address(options: Serve, tokens: tuple[str, ...]) -> None:
    if options.unix or tokens or options.insecure:
        return
    try:
        loopback = options.host == "localhost" or ipaddress.ip_address(options.host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UsageError(
            f"--host {options.host}: other machines may reach it, so it needs a token"
            f" (--token-file, or {TOKEN} in the environment), or --insecure"
        )


_Address = tuple[socket.AddressFamily, int, int, str, tuple[object, ...]]


def _resolved(options: Serve) -> _Address:
    """What to listen on. Asking for a name may take its time."""
    try:
        return socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise _unusable(options, error) from None


@contextlib.contextmanager
def _listening(options: Serve, address: _Address | None) -> Generator[socket.socket]:
    if address is None:
        assert options.unix is not None
        with _listening_unix(options.unix) as listening:
            yield listening
        return
    family, kind, protocol, _, name = address
    with socket.socket(family, kind, protocol) as listening:
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(name)
        except OSError as error:
            raise _unusable(options, error) from None
        yield listening


def _unusable(options: Serve, error: OSError) -> UsageError:
    return UsageError(f"--host {options.host} --port {options.port}: {error.strerror or error}")


@contextlib.contextmanager
def _listening_unix(path: Path) -> Generator[socket.socket]:
    """A socket of a server that was killed is replaced; at the end the path is left to whoever has it by then."""
    with socket.socket(socket.AF_UNIX) as listening:
        mask = os.umask(0o177)
        try:
            _make_way(path)
            listening.bind(str(path))
            bound = path.lstat().st_ino
        except OSError as error:
            raise UsageError(f"--unix: {path}: {error.strerror or error}") from None
        finally:
            os.umask(mask)
        try:
            yield listening
        finally:
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_ino == bound:
                    path.unlink()


def _make_way(path: Path) -> None:
    """Raises UsageError, OSError."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise UsageError(f"--unix: {path} is there, and is no socket")
        with socket.socket(socket.AF_UNIX) as other:
            other.settimeout(1.0)
            other.connect(str(path))
    except FileNotFoundError:
        return
    except ConnectionRefusedError:  # nobody listens
        path.unlink()
    except TimeoutError:
        raise UsageError(f"--unix: {path} is in use by another server") from None
    else:
        raise UsageError(f"--unix: {path} is in use by another server")


def _address(listening: socket.socket) -> str:
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"unix:{name}"
    return f"http://{_authority(name[0])}:{name[1]}"


def _authority(host: str) -> str:
    """As it stands before the port."""
    return f"[{host}]" if ":" in host else host


@contextlib.contextmanager
def _state(folder: Path | None) -> Generator[tuple[Path, tuple[int, ...]]]:
    """The folder, its owner's and this server's alone; and what engines hold, so that nobody removes it sooner."""
    if folder is None:
        made = TemporaryFolder("serve")
        assert made.lock is not None
        with made as path:
            yield path, (made.lock,)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise UsageError(f"--state: {folder}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"--state: {folder} is in use by another server") from None
        yield folder.resolve(), ()
