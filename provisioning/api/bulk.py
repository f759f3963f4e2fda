"""Many rows in one request, all of them or none: a list instead of one object, at the address of the resource."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error

from provisioning.api.versions import lock
from provisioning.history import recording

MOST = 1000
"Rows of one request: on SQLite nobody else writes meanwhile, and a thousand rows take some seconds at most."

MOST_HASHED = 50
"Rows of one request with a PIN or a password that is hashed: each takes some 50 ms, and writers wait meanwhile."

TAKEN = "Another row has the same values, or one that this needs is gone."

Row = TypeVar("Row", bound=Model)
Made = TypeVar("Made")


class Bulk:
    """For view sets of models: POST, PUT and PATCH take a list of objects, DELETE a list of ids.

    `perform_create`, `perform_update` and `perform_destroy` are called for each row; a view set that knows a faster
    way for many overrides `create_many`, `update_many` or `destroy_many`.
    """

    hashed: str = ""
    "The field whose value is hashed slowly, so that few of them go into one request."

    many = False
    "Several rows are being written: what follows from them all is done once, in `finish`."

    def bulk_create(self: Any, request: Request) -> Response:
        """Make many rows."""
        return self._write(lambda: self.create_many(_objects(request.data, self.hashed)), 201)

    def bulk_update(self: Any, request: Request) -> Response:
        """Change many rows; each object names its `id`."""
        return self._write(lambda: self._change(_objects(request.data, self.hashed), False), 200)

    def partial_bulk_update(self: Any, request: Request) -> Response:
        """Change some fields of many rows; each object names its `id`."""
        return self._write(lambda: self._change(_objects(request.data, self.hashed), True), 200)

    def bulk_destroy(self: Any, request: Request) -> Response:
        """Delete many rows by their ids."""
        items = _listed(request.data)
        ids = [item.get("id") if isinstance(item, dict) else item for item in items]

        def remove() -> list[Model]:
            rows = self._rows(ids)
            look_at(ids, lambda id: known_row(rows, id))
            self.destroy_many([rows[id] for id in ids])
            return []

        self._write(remove, 204)
        return Response(status=204)

    def create_many(self: Any, items: Sequence[dict[str, Any]]) -> list[Model]:
        """Rows made of these objects, in their order; raises ValidationError, by index."""

        def make(item: dict[str, Any]) -> Model:
            serializer = self.get_serializer(data=item)
            serializer.is_valid(raise_exception=True)
            self.perform_create(serializer)
            made: Model = serializer.instance
            return made

        return each(items, make)

    def update_many(self: Any, items: Sequence[dict[str, Any]], rows: dict[Any, Model], partial: bool) -> list[Model]:
        """Rows, by id, changed as these objects say; raises ValidationError, by index."""

        def change(item: dict[str, Any]) -> Model:
            row = known_row(rows, item["id"])
            serializer = self.get_serializer(row, data=item, partial=partial)
            serializer.is_valid(raise_exception=True)
            self.perform_update(serializer)
            return row

        return each(items, change)

    def destroy_many(self: Any, rows: Sequence[Model]) -> None:
        """Delete these rows; raises ValidationError, by index."""
        each(rows, self.perform_destroy)

    def finish(self) -> None:
        """Whatever follows from all rows together; once, in their transaction."""

    def _change(self: Any, items: Sequence[dict[str, Any]], partial: bool) -> list[Model]:
        rows = self._rows([item.get("id") for item in items])
        look_at(items, lambda item: known_row(rows, item.get("id")))
        found: list[Model] = self.update_many(items, rows, partial)
        return found

    def _rows(self: Any, ids: Sequence[Any]) -> dict[Any, Model]:
        """The rows with these ids, locked."""
        look_at(ids, _is_id)
        if len(set(ids)) < len(ids):
            raise exceptions.ValidationError("A row is named twice.")
        lock(self.queryset.model, pk__in=ids)
        return {row.pk: row for row in self.get_queryset().filter(pk__in=ids)}

    def _write(self: Any, work: Callable[[], list[Model]], status: int) -> Response:
        self.many = True
        with recording.together():
            made = [row.pk for row in work()]
            self.finish()
            stored = {row.pk: row for row in self.get_queryset().filter(pk__in=made)} if made else {}
        return Response(self.get_serializer([stored[pk] for pk in made], many=True).data, status=status)


def each(items: Iterable[Any], act: Callable[[Any], Row]) -> list[Row]:
    """What `act` makes of each; raises ValidationError with what is wrong by index, after all were looked at."""
    done: list[Row] = []
    wrong: dict[str, Any] = {}
    for index, item in enumerate(items):
        try:
            with transaction.atomic():
                done.append(act(item))
        except exceptions.ValidationError as error:
            wrong[str(index)] = error.detail
        except ValidationError as error:
            wrong[str(index)] = as_serializer_error(error)
        except IntegrityError:
            wrong[str(index)] = {"non_field_errors": [TAKEN]}
    if wrong:
        raise exceptions.ValidationError(wrong)
    return done


def look_at(items: Iterable[Any], look: Callable[[Any], Made]) -> list[Made]:
    """`each` for what writes nothing."""
    done: list[Made] = []
    wrong: dict[str, Any] = {}
    for index, item in enumerate(items):
        try:
            done.append(look(item))
        except exceptions.ValidationError as error:
            wrong[str(index)] = error.detail
        except ValidationError as error:
            wrong[str(index)] = as_serializer_error(error)
    if wrong:
        raise exceptions.ValidationError(wrong)
    return done


def _listed(data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise exceptions.ParseError("A list is expected here; single rows have addresses of their own.")
    if not data:
        raise exceptions.ParseError("The list is empty.")
    if len(data) > MOST:
        raise exceptions.ParseError(f"{len(data)} rows; {MOST} at most go into one request.")
    return data


def _objects(data: Any, hashed: str) -> list[dict[str, Any]]:
    found = look_at(_listed(data), _is_object)
    if sum(hashed in item for item in found) > MOST_HASHED:
        raise exceptions.ParseError(f"“{hashed}” can be set for {MOST_HASHED} rows in one request.")
    return found


def _is_object(item: Any) -> Any:
    if not isinstance(item, dict):
        raise exceptions.ValidationError("An object is expected.")
    return item


LARGEST_ID = 2**63 - 1


def _is_id(id: Any) -> Any:
    if not isinstance(id, int) or isinstance(id, bool) or not 0 <= id <= LARGEST_ID:
        raise exceptions.ValidationError({"id": ["The id of a row is expected."]})
    return id


def known_row(rows: dict[Any, Model], id: Any) -> Model:
    if id not in rows:
        raise exceptions.ValidationError({"id": ["There is no such row."]})
    return rows[id]
