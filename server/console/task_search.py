"""Search of the list of tasks: the tasks that contain all words.

A word may stand in the title, number, type or tags, in the customer's name, phone number or tags,
in the location's name, address or phone number, in the technician's name, or in an e-mail address
of task, customer, location or technician.

Three plans give the same page, and which is cheapest is not known in advance:

- Scan the list from its top and filter by the words: cheap where all words are frequent.
- Take all tasks of a rare word from the text index, in no order, and filter by the other words.
- Take the tasks of every word from the index, and intersect them.
"""

import re
from collections.abc import Sequence
from typing import Final

import asyncpg
from msgspec import Struct

from sync.database import Tx

#: At most so many words are counted to find a rare one.
_MAX_COUNTED: Final = 4


class Limits(Struct, frozen=True):
    """How many tasks each plan may read, so that its cost does not grow with the account.

    `glance`: tasks of the list that are scanned before words are counted. `few`: a word with fewer
    tasks is rare. `stretch`: tasks of the list that are scanned where no word is rare. `many`: the
    rarest word may have so many tasks where that scan did not fill the page.
    """

    glance: int = 100
    few: int = 400
    stretch: int = 10_000
    many: int = 20_000


LIMITS: Final = Limits()

#: The tasks that contain a word; null for what contains it and has no tasks.
_TASKS_OF: Final = """
SELECT found.task FROM search_things({word}, {most}::bigint) AS thing LEFT JOIN LATERAL (
  SELECT thing.id AS task WHERE thing.kind = 'task'
  UNION ALL SELECT id FROM task WHERE thing.kind = 'customer' AND customer = thing.id
  UNION ALL SELECT id FROM task WHERE thing.kind = 'location' AND location = thing.id
  UNION ALL SELECT id FROM task WHERE thing.kind = 'app_user' AND technician = thing.id
  UNION ALL SELECT id FROM task WHERE thing.kind = 'task_type' AND type = thing.id
) AS found ON true
"""
_COUNT: Final = f"""
SELECT count(*) FROM (
  SELECT FROM ({_TASKS_OF.format(word="$1", most="$2")}) AS found LIMIT $2) AS first
"""  # noqa: S608 - our own text
_WORDS: Final = """
SELECT word FROM (SELECT DISTINCT search_form(typed) AS word FROM unnest($1::text[]) AS typed) AS w
ORDER BY word ~ '[0-9]' DESC, length(word) DESC, word
"""

#: Groups of digits and what people write between them, a phone number maybe.
_NUMBER: Final = re.compile(
    r"(?<![^ ,;:])[+(]*[0-9][0-9 ().\-\u2010-\u2015\u2212/]*[0-9](?![^ ,;])[,;]?"
)
#: Of numbers as they are typed those that are found by their digits, as a phone number is: without
#: what may stand before it, which are zeros, or the 1 of North America.
_PHONES: Final = """
SELECT typed, digits FROM (
  SELECT typed, regexp_replace(ltrim(phone_form(typed), '0'), '^1(?=[0-9]{10}$)', '') AS digits
  FROM unnest($1::text[]) AS typed) AS n
WHERE length(digits) BETWEEN 7 AND 15 AND EXISTS (SELECT FROM search_things(digits, 1))
"""

#: The task `t` contains all words $5.
_HAS_ALL: Final = r"""
NOT EXISTS (SELECT FROM unnest($5::text[]) AS word WHERE strpos(concat_ws(E'\n',
  (SELECT text FROM searched_text WHERE kind = 'task' AND id = t.id LIMIT 1),
  (SELECT text FROM searched_text WHERE kind = 'customer' AND id = t.customer LIMIT 1),
  (SELECT text FROM searched_text WHERE kind = 'location' AND id = t.location LIMIT 1),
  (SELECT text FROM searched_text WHERE kind = 'app_user' AND id = t.technician LIMIT 1),
  (SELECT text FROM searched_text WHERE kind = 'task_type' AND id = t.type LIMIT 1)
  ), word) = 0)
"""
_IN_STATE: Final = "($1 = '' OR t.state = $1)"


class Direction(Struct, frozen=True):
    """Which rows of the list a page has: the first below a row of it, or the last above one.

    `bounds`: the row's moment is $2 and its id $3; null for a page at the end of the list.
    """

    bounds: str
    by_moment: str
    by_id: str

    def order(self, tie_break: str = "t.id::text") -> str:
        """The SQL that puts the rows next to that row first."""
        return f"ORDER BY t.state_moment {self.by_moment}, {tie_break} {self.by_id}"


