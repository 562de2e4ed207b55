"""What only one of the formats can say, anywhere in an item: its neighbours get their verdicts."""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import pytest

from sync.ids import new_id
from tests.protocol.apps import CLOCK, Phone, housed, milliseconds, written
from tests.support.databases import TestDatabase

Item = dict[Any, Any]
Codec = tuple[str, Callable[[Any], bytes], Callable[[bytes], Any]]

JSON: Final[Codec] = ("application/json", lambda body: json.dumps(body).encode(), json.loads)
PACK: Final[Codec] = ("application/msgpack", msgspec.msgpack.encode, msgspec.msgpack.decode)

LARGE: Final = (2**64, -(2**63) - 1, 10**400, {"deep": [2**64]})
ODD: Final = ({None: 1}, {(1, "a", (None,)): 1}, {True: 1}, [{None: {(2,): b"x"}}], 2**64 - 1)

ACCEPTED: Final = ("accepted", None)
MALFORMED: Final = ("refused", "malformed")


@pytest.fixture(scope="module")
def phone(template: TestDatabase) -> Iterator[Phone]:
    """Alice's phone."""
    with housed(template) as house:
        yield house.phone()


def plain(items: list[Item]) -> Any:
    """The body of the plain push."""
    return {"device_now": CLOCK, "transitions": items}


def rxdb(items: list[Item]) -> Any:
    """The body of RxDB's push."""
    return [{"newDocumentState": item} for item in items]


def watermelon(items: list[Item]) -> Any:
    """The body of WatermelonDB's push."""
    rows = [{**item, "moment": milliseconds(item["moment"])} for item in items]
    return {"changes": {"transitions": {"created": rows}}, "lastPulledAt": 1}


def told(answer: Any) -> list[tuple[str, str | None]]:
    """The verdicts, in the order sent."""
    if isinstance(answer, list):
        return [(one["status"], one["reason"]) for one in answer]
    return [(one["verdict"], one.get("reason")) for one in answer["results"]]


PUSHES: Final = {
    "push": plain,
    "rxdb/transitions/push": rxdb,
    "watermelon/push": watermelon,
}


def bad_items(sent: Codec, path: str) -> Iterator[tuple[Item, tuple[str, str | None] | None]]:
    """What is wrong in one item, and the verdict on it; None where nothing could name it."""
    is_plain = path == "push"
    for value in LARGE if sent is JSON else ODD:
        yield {"note": value}, ACCEPTED
        yield {"email": value}, ACCEPTED
        yield {"photo": value}, MALFORMED if is_plain else ACCEPTED
        yield {"id": value}, None if is_plain else MALFORMED
        yield {"task": value}, MALFORMED
        yield {"survey": value}, MALFORMED
    for key in () if sent is JSON else (None, (1, None), True, 5, b"x"):
        yield {key: 1}, MALFORMED if is_plain else ACCEPTED


@pytest.mark.parametrize("path", PUSHES)
@pytest.mark.parametrize("sent", [JSON, PACK], ids=("json", "pack"))
@pytest.mark.parametrize("wanted", [JSON, PACK], ids=("to json", "to pack"))
def test_what_one_format_cannot_say_costs_no_neighbour_its_verdict(
    phone: Phone, path: str, sent: Codec, wanted: Codec
) -> None:
    task = phone.task()
    for bad, verdict in bad_items(sent, path):
        items = [written(task, "200"), {**written(task, "300"), **bad}, written(task, "300")]
        for _ in range(2):
            answer = phone.send(
                path,
                content=sent[1](PUSHES[path](items)),
                headers={"Content-Type": sent[0], "Accept": wanted[0]},
            )
            if verdict is None:
                assert answer.status_code == 400, (bad, answer.text)
                continue
            assert answer.status_code == 200, (bad, answer.text)
            assert answer.headers["content-type"] == wanted[0]
            assert told(wanted[2](answer.content)) == [ACCEPTED, verdict, ACCEPTED], bad


def test_what_was_made_to_fit_is_answered_as_javascript_reads_it(phone: Phone) -> None:
    task = phone.task()
    numbers = [2**64, 2**64 - 1, -(2**63), 10**400, 1.5]
    document = {**written(task), "id": str(new_id()), "numbers": numbers}
    answer = phone.send(
        "rxdb/transitions/push",
        content=json.dumps(rxdb([document])),
        headers={"Content-Type": "application/json", "Accept": "application/msgpack"},
    )
    (echo,) = msgspec.msgpack.decode(answer.content)
    assert echo["numbers"] == [float(2**64), 2**64 - 1, -(2**63), math.inf, 1.5]
    odd = {**written(task), "id": str(new_id()), "map": {None: 1, 5: 2, "a": 3}}
    answer = phone.send(
        "rxdb/transitions/push",
        content=msgspec.msgpack.encode(rxdb([odd])),
        headers={"Content-Type": "application/msgpack", "Accept": "application/json"},
    )
    (echo,) = answer.json()
    assert echo["map"] == {"null": 1, "5": 2, "a": 3}
