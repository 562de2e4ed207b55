"""The technician app: plain ES modules that work offline, under /tech.

`app/engine` stores, queues and syncs and does not touch the page; `app/views` renders. `files`
serves both. The texts are `_("...")` and `ngettext("...", "...", n)` in the modules; they are
served as texts.fr.json and texts.en.json: objects from each msgid to its translation, or from the
singular to the list of its plural forms.
"""

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from server.technician.files import app_file, app_start

#: The routes of the technician app.
ROUTES: Sequence[ControllerRouterHandler] = (app_start, app_file)
