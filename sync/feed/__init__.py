"""The feed: what each technician's devices must know, in the order in which it was committed.

`publish` writes it as the last step of a transaction, `pull` reads a page of it.
"""

from sync.feed.pull import MOST_CHANGES, USUAL_CHANGES, Page, pull

__all__ = ["MOST_CHANGES", "USUAL_CHANGES", "Page", "pull"]
