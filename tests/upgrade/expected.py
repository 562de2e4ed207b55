"""What this version says otherwise than the one that landed before: each by its place, and why.

Whatever else differs is a difference. A line that nothing needs any more is to be removed.
"""

from typing import Final

_CUSTOMER: Final = "customers have them from this version on; of those there were nothing is known"

#: Lines of answers that are new, as `said.py` reads them, by path: ids and indexes are `*`.
NEW_LINES: Final[dict[tuple[str, str], str]] = {
    ("/api/v1/customers", ".items[*].tags = []"): _CUSTOMER,
    ("/api/v1/customers", ".items[*].account_manager = None"): _CUSTOMER,
    ("/api/v1/customers", ".items[*].unit = None"): _CUSTOMER,
    ("/api/v1/customers", ".items[*].active = True"): _CUSTOMER,
}

#: What is another one each time that a page is read, in either version.
MADE_ANEW: Final[dict[tuple[str, str], str]] = {
    ("/tasks/*", "input name=id"): "the id of the next step, so that sending it twice is once",
}

#: Columns that are gone on purpose, by table, where no pair of `translations.py` reads the table.
GONE_COLUMNS: Final[dict[tuple[str, str], str]] = {}
