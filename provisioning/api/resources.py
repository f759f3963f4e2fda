"""How resources of provisioned rows behave: versions, many rows at once, and edges that hear of every change."""

from typing import Any

from django.db.models import Model, ProtectedError
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from provisioning.announce import announce
from provisioning.api.bulk import Bulk
from provisioning.api.versions import Versioned, VersionedDestroy
from provisioning.history import recording


class Announced:
    """Edges hear of a change when its transaction is committed; of many in one request once."""

    def announce(self: Any) -> None:
        """Rows of this resource have changed."""
        if not self.many:
            announce(self.queryset.model)

    def perform_update(self: Any, serializer: serializers.BaseSerializer[Any]) -> None:
        """Save and announce."""
        with recording.together():
            serializer.save()
            self.announce()

    def finish(self: Any) -> None:
        """Announce what `announce` has held back."""
        announce(self.queryset.model)


class PolicyViewSet(Announced, Versioned, VersionedDestroy, Bulk, viewsets.ModelViewSet):
    """List, filter, search, create, change and delete, one by one or many at once; edges hear of every change."""

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a row, or, of a list, many."""
        if isinstance(request.data, list):
            return self.bulk_create(request)
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with recording.together():
            self.perform_create(serializer)
            return self.answer(self.reread(serializer.instance), 201)

    def perform_create(self, serializer: serializers.BaseSerializer[Any]) -> None:
        """Save and announce."""
        with recording.together():
            serializer.save()
            self.announce()

    def perform_destroy(self, instance: Model) -> None:
        """Delete and announce."""
        try:
            with recording.together():
                instance.delete()
                self.announce()
        except ProtectedError as error:
            raise serializers.ValidationError(str(error)) from None


class FixedRows(
    Announced,
    Versioned,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.UpdateModelMixin,
    viewsets.GenericViewSet,
):
    """Rows that are there from the start: they can be changed, not made or deleted."""

    many = False
