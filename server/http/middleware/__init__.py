"""What every request passes before it is routed, outermost first."""

from litestar.types import ASGIApp

from server.access.client_address import Peers, watch_peers
from server.http.fair_queue import FairQueue
from server.http.middleware.answer_errors import answer_errors
from server.http.middleware.body import read_bodies
from server.http.middleware.compress import compress_answers
from server.http.middleware.headers import add_headers
from server.http.middleware.hosts import Hosts, check_host
from server.http.middleware.log import log_requests
from server.http.middleware.origin import check_origin
from server.http.middleware.overload import check_room
from server.http.middleware.query_limits import read_heads
from server.http.middleware.queueing import queue_requests
from server.settings import Settings


def guarded(app: ASGIApp, settings: Settings, peers: Peers) -> ASGIApp:
    """`app` behind the checks, from the log to the body; what they raise is answered."""
    hosts = Hosts.of(settings.origin, settings.hosts)
    # Errors are answered inside of a turn, too: who reads the page is looked up.
    in_turn = queue_requests(answer_errors(app), FairQueue(settings.pool_size), peers)
    inner = check_host(check_origin(read_bodies(in_turn), hosts), hosts)
    checked = watch_peers(answer_errors(read_heads(check_room(inner))), peers)
    secure = settings.origin.startswith("https:")
    return log_requests(add_headers(compress_answers(checked), secure=secure))
