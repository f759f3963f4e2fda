"""Who asks: tokens with a purpose, and plain ones, both in `Authorization: Token ...`."""

from typing import Any

from django.utils import timezone
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from provisioning import tokens
from provisioning.models.tokens import PREFIX


class Tokens(TokenAuthentication):
    """A token counts together with what it is used for: its scopes are looked at here, for every view alike."""

    address = ""
    "Where the one who shows the token is."

    def authenticate(self, request: Request) -> Any:
        """Account and token; raises AuthenticationFailed, PermissionDenied for a scope that it has not."""
        self.address = request.META.get("REMOTE_ADDR", "")
        found = super().authenticate(request)
        view = (request.parser_context or {}).get("view")
        scopes = getattr(found[1], "scopes", None) if found is not None else None
        if view is not None and scopes is not None:
            scope = tokens.needed(request.method or "", view)
            if scope not in scopes:
                raise PermissionDenied(f"This token has not the scope “{scope}”.")
        return found

    def authenticate_credentials(self, key: str) -> Any:
        """Of one text; raises AuthenticationFailed."""
        if not key.startswith(PREFIX):
            return super().authenticate_credentials(key)
        try:
            token = tokens.find(key, self.address, timezone.now())
        except tokens.BadToken as error:
            raise AuthenticationFailed(str(error)) from None
        return token.user, token
