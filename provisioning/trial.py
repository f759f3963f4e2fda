"""Trying a change out: it is made as it would be, looked at, and taken back; nobody else ever hears of it.

Everything runs in a transaction that is rolled back. So what waits for the commit never runs, and what receivers of
signals have written is gone as well; hints that do not wait for a commit are held back by the bus (`running`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import transaction

_running: ContextVar[bool] = ContextVar("trial", default=False)


@contextmanager
def trial() -> Iterator[None]:
    """What is written in here is there until the end of the block; then it never was."""
    before = _running.set(True)
    try:
        with transaction.atomic():
            try:
                yield
            finally:
                transaction.set_rollback(True)
    finally:
        _running.reset(before)


def running() -> bool:
    """This thread or task is trying something out."""
    return _running.get()
