"""The form of the account's cap: what is typed in it, read into a cap and back."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from mail.campaigns.cap import SurveyCap

FIELDS: Final = ("surveys", "days")


class TypedCap(Struct, frozen=True):
    """What stands in the form; empty fields are no cap. `wrong`: fields to correct."""

    surveys: str = ""
    days: str = ""
    wrong: tuple[str, ...] = ()


def typed_cap_of(cap: SurveyCap | None) -> TypedCap:
    """What the form shows of a `cap`."""
    return TypedCap() if cap is None else TypedCap(str(cap.surveys), str(cap.days))


def read_typed_cap(fields: Mapping[str, str]) -> TypedCap:
    """What was typed, with the fields that are wrong."""
    typed, wrong = {name: fields.get(name, "").strip() for name in FIELDS}, []
    for name, text in typed.items():
        with_others = {"surveys": 1, "days": 1, name: text}
        try:
            msgspec.convert(with_others, SurveyCap, strict=False)
        except msgspec.ValidationError:
            wrong.append(name)
    return TypedCap(**typed, wrong=tuple(wrong) if any(typed.values()) else ())


def cap_of(typed: TypedCap) -> SurveyCap | None:
    """The cap that was typed without a fault; None for none."""
    return SurveyCap(int(typed.surveys), int(typed.days)) if typed.surveys else None
