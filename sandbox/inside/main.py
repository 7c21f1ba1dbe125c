"""Starts the runner."""

from __future__ import annotations

import errno
import os
import resource
import sys
from builtins import ConnectionError, OSError

from .cleaning import leave
from .kernel import STACK, limit
from .runner import Runner
from .testing import Finished

OPEN_FILES = 1024
"""Of a runner, as JailSpec.open_files says; not every jail limits them."""
SHORTAGES = frozenset({errno.EAGAIN, errno.ENOMEM, errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOBUFS})
"""What the kernel says when the host has no process, memory, room in files or descriptor left."""


def main() -> None:
    """``sys.argv``: descriptor of the socket, folder that holds this package."""
    fd = int(sys.argv[1])
    sys.path.remove(sys.argv[2])
    make_room_for_the_stack()
    limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    runner = Runner(fd)
    try:
        runner.configure()
        runner.serve()
    except Finished:  # in a test process, whose interpreter goes on to its own end
        return
    except ConnectionError:  # the host ended in the middle of something
        leave()
    except OSError as error:
        if error.errno not in SHORTAGES:
            raise
        runner.tell_shortage(None, f"the runner: {error.strerror}")
        os._exit(1)


def make_room_for_the_stack() -> None:
    """Start again under a higher stack limit: the address space is laid out by the limit a program starts with."""
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK if hard == resource.RLIM_INFINITY else min(STACK, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit(resource.RLIMIT_STACK, wanted, hard=False)
        os.execv(sys.executable, sys.orig_argv)
