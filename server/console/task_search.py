"""Search of the list of tasks: the tasks that contain all words.

A word may stand in the title, number, type or tags, in the customer's name, phone number or tags,
in the location's name, address or phone number, in the technician's name, or in an e-mail address
of task, customer, location or technician.

Three plans give the same page, and which is cheapest is not known in advance:

- Scan the list from its top, or the part of it in a state, and filter by the words: cheap where all
  words are frequent, or the list is short.
- Take all tasks of a rare word from the text index, in no order, and filter by the other words.
- Take the tasks of every word from the index, and intersect them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg
from msgspec import Struct

from sync.database import Tx

#: At most so many words are counted to find a rare one.
_MAX_COUNTED: Final = 4


class Limits(Struct, frozen=True):
    """How many tasks each plan may read, so that its cost does not grow with the account.

    `glance`: tasks of the list that are scanned first. `hits`: where so many of them match, no word
    is rare, and none is counted: to count a frequent word takes longer than to scan. `few`: a word
    with fewer tasks is rare. `stretch`: tasks of the list that are scanned where no word is rare.
    `many`: the rarest word may have so many tasks where that scan did not fill the page.
    """

    glance: int = 150
    hits: int = 5
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
_PHONES: Final = f"""
SELECT typed, digits, ({_COUNT.replace("$1", "digits")}) AS tasks FROM (
  SELECT typed, regexp_replace(ltrim(phone_form(typed), '0'), '^1(?=[0-9]{{10}}$)', '') AS digits
  FROM unnest($1::text[]) AS typed) AS n
WHERE length(digits) BETWEEN 7 AND 15
"""  # noqa: S608 - our own text

#: What many tasks share is looked up once for each of them (by a plan with Memoize).
_SHARED: Final = """
LEFT JOIN LATERAL (
  SELECT text FROM searched_text WHERE kind = 'app_user' AND id = t.technician LIMIT 1) AS u ON true
LEFT JOIN LATERAL (
  SELECT text FROM searched_text WHERE kind = 'task_type' AND id = t.type LIMIT 1) AS y ON true
"""
#: The task `t` contains all words $5.
_HAS_ALL: Final = r"""
NOT EXISTS (SELECT FROM unnest($5::text[]) AS word WHERE strpos(concat_ws(E'\n',
  (SELECT text FROM searched_text WHERE kind = 'task' AND id = t.id LIMIT 1),
  (SELECT text FROM searched_text WHERE kind = 'customer' AND id = t.customer LIMIT 1),
  (SELECT text FROM searched_text WHERE kind = 'location' AND id = t.location LIMIT 1),
  u.text, y.text), word) = 0)
"""


class Direction(Struct, frozen=True):
    """Which rows of the list a page has: the first below a row of it, or the last above one.

    `bounds`: the row's moment is $2 and its id $3; null for a page at the end of the list.
    """

    bounds: str
    by_moment: str
    by_id: str

    def order(self, tie_break: str = "t.id::text") -> str:
        """What to order by to have the rows next to that row first."""
        return f"t.state_moment {self.by_moment}, {tie_break} {self.by_id}"


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

    `all`: without words. `is_longer`: whether there are more than $4. `by_scan`: those that contain
    the words $5, among the next $6 tasks. `by_word`: those that contain the words $5, among the
    tasks that contain the word $6. `by_intersection`: the tasks of each of the words $5.
    """

    all: str
    is_longer: str
    by_scan: str
    by_word: str
    by_intersection: str


def _statements(direction: Direction, in_state: str, order: str = "ORDER BY") -> Statements:
    within = f"{in_state} AND {direction.bounds}"
    first = f"{order} {direction.order()} LIMIT $4"
    found = "CROSS JOIN LATERAL (SELECT * FROM task WHERE id = found.task LIMIT 1) AS t"
    return Statements(
        all=f"SELECT t.* FROM task t WHERE {within} {first}",  # noqa: S608 - our own text
        is_longer=f"""
SELECT EXISTS (SELECT FROM task t WHERE {within} {order} {direction.order()} OFFSET $4)
""",  # noqa: S608 - our own text
        by_scan=f"""
SELECT t.* FROM (
  SELECT t.*, t.id::text AS tie_break FROM task t WHERE {within}
  {order} {direction.order("tie_break")} LIMIT $6
) AS t {_SHARED}
WHERE {_HAS_ALL} {order} {direction.order("t.tie_break")} LIMIT $4
""",  # noqa: S608 - our own text
        by_word=f"""
SELECT t.* FROM (
  SELECT DISTINCT task FROM ({_TASKS_OF.format(word="$6", most="NULL")}) AS found
) AS found {found} {_SHARED} WHERE {within} AND {_HAS_ALL} {first}
""",  # noqa: S608 - our own text
        by_intersection=f"""
SELECT t.* FROM (
  SELECT task FROM unnest($5::text[]) AS word CROSS JOIN LATERAL (
    SELECT DISTINCT task FROM ({_TASKS_OF.format(word="word", most="NULL")}) AS found) AS found
  GROUP BY task HAVING count(*) = cardinality($5)
) AS found {found} WHERE {within} {first}
""",  # noqa: S608 - our own text
    )


