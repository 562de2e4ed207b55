"""The technician app: plain ES modules that work offline, under /tech.

`app/engine` stores, queues and syncs and knows no page; `app/views` shows. What the app is made
of is served by `files`; its texts are `_("...")` and `ngettext("...", "...", n)` in the modules,
served by language as texts.fr.json and texts.en.json: an object from each msgid to its
translation, or from the singular to the list of its plural forms.
"""

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from server.technician.files import app_file, app_start

#: What `server.app` routes, beside the API and the pages.
ROUTES: Sequence[ControllerRouterHandler] = (app_start, app_file)
