"""The methods of routes that only read: GET, and HEAD, whose answer has no body."""

from typing import Final

from litestar import HttpMethod

READING: Final = [HttpMethod.GET, HttpMethod.HEAD]
