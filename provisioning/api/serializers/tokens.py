"""Tokens as JSON; the token itself is shown once."""

from typing import Any

from django.contrib.auth import get_user_model
from rest_framework import serializers

from provisioning import tokens
from provisioning.api.serializers.base import Validated, example
from provisioning.models.tokens import MOST_NETWORKS, PREFIX, ApiToken, Scope


class Networks(serializers.ListField):
    """A list; in the row a text."""

    def to_internal_value(self, data: Any) -> Any:
        """Joined."""
        return ", ".join(super().to_internal_value(data))

    def to_representation(self, data: str) -> list[str]:
        """Taken apart."""
        return [text for text in data.split(", ") if text]


@example(name="wall board in the lobby", scopes=["read"], networks=["192.0.2.0/24"])
class ApiTokenSerializer(Validated):
    """A token, without what it is worth."""

    user = serializers.SlugRelatedField(
        slug_field="username", queryset=get_user_model().objects.all(), required=False,
        help_text="The account; without it one's own. It stays what it is.",
    )  # fmt: skip
    scopes = serializers.ListField(
        child=serializers.ChoiceField(Scope.choices), allow_empty=False, max_length=len(Scope.values)
    )
    networks = Networks(
        child=serializers.CharField(max_length=49), required=False, max_length=MOST_NETWORKS,
        help_text="IP addresses and networks; empty: from anywhere.",
    )  # fmt: skip
    begins = serializers.SerializerMethodField(help_text="How the token begins, to tell it from others.")

    class Meta:
        model = ApiToken
        fields = ["id", "user", "name", "scopes", "networks", "expires_at", "begins", "created_at", "last_used_at"]
        read_only_fields = ["created_at", "last_used_at"]

    def get_begins(self, token: ApiToken) -> str:
        """What may be seen of it."""
        return f"{PREFIX}{token.key}"

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """No more than the one who asks has: account by account, and scope by scope."""
        request = self.context["request"]
        if self.instance is None:
            attrs.setdefault("user", request.user)
        elif "user" in attrs and attrs["user"] != self.instance.user:
            raise serializers.ValidationError({"user": "A token stays with its account; make another one."})
        if not tokens.may_make_for(request.user, attrs.get("user") or self.instance.user):
            raise serializers.ValidationError({"user": "You may not do this for this account."})
        if "scopes" in attrs:
            attrs["scopes"] = [one for one in Scope.values if one in attrs["scopes"]]
        found = super().validate(attrs)
        self._within(request.auth, found)
        return found

    def _within(self, own: Any, attrs: dict[str, Any]) -> None:
        if not isinstance(own, ApiToken):
            return
        more = [one for one in attrs.get("scopes", ()) if one not in own.scopes]
        if more:
            raise serializers.ValidationError({"scopes": f"Your own token has not: {', '.join(more)}."})
        until = attrs.get("expires_at", getattr(self.instance, "expires_at", None))
        if own.expires_at is not None and (until is None or until > own.expires_at):
            raise serializers.ValidationError({"expires_at": "Not later than your own token."})


class NewApiTokenSerializer(ApiTokenSerializer):
    """A token that was just made: `token` is shown now, and never again."""

    token = serializers.CharField(read_only=True)

    class Meta(ApiTokenSerializer.Meta):
        fields = [*ApiTokenSerializer.Meta.fields, "token"]
