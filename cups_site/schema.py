"""The OpenAPI document: what every resource can answer beside what it says itself."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser

from cups_site.problems import PROBLEM
from provisioning.api.bulk import MOST, Bulk
from provisioning.api.versions import Versioned

BULK = {
    "bulk_update": "bulk_update", "partial_bulk_update": "bulk_partial_update", "bulk_destroy": "bulk_destroy",
}  # fmt: skip
"Actions that take a list and nothing else, and what they are called."

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "Made up by the client for this one change: the same key again has the same answer, and no effect.",
}  # fmt: skip
IF_MATCH = {
    "name": "If-Match", "in": "header", "required": False, "schema": {"type": "string"},
    "description": "The ETag of what was read: if the row has changed since, nothing happens, and the answer is 412.",
}  # fmt: skip
IF_NONE_MATCH = {
    "name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string"},
    "description": "The ETag of what is known: if it is still so, the answer is 304 and empty.",
}  # fmt: skip
ETAG = {"description": "Of the row as it is now, for If-Match and If-None-Match.", "schema": {"type": "string"}}
RETRY_AFTER = {"description": "Seconds.", "schema": {"type": "integer"}}

MEANINGS = {
    400: "The request is not valid; `errors` says which fields, or, for a list, which of its elements.",
    401: "No token, or none that counts.",
    403: "The account may not do this, or its token has not the scope.",
    404: "There is nothing at this address.",
    406: "The answer cannot be had in a type that Accept names.",
    409: "Another change is in the way; or a request with this Idempotency-Key is being answered.",
    412: "It has changed since it was read.",
    413: "The request is too large.",
    415: "The body is not of a type that is read here.",
    422: "The request is understood, but cannot be done; or its Idempotency-Key belongs to another request.",
    429: "Too many requests; Retry-After says when to go on.",
    503: "It cannot be done now, because the database or an edge is away; Retry-After says when to try again.",
}
"Status -> what it means in this API."


class ProblemSerializer(serializers.Serializer):
    """What is wrong (RFC 9457)."""

    type = serializers.CharField(help_text="about:blank: the status says it all.")
    title = serializers.CharField(help_text="The status in words.")
    status = serializers.IntegerField(help_text="The status.")
    detail = serializers.CharField(required=False, help_text="What is wrong, for people.")
    errors = serializers.JSONField(
        required=False, help_text="What is wrong with which field; for a list, with which element by index."
    )
    reason = serializers.CharField(required=False, help_text="What the other side has said, in words.")


class Schema(AutoSchema):
    """Describes versions, lists of rows, repeated requests and errors once for all resources.

    `x-problems` among the extensions of an operation names statuses that only this one has.
    """

    def map_parsers(self) -> list[Any]:
        """JSON, or what the view reads instead; forms are read too, for the sake of old scripts."""
        return [
            parser.media_type
            for parser in self.view.get_parsers()
            if not isinstance(parser, FormParser | MultiPartParser)
        ]

    def get_operation_id(self) -> str:
        """Of many rows at once by what is done to them."""
        name = BULK.get(getattr(self.view, "action", ""))
        return (
            f"{'_'.join(self._tokenize_path()).replace('-', '_')}_{name}" if name else str(super().get_operation_id())
        )

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """The description of one method at one address."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        action = getattr(self.view, "action", None)
        if isinstance(self.view, Bulk) and (action in BULK or action == "create"):
            self._describe_lists(operation, str(action))
        if isinstance(self.view, Versioned):
            _describe_versions(operation, str(action))
        if self.method == "POST":
            operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
        self._describe_errors(operation)
        return operation

    def _describe_lists(self, operation: dict[str, Any], action: str) -> None:
        if action == "bulk_destroy":
            operation["requestBody"] = _body({"type": "integer"})
            return
        asked = operation["requestBody"]["content"]
        for media in list(asked):
            one = asked[media]["schema"]
            if action == "create":
                asked[media]["schema"] = {"oneOf": [one, _array(one)]}
            else:
                named = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
                asked[media] = {"schema": _array({"allOf": [one, named]})}
        operation["requestBody"]["required"] = True
        for answer in operation["responses"].values():
            for media, content in answer.get("content", {}).items():
                one = content["schema"]
                answer["content"][media] = (
                    {**content, "schema": {"oneOf": [one, _array(one)]}}
                    if action == "create"
                    else {"schema": _array(one)}
                )

    def _describe_errors(self, operation: dict[str, Any]) -> None:
        found = {401, 403, 406, 429, 503, *operation.pop("x-problems", ())}
        places = {one["in"] for one in operation.get("parameters", ())}
        if "path" in places:
            found.add(404)
        if places & {"path", "query"} or self.method in ("POST", "PUT", "PATCH") or "requestBody" in operation:
            found.add(400)
        if self.method in ("POST", "PUT", "PATCH") or "requestBody" in operation:
            found |= {409, 413, 415}
        if self.method == "POST":
            found.add(422)
        if isinstance(self.view, Versioned) and getattr(self.view, "action", None) in CHANGES:
            found |= {409, 412}
        schema = self.resolve_serializer(ProblemSerializer, "response").ref
        for status in sorted(found):
            answer: dict[str, Any] = {
                "description": MEANINGS.get(status) or HTTPStatus(status).phrase,
                "content": {PROBLEM: {"schema": schema}},
            }
            if status in (429, 503):
                answer["headers"] = {"Retry-After": RETRY_AFTER}
            operation["responses"].setdefault(str(status), answer)


CHANGES = {"update", "partial_update", "destroy"}


def _describe_versions(operation: dict[str, Any], action: str) -> None:
    if action in CHANGES:
        operation.setdefault("parameters", []).append(IF_MATCH)
    if action == "retrieve":
        operation.setdefault("parameters", []).append(IF_NONE_MATCH)
        operation["responses"]["304"] = {"description": "It is still what If-None-Match names."}
    if action in ("create", "retrieve", "update", "partial_update"):
        for status, answer in operation["responses"].items():
            if status in ("200", "201"):
                answer.setdefault("headers", {})["ETag"] = ETAG


def _array(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema, "minItems": 1, "maxItems": MOST}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": _array(schema)}}, "required": True}
