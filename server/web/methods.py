"""How things are read: HEAD answers as GET does, without the body. Neither changes anything."""

from typing import Final

from litestar import HttpMethod

READING: Final = [HttpMethod.GET, HttpMethod.HEAD]