DOWN: Final = Direction(
    """
t.state_moment <= coalesce($2::timestamptz, 'infinity')
AND ($2 IS NULL OR t.state_moment < $2 OR t.id::text > $3::uuid::text)
""",
    "DESC",
    "ASC",
)
UP: Final = Direction(
    """
t.state_moment >= coalesce($2::timestamptz, '-infinity')
AND ($2 IS NULL OR t.state_moment > $2 OR t.id::text < $3::uuid::text)
""",
    "ASC",
    "DESC",
)


class Statements(Struct, frozen=True):
    """The SQL of a page of tasks: those in state $1, within the bounds, the first $4.

    `all`: without words. `by_scan`: those that contain the words $5, among the next $6 tasks of the
    list. `by_word`: those that contain the words $5, among the tasks that contain the word $6.
    `by_intersection`: the tasks of each of the words $5.
    """

    all: str
    by_scan: str
    by_word: str
    by_intersection: str


def _statements(direction: Direction) -> Statements:
    bounds, first = direction.bounds, f"{direction.order()} LIMIT $4"
    of_found = f"""
CROSS JOIN LATERAL (SELECT * FROM task WHERE id = found.task LIMIT 1) AS t
WHERE {_IN_STATE} AND {bounds}
"""  # noqa: S608 - our own text
    return Statements(
        all=f"SELECT t.* FROM task t WHERE {_IN_STATE} AND {bounds} {first}",  # noqa: S608 - our own text
        by_scan=f"""
SELECT t.* FROM (
  SELECT t.*, t.id::text AS tie_break FROM task t WHERE {bounds}
  {direction.order("tie_break")} LIMIT $6
) AS t
WHERE {_IN_STATE} AND {_HAS_ALL} {direction.order("t.tie_break")} LIMIT $4
""",  # noqa: S608 - our own text
        by_word=f"""
SELECT t.* FROM (
  SELECT DISTINCT task FROM ({_TASKS_OF.format(word="$6", most="NULL")}) AS found
) AS found {of_found} AND {_HAS_ALL} {first}
""",  # noqa: S608 - our own text
        by_intersection=f"""
SELECT t.* FROM (
  SELECT task FROM unnest($5::text[]) AS word CROSS JOIN LATERAL (
    SELECT DISTINCT task FROM ({_TASKS_OF.format(word="word", most="NULL")}) AS found) AS found
  GROUP BY task HAVING count(*) = cardinality($5)
) AS found {of_found} {first}
""",  # noqa: S608 - our own text
    )


BELOW: Final = _statements(DOWN)
ABOVE: Final = _statements(UP)


class Search(Struct, frozen=True):
    """A page of the tasks that contain all `words`.

    `rows`: the SQL of the page, with a `{tasks}` to fill in. `window`: state, moment and id of the
    row that the page is next to, and the number of rows.
    """

    tx: Tx
    rows: str
    statements: Statements
    window: Sequence[object]
    words: Sequence[str]
    limits: Limits

    async def page(self) -> list[asyncpg.Record]:
        """The rows of the page."""
        for scanned, fewer in (
            (self.limits.glance, self.limits.few),
            (self.limits.stretch, self.limits.many),
        ):
            rows = await self._read(self.statements.by_scan, self.words, scanned)
            if len(rows) == self.window[-1]:
                return rows
            rare = await self._rarest(fewer)
            if rare is not None:
                others = [word for word in self.words if word != rare]
                return await self._read(self.statements.by_word, others, rare)
        return await self._read(self.statements.by_intersection, self.words)

    async def _read(self, tasks: str, *args: object) -> list[asyncpg.Record]:
        return await self.tx.fetch(self.rows.format(tasks=tasks), *self.window, *args)

    async def _rarest(self, fewer: int) -> str | None:
        """The first rare word, else the rarest; only a word with less than `fewer` tasks."""
        rarest = None
        for word in self.words[:_MAX_COUNTED]:
            count = await self.tx.fetchval(_COUNT, word, fewer)
            if count < fewer:
                rarest, fewer = word, count
            if count < self.limits.few:
                break
        return rarest


async def read_words(tx: Tx, text: str) -> list[str]:
    """The distinct words of `text`, normalised as searched texts are; a phone number is one word.

    Words that are likely to be rare come first: numbers, then long words.
    """
    if numbers := _NUMBER.findall(text):
        phones = {row["typed"]: row["digits"] for row in await tx.fetch(_PHONES, numbers)}
        text = _NUMBER.sub(lambda number: f" {phones.get(number[0], number[0])} ", text)
    return [row["word"] for row in await tx.fetch(_WORDS, text.split())]
