"""Runs PostgreSQL's programs: as an unprivileged user when we are root, ended with our process."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, Final

from mail.wording import _
from server.postgres import binaries
from server.postgres.binaries import EmbeddedError

UNPRIVILEGED: Final = "nobody"
PR_SET_PDEATHSIG: Final = 1
#: The whole environment: PG* variables of the caller must not reach PostgreSQL.
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class Programs:
    """The programs, and the user that runs them. `user`: None where that is the current user."""

    def __init__(self) -> None:
        self.user = pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None
        self._folder = binaries.find(copied=self.user is not None)

    def run(self, name: str, *args: str) -> None:
        """Run a program to its end.

        :raises EmbeddedError: it failed; the text holds the end of its messages.
        """
        done = subprocess.run(  # noqa: S603 - our own binary, our own arguments
            [self._folder / name, *args], capture_output=True, check=False, **self._options()
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace")[-2000:]
            raise EmbeddedError(_("%(program)s failed: %(said)s"), program=name, said=said)

    def start(self, name: str, *args: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program that writes to `log`, in a session that gets no Ctrl-C."""
        return subprocess.Popen(  # noqa: S603 - our own binary, our own arguments
            [self._folder / name, *args],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **self._options(),
        )

    def give(self, path: Path) -> None:
        """Make `path` the property of the user that runs the programs."""
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"cwd": "/", "env": ENVIRONMENT}
        if self.user is not None:
            identity = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
            options.update(identity)
        if sys.platform.startswith("linux"):
            libc = ctypes.CDLL(None)

            def end_with_parent() -> None:
                """Have the kernel end the program when our process dies, by kill -9 as well.

                One system call that takes no lock: safe although a restart has threads.
                """
                libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)

            options["preexec_fn"] = end_with_parent
        return options
