"""What every request passes before it is routed, outermost first."""

from litestar.types import ASGIApp

from server.middleware.body import read_bodies
from server.middleware.compress import compress_answers
from server.middleware.errors import answer_errors
from server.middleware.headers import add_headers
from server.middleware.hosts import Hosts, check_host
from server.middleware.log import log_requests
from server.middleware.origin import check_origin
from server.settings import Settings


def guarded(app: ASGIApp, settings: Settings) -> ASGIApp:
    """`app` behind the checks: log, headers, compression, errors, host, origin, body."""
    hosts = Hosts.of(settings.origin, settings.hosts)
    checked = check_host(check_origin(read_bodies(app), hosts), hosts)
    secure = settings.origin.startswith("https:")
    return log_requests(add_headers(compress_answers(answer_errors(checked)), secure=secure))
