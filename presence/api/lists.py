"""The buddy lists of a user as one XML document, to be read and written (RFC 4826)."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from presence.engine.errors import MalformedDocument, UnknownPresentity, UnsupportedMediaType
from presence.engine.media import RESOURCE_LISTS, is_resource_lists
from presence.engine.resource_lists import MAX_DEPTH, Entry, XmlList, parse, serialize
from provisioning.announce import announce
from provisioning.api.media import raw
from provisioning.history import recording
from provisioning.models import Alias, Persona, ResourceList, ResourceListMember
from provisioning.uri import Aor, BadUri

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


class AnyParser(BaseParser):
    """Bytes as they come; the view looks at their type."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> bytes:
        """Everything."""
        return bytes(stream.read())


class ResourceListsViewSet(viewsets.ViewSet):
    """All lists of one user, by any address that leads to it."""

    queryset = ResourceList.objects.none()
    lookup_field = "aor"
    lookup_value_regex = "[^/]+"
    parser_classes = [AnyParser]
    renderer_classes = [raw(RESOURCE_LISTS), JSONRenderer]
    serializer_class = serializers.Serializer

    @extend_schema(responses={(200, RESOURCE_LISTS): OpenApiTypes.STR})
    def retrieve(self, request: Request, aor: str) -> HttpResponse:
        """The document."""
        return HttpResponse(serialize(_lists(_owner(aor))), content_type=RESOURCE_LISTS)

    @extend_schema(request={RESOURCE_LISTS: OpenApiTypes.STR}, responses={204: None})
    def update(self, request: Request, aor: str) -> Response:
        """Replace the user's lists by those of the document; a list keeps its URI as long as it keeps its name."""
        if not is_resource_lists(request.content_type):
            raise UnsupportedMediaType((RESOURCE_LISTS,))
        owner = _owner(aor)
        document = parse(request.data)
        with recording.together():
            _Replacing(owner).all(document)
            announce(ResourceList)
        return Response(status=204)


def _owner(text: str) -> Persona:
    try:
        alias = Alias.objects.select_related("persona").filter(uri=Aor.parse(text)).first()
    except BadUri as error:
        raise serializers.ValidationError({"aor": str(error)}) from None
    if alias is None:
        raise UnknownPresentity(f"no user has the address {text}")
    return alias.persona


def _lists(owner: Persona) -> list[XmlList]:
    """The user's lists; one that is a member of another stands inside of it."""
    rows = {row.uri: row for row in owner.resource_lists.prefetch_related("members")}
    inner = {member.uri for row in rows.values() for member in row.members.all() if member.uri in rows}
    return [_as_xml(rows[uri], rows, MAX_DEPTH) for uri in rows if uri not in inner]


def _as_xml(row: ResourceList, rows: dict[Aor, ResourceList], depth: int) -> XmlList:
    found = XmlList(name=row.name or row.uri.user)
    for member in row.members.all():
        if member.uri in rows and depth > 1:
            found.lists.append(_as_xml(rows[member.uri], rows, depth - 1))
        else:
            found.entries.append(Entry(member.uri, member.name))
    return found


class _Replacing:
    """One document on its way into the tables."""

    def __init__(self, owner: Persona) -> None:
        self._owner = owner
        self._held = {row.name or row.uri.user: row for row in owner.resource_lists.all()}
        self._kept: set[int] = set()

    def all(self, document: list[XmlList]) -> None:
        for one in document:
            self._put(one)
        self._owner.resource_lists.exclude(pk__in=self._kept).delete()

    def _put(self, one: XmlList) -> ResourceList:
        name = one.name or one.display_name or "buddies"
        row = self._held.get(name)
        if row is None:
            row = self._held[name] = ResourceList(owner=self._owner, name=name, uri=self._free_uri(name))
            try:
                row.full_clean()
            except ValidationError as error:
                raise serializers.ValidationError(error.message_dict) from None
            row.save()
        elif row.pk in self._kept:
            raise MalformedDocument(f"two lists have the name “{name}”")
        self._kept.add(row.pk)
        members = {self._address(entry.uri): entry.name for entry in one.entries}
        for inner in one.lists:
            members.setdefault(self._put(inner).uri, "")
        row.members.all().delete()
        ResourceListMember.objects.bulk_create(
            ResourceListMember(list=row, position=number, uri=uri, name=name[:200])
            for number, (uri, name) in enumerate(members.items(), 1)
        )
        recording.written([row])
        return row

    def _address(self, text: str) -> Aor:
        try:
            return Aor.parse(text)
        except BadUri as error:
            raise MalformedDocument(f"an entry is not a SIP address: {error}") from None

    def _free_uri(self, name: str) -> Aor:
        """user-name@domain, with a number where that is taken."""
        stem = f"{self._owner.user}-{_NOT_IN_A_NAME.sub('-', name.lower()).strip('-') or 'list'}"
        number, uri = 1, Aor(f"sip:{stem}@{self._owner.aor.host}")
        while ResourceList.objects.filter(uri=uri).exists() or Alias.objects.filter(uri=uri).exists():
            number += 1
            uri = Aor(f"sip:{stem}-{number}@{self._owner.aor.host}")
        return uri
