"""Which tasks of the list have all words that are sought.

A word may stand in the title, the number, the customer's name, or the location's name or address.

Three ways lead to a page of them, and the cheapest is not known before. The list is walked from its
top, and those are left out that have not all words: quick where all are frequent. Or the tasks of a
rare word are taken, which the index of texts gives in no order, and each is asked for the others.
Or the tasks of every word are taken, and the page is of those that are among all of them.
"""

from collections.abc import Sequence
from typing import Final

import asyncpg
from msgspec import Struct

from sync.database import Tx

#: Words that are counted: any one leads to all hits.
_COUNTED: Final = 4


class Limits(Struct, frozen=True):
    """Up to how many tasks each way goes: what it costs does not depend on the account's size.

    `glance`: tasks of the list that are walked before anything is counted; `few`: those of a rare
    word; `stretch`: those of the list that are walked where no word is rare; `many`: of a word
    that is less frequent than the others, where the walk led to no whole page.
    """

    glance: int = 100
    few: int = 400
    stretch: int = 10_000
    many: int = 20_000


LIMITS: Final = Limits()

#: The tasks that have a word; null for what has it and is no task's.
_TASKS_OF: Final = """
SELECT of_thing.task FROM search_things({word}, {most}::bigint) AS thing LEFT JOIN LATERAL (
  SELECT thing.id AS task WHERE thing.kind = 'task'
  UNION ALL SELECT id FROM task WHERE thing.kind = 'customer' AND customer = thing.id
  UNION ALL SELECT id FROM task WHERE thing.kind = 'location' AND location = thing.id
) AS of_thing ON true
"""
_COUNT: Final = f"""
SELECT count(*) FROM (
  SELECT FROM ({_TASKS_OF.format(word="$1", most="$2")}) AS found LIMIT $2) AS first
"""  # noqa: S608 - our own text
_WORDS: Final = """
SELECT word FROM (SELECT DISTINCT search_form(typed) AS word FROM unnest($1::text[]) AS typed) AS w
ORDER BY word ~ '[0-9]' DESC, length(word) DESC, word
"""

#: No word of $5 is missing from a task `t`.
_HAS_ALL: Final = r"""
NOT EXISTS (SELECT FROM unnest($5::text[]) AS word WHERE strpos(concat_ws(E'\n',
  (SELECT text FROM searched_text WHERE kind = 'task' AND id = t.id LIMIT 1),
  (SELECT text FROM searched_text WHERE kind = 'customer' AND id = t.customer LIMIT 1),
  (SELECT text FROM searched_text WHERE kind = 'location' AND id = t.location LIMIT 1)), word) = 0)
"""
_IN_STATE: Final = "($1 = '' OR t.state = $1)"
_AFTER: Final = """
t.state_moment <= coalesce($2::timestamptz, 'infinity')
AND ($2 IS NULL OR t.state_moment < $2 OR t.id::text > $3::uuid::text)
"""
_FIRST: Final = "ORDER BY t.state_moment DESC, t.id::text LIMIT $4"

#: All tasks in state $1, of the list behind moment $2 and id $3, the first $4.
ALL: Final = f"SELECT t.* FROM task t WHERE {_IN_STATE} AND {_AFTER} {_FIRST}"  # noqa: S608
#: Those with the words $5 of the list's next $6.
_WALKED: Final = f"""
SELECT t.* FROM (
  SELECT t.*, t.id::text AS place FROM task t WHERE {_AFTER}
  ORDER BY t.state_moment DESC, place LIMIT $6
) AS t
WHERE {_IN_STATE} AND {_HAS_ALL} ORDER BY t.state_moment DESC, t.place LIMIT $4
"""  # noqa: S608 - our own text
_OF_FOUND: Final = f"""
CROSS JOIN LATERAL (SELECT * FROM task WHERE id = found.task LIMIT 1) AS t
WHERE {_IN_STATE} AND {_AFTER}
"""  # noqa: S608 - our own text
#: Those with the words $5 of the tasks that have the word $6.
_TAKEN: Final = f"""
SELECT t.* FROM (
  SELECT DISTINCT task FROM ({_TASKS_OF.format(word="$6", most="NULL")}) AS found
) AS found {_OF_FOUND} AND {_HAS_ALL} {_FIRST}
"""  # noqa: S608 - our own text
#: Those that are among the tasks of each of the words $5.
_SHARED: Final = f"""
SELECT t.* FROM (
  SELECT task FROM unnest($5::text[]) AS word CROSS JOIN LATERAL (
    SELECT DISTINCT task FROM ({_TASKS_OF.format(word="word", most="NULL")}) AS found) AS found
  GROUP BY task HAVING count(*) = cardinality($5)
) AS found {_OF_FOUND} {_FIRST}
"""  # noqa: S608 - our own text


class Search(Struct, frozen=True):
    """A page of tasks that have all `words`; `rows`: reads it by the `tasks` of a way.

    `place`: state, moment and id of the row before, and how many rows.
    """

    tx: Tx
    rows: str
    place: Sequence[object]
    words: Sequence[str]
    limits: Limits

    async def page(self) -> list[asyncpg.Record]:
        """The rows, by whichever way."""
        for stretch, fewer in (
            (self.limits.glance, self.limits.few),
            (self.limits.stretch, self.limits.many),
        ):
            near = await self._read(_WALKED, self.words, stretch)
            if len(near) == self.place[-1]:
                return near
            rare = await self._rarest(fewer)
            if rare is not None:
                others = [word for word in self.words if word != rare]
                return await self._read(_TAKEN, others, rare)
        return await self._read(_SHARED, self.words)

    async def _read(self, tasks: str, *args: object) -> list[asyncpg.Record]:
        return await self.tx.fetch(self.rows.format(tasks=tasks), *self.place, *args)

    async def _rarest(self, fewer: int) -> str | None:
        """The first word with few tasks, else the one with least, of those that have `fewer`."""
        found = None
        for word in self.words[:_COUNTED]:
            count = await self.tx.fetchval(_COUNT, word, fewer)
            if count < fewer:
                found, fewer = word, count
            if count < self.limits.few:
                break
        return found


async def read_words(tx: Tx, text: str) -> list[str]:
    """The distinct words that somebody typed, as texts have them.

    What may be rare comes first: numbers, then long words.
    """
    return [row["word"] for row in await tx.fetch(_WORDS, text.split())]
