"""The feed: what each technician's devices must know, in the order of commits.

`publish` writes it, as the last statements of a transaction; `pull` reads a page of it.
"""

from sync.feed.pull import MOST_CHANGES, USUAL_CHANGES, Page, pull

__all__ = ["MOST_CHANGES", "USUAL_CHANGES", "Page", "pull"]
