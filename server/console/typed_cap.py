"""The form of the account's cap: what is typed in it, read into a cap and back."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from mail.campaigns.cap import SurveyCap

FIELDS: Final = ("surveys", "days")


class TypedCap(Struct, frozen=True):
    """What stands in the form; empty fields are no cap. `wrong`: fields to correct.

    `cap`: what was typed, where nothing is wrong with it; None for none.
    """

    surveys: str = ""
    days: str = ""
    wrong: tuple[str, ...] = ()
    cap: SurveyCap | None = None


def typed_cap_of(cap: SurveyCap | None) -> TypedCap:
    """What the form shows of a `cap`."""
    return TypedCap() if cap is None else TypedCap(str(cap.surveys), str(cap.days))


def read_typed_cap(fields: Mapping[str, str]) -> TypedCap:
    """What was typed, with the cap that it is or the fields that are wrong."""
    typed, wrong = {name: fields.get(name, "").strip() for name in FIELDS}, []
    if not any(typed.values()):
        return TypedCap()
    for name, text in typed.items():
        with_others = {"surveys": 1, "days": 1, name: text}
        try:
            msgspec.convert(with_others, SurveyCap, strict=False)
        except msgspec.ValidationError:
            wrong.append(name)
    cap = None if wrong else msgspec.convert(typed, SurveyCap, strict=False)
    return TypedCap(**typed, wrong=tuple(wrong), cap=cap)
