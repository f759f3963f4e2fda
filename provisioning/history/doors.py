"""Who is changing provisioning, and by which door: said once by the door, read by whatever is recorded behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import models

NAME = 320
"Characters of who it was: an address of record has no more."


class Door(models.TextChoices):
    """Where a change came in."""

    ADMIN = "admin", "Administration"
    REST = "rest", "REST"
    FILE = "file", "Provisioning file"
    MESSENGER = "messenger", "Messenger"
    COMMAND = "command", "Command line"
    SYSTEM = "system", "The system"


@dataclass(frozen=True, slots=True)
class Author:
    """Who has made a change."""

    door: Door
    name: str = ""
    "Of an account, the address of a user, or the name of a file; empty: nobody in particular."
    account: int | None = None
    "Id of the account, which may be gone since."


@dataclass(frozen=True, slots=True)
class _Acting:
    door: Door
    name: str
    request: Any
    "Whose account is looked at when it is needed: REST finds it only after its token was read."


_acting: ContextVar[_Acting | None] = ContextVar("acting", default=None)


@contextmanager
def acting(door: Door, *, name: str = "", request: Any = None) -> Iterator[None]:
    """What is changed within is changed by this door, in this name or by the account of the request."""
    token = _acting.set(_Acting(door, name[:NAME], request))
    try:
        yield
    finally:
        _acting.reset(token)


def author() -> Author:
    """Who is changing something now; the system, where no door has said otherwise."""
    found = _acting.get()
    if found is None:
        return Author(Door.SYSTEM)
    user = getattr(found.request, "user", None)
    if user is not None and user.is_authenticated:
        return Author(found.door, str(user.get_username())[:NAME], user.pk)
    return Author(found.door, found.name)
