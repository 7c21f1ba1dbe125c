"""``microcoder-eval serve``: opens the socket and the folder, then hands over to the server."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from ...sandbox import capacity
from ...sandbox.limits import Limits
from ..cluster.options import host_and_port
from .engine import engine_options
from .errors import DONE, UsageError
from .options import Serve

TOKEN = "MICROCODER_TOKEN"
SHORTEST = 16
"""Characters of a token."""
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def main(options: Serve) -> int:
    """The whole command; returns the exit code. A mistake of the user is raised."""
    try:
        from ..server import process, supervisor
        from ..server.logs import logger
        from ..server.settings import Caps, Queue, Settings
        from ..server.verdicts import VERDICTS, check
    except ModuleNotFoundError as error:
        raise UsageError(f"serve needs {error.name}: pip install 'microcoder[serve]'") from None
    for_engine = engine_options(options)
    tokens = _tokens(options)
    _check_address(options, tokens)
    for_actors = _actor_options(options)
    workers = options.workers or (0 if options.ray else len(os.sched_getaffinity(0)))
    for_engine["workers"] = workers
    if options.ray and options.engines > 1 and not workers:
        raise UsageError("--ray with --engines needs --workers: the engines share out so many processors")
    if options.engines > workers > 0:
        raise UsageError(f"--engines {options.engines} but only {workers} workers: each engine needs one at least")
    with _state(options.state) as state, _listening(options) as listening:
        settings = Settings(
            **for_engine,
            ray=options.ray,
            **for_actors,
            tokens=tokens,
            hosts=None if tokens or options.insecure or options.unix else (*_LOOPBACK, _authority(options.host)),
            caps=Caps(
                body=options.max_body,
                submissions=options.max_submissions,
                files=options.max_files,
                tests=options.max_tests,
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
            process.run(settings, [listening])
        else:
            supervisor.run(settings, listening, log)
    process.leave(DONE)
    return DONE


def _tokens(options: Serve) -> tuple[str, ...]:
    if options.token_file:
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


@contextlib.contextmanager
def _listening(options: Serve) -> Generator[socket.socket]:
    if options.unix:
        path = options.unix
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(path.lstat().st_mode):
                raise UsageError(f"--unix: {path} is there, and is no socket")
            path.unlink()  # of a server that ended; a lock on it would outlive nothing either
        listening = socket.socket(socket.AF_UNIX)
        mask = os.umask(0o177)
        try:
            listening.bind(str(path))
        except OSError as error:
            raise UsageError(f"--unix: {path}: {error.strerror or error}") from None
        finally:
            os.umask(mask)
        try:
            with listening:
                yield listening
        finally:
            path.unlink(missing_ok=True)
        return
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise UsageError(f"--host {options.host} --port {options.port}: {error.strerror or error}") from None
    with listening:
        yield listening


def _address(listening: socket.socket) -> str:
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"unix:{name}"
    return f"http://{_authority(name[0])}:{name[1]}"


def _authority(host: str) -> str:
    """As it stands before the port."""
    return f"[{host}]" if ":" in host else host


@contextlib.contextmanager
def _state(folder: Path | None) -> Generator[Path]:
    """The folder, its owner's alone and this server's alone."""
    if folder is None:
        made = Path(tempfile.mkdtemp(prefix="microcoder-serve-"))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
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
        yield folder.resolve()
