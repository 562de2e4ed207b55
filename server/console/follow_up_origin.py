"""The page that a follow-up's form is sent from, carried by the form, and the way back to it."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import urlencode

from msgspec import Struct

from server.console.follow_up_list import FollowUp, WorkQuery, read_query
from server.console.list_query import write_after
from server.console.task_list import BACK, read_back

#: The pages with such a form besides the follow-up's own, which is the empty one.
OriginPage: TypeAlias = Literal["task", "list", ""]
_PAGES: Final[tuple[OriginPage, ...]] = ("task", "list")


class Origin(Struct, frozen=True):
    """The page, and the parameters of its URL.

    `tasks`: those of the list of tasks that led to a task. `work`: of the list of follow-ups.
    """

    page: OriginPage = ""
    tasks: str = ""
    work: WorkQuery = WorkQuery()

    @property
    def fields(self) -> dict[str, str]:
        """The hidden fields of the form, which `read_origin` reads."""
        after = write_after(*self.work.after) if self.work.after else ""
        fields = {"from": self.page, BACK: self.tasks, "show": self.work.show or "", "after": after}
        return {name: value for name, value in fields.items() if value}

    def way_back(self, found: FollowUp) -> str:
        """The URL of the page; the list says what became of the follow-up `found`."""
        if self.page == "task" and found.task is not None:
            query = f"?{urlencode({BACK: self.tasks})}" if self.tasks else ""
            return f"/tasks/{found.task}{query}#follow-ups"
        if self.page == "list":
            fields = self.fields
            place = {name: fields[name] for name in ("show", "after") if name in fields}
            return "/follow-ups?" + urlencode({"show": found.kind} | place | {"handled": found.id})
        return f"/follow-ups/{found.id}"


def read_origin(fields: Mapping[str, str]) -> Origin:
    """The origin in the fields of a form; what cannot be read is ignored."""
    page: OriginPage = next((page for page in _PAGES if page == fields.get("from")), "")
    return Origin(page, read_back(fields).query, read_query(fields))
