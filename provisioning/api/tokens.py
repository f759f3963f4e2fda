"""Tokens of the REST API as a resource: made, shown once, seen, changed, revoked."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from provisioning import tokens
from provisioning.api.serializers.tokens import ApiTokenSerializer, NewApiTokenSerializer
from provisioning.api.versions import Versioned, VersionedDestroy
from provisioning.models.tokens import ApiToken, Scope


class ApiTokenViewSet(Versioned, VersionedDestroy, viewsets.ModelViewSet):
    """Tokens of accounts; a token is revoked by deleting it."""

    queryset = ApiToken.objects.select_related("user")
    serializer_class = ApiTokenSerializer
    filterset_fields = {"user__username": ["exact"], "name": ["exact"], "expires_at": ["lt", "isnull"]}
    search_fields = ["name", "user__username", "key"]
    ordering_fields = ["name", "user__username", "created_at", "expires_at", "last_used_at"]
    unversioned = frozenset({"last_used_at"})
    scope = Scope.TOKENS

    @extend_schema(responses={201: NewApiTokenSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a token; the answer is the only place where it stands."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        token = ApiToken(**serializer.validated_data)
        whole = token.generate()
        token.save()
        response = Response({**self.get_serializer(token).data, "token": whole}, status=201)
        response["Cache-Control"] = "no-store"
        return response

    def perform_destroy(self, instance: ApiToken) -> None:
        """Revoke it, as far as its account may be changed."""
        if not tokens.may_make_for(self.request.user, instance.user):
            raise exceptions.PermissionDenied
        super().perform_destroy(instance)