_IN_ANY: Final = {direction: _statements(direction, "$1 = ''") for direction in (DOWN, UP)}
# To order by a state that equals $1 is idle, but an array may hold several: only an index of states
# has that order. Otherwise PostgreSQL may scan all tasks until it has met enough that are in $1.
_IN_ONE: Final = {
    direction: _statements(
        direction, "t.state = ANY (ARRAY[$1])", f"ORDER BY t.state {direction.by_id},"
    )
    for direction in (DOWN, UP)
}


def statements_of(direction: Direction, *, in_state: bool) -> Statements:
    """The SQL of a page in `direction`. `in_state`: of one state, by an index of its own."""
    return (_IN_ONE if in_state else _IN_ANY)[direction]


class Search(Struct, frozen=True):
    """A page of the tasks that contain all `words`.

    `rows`: the SQL of the page, with a `{tasks}` to fill in. `window`: state, moment and id of the
    row that the page is next to, and the number of rows. `words`: as `read_words` returns them.
    """

    tx: Tx
    rows: str
    statements: Statements
    window: Sequence[object]
    words: Mapping[str, int | None]
    limits: Limits

    async def page(self) -> list[asyncpg.Record]:
        """The rows of the page."""
        rows, is_complete = await self._scan(self.limits.glance)
        if is_complete:
            return rows
        if len(rows) < self.limits.hits and (rare := await self._rarest(self.limits.few)):
            return await self._of_word(rare)
        rows, is_complete = await self._scan(self.limits.stretch)
        if is_complete:
            return rows
        if rare := await self._rarest(self.limits.many):
            return await self._of_word(rare)
        return await self._read(self.statements.by_intersection, list(self.words))

    async def _scan(self, most: int) -> tuple[list[asyncpg.Record], bool]:
        """The rows among the next `most` tasks of the list; whether the page has no others."""
        rows = await self._read(self.statements.by_scan, list(self.words), most)
        *window, wanted = self.window
        if len(rows) == wanted:
            return rows, True
        return rows, not await self.tx.fetchval(self.statements.is_longer, *window, most)

    async def _of_word(self, rare: str) -> list[asyncpg.Record]:
        others = [word for word in self.words if word != rare]
        return await self._read(self.statements.by_word, others, rare)

    async def _read(self, tasks: str, *args: object) -> list[asyncpg.Record]:
        return await self.tx.fetch(self.rows.format(tasks=tasks), *self.window, *args)

    async def _rarest(self, fewer: int) -> str | None:
        """The first rare word, else the rarest; only a word with less than `fewer` tasks."""
        rarest = None
        for word, known in list(self.words.items())[:_MAX_COUNTED]:
            count = await self.tx.fetchval(_COUNT, word, fewer) if known is None else known
            if count < fewer:
                rarest, fewer = word, count
            if count < self.limits.few:
                break
        return rarest


async def read_words(tx: Tx, text: str, few: int = LIMITS.few) -> dict[str, int | None]:
    """The distinct words of `text`, normalised as searched texts are; a phone number is one word.

    Words that are likely to be rare come first: numbers, then long words. To each belongs the
    number of its tasks where that was counted and is less than `few`.
    """
    counted: dict[str, int] = {}
    if numbers := _NUMBER.findall(text):
        found = [row for row in await tx.fetch(_PHONES, numbers, few) if row["tasks"]]
        counted = {row["digits"]: row["tasks"] for row in found}
        phones = {row["typed"]: row["digits"] for row in found}
        text = _NUMBER.sub(lambda number: f" {phones.get(number[0], number[0])} ", text)
    rows = await tx.fetch(_WORDS, text.split())
    return {word: tasks if (tasks := counted.get(word, few)) < few else None for (word,) in rows}
