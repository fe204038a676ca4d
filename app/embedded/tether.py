"""Ties a command to the life of the process that starts it, even if that one is killed with -9.

`python tether.py PARENT COMMAND...` becomes COMMAND. The kernel's promise is Linux's; elsewhere the
command runs untied. It stands in front of every child, so it is run as a file and without site
packages: it starts at once, and no `app` folder where the user happens to stand is taken for ours.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def tethered(*command: str) -> list[str]:
    """Return the command line that runs `command` and kills it when the calling thread ends."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread of `parent` that started it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel knew of us
        sys.exit(1)


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a parent that ignores it passes that on
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  no shell is wanted
