"""A device's copy of its feed, kept as the protocol says."""

import msgspec

from sync.feed import Page, pull
from sync.feed.changes import Change, Gone
from sync.messages import DeviceScope

KEY = b"a secret of the tests"


class Replica:
    """What one device knows after the pages it pulled."""

    def __init__(self, device: DeviceScope) -> None:
        self.device = device
        self.cursor: str | None = None
        self.things: dict[tuple[str, str], Change] = {}

    async def pull(self, limit: int = 1000) -> list[Change]:
        """Pull until there is no more; the changes in the order they came."""
        changes: list[Change] = []
        more = True
        while more:
            page = await pull(self.device, self.cursor, KEY, limit)
            self._apply(page)
            changes += page.changes
            more = page.more
        return changes

    def _apply(self, page: Page) -> None:
        for change in page.changes:
            if isinstance(change, Gone):
                self.things.pop((change.kind, change.id), None)
            else:
                self.things[kind_of(change), change.id] = change
        self.cursor = page.cursor

    def ids(self, kind: str) -> set[str]:
        """The ids of the things of one kind."""
        return {identity for name, identity in self.things if name == kind}


def kind_of(change: Change) -> str:
    """The kind as it stands in the message."""
    kind: str = msgspec.to_builtins(change)["kind"]
    return kind
