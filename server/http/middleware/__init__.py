"""The middleware of every request, before it is routed."""

from litestar.types import ASGIApp

from server.access.client_address import Peers
from server.http.fair_queue import FairQueue
from server.http.middleware.answer_errors import answer_errors
from server.http.middleware.body import read_bodies
from server.http.middleware.compress import compress_answers
from server.http.middleware.headers import add_headers
from server.http.middleware.heads import Hosts, check_heads, read_heads
from server.http.middleware.log import log_requests
from server.http.middleware.queueing import queue_requests
from server.settings import Settings


def guarded(app: ASGIApp, settings: Settings, peers: Peers) -> ASGIApp:
    """`app` behind all middleware, from the log, the outermost, to the queue."""
    hosts = Hosts.of(settings.origin, settings.hosts)
    # Errors of `app` are answered inside the queue, for an error page looks up its reader.
    queued = queue_requests(answer_errors(app), FairQueue(settings.pool_size), peers)
    checked = answer_errors(read_heads(check_heads(read_bodies(queued), hosts), peers))
    secure = settings.origin.startswith("https:")
    return log_requests(add_headers(compress_answers(checked), secure=secure))
