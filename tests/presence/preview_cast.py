"""People, states and subscriptions for tests of previews."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from presence.models import Publication, Subscription
from provisioning.models import Domain, Persona, UserAgentCapability
from tests.presence.engine.documents import device, person, presence

JOE, ANN, BOB = "sip:joe@cisco.com", "sip:ann@cisco.com", "sip:bob@cisco.com"
PHONE = presence(device("desk", contact="sip:joe@desk"), person("rpid:on-the-phone"))
LAPTOP = presence(device("laptop", contact="sip:joe@laptop", caps="t"))


def people() -> dict[str, Persona]:
    """Joe with a phone and a laptop, who is watched; Ann and Bob."""
    domain = Domain.objects.create(name="cisco.com")
    found = {}
    for name in ("joe", "ann", "bob"):
        found[name] = Persona(domain=domain, user=name)
        found[name].save()
    UserAgentCapability.objects.get_or_create(client_type="Cisco-CCM", defaults={"audio": True, "text": False})
    publish(7, PHONE, "Cisco-CCM5.1")
    publish(8, LAPTOP)
    return found


def publish(id: int, body: bytes, client: str = "eyeBeam", of: str = JOE) -> None:
    """A component of state."""
    now = timezone.now()
    Publication.objects.create(
        id=id, version=1, persona=Persona.objects.get(aor=of), publisher=of, user_agent=client, door="sip",
        content_type="application/pidf+xml", body=body, created_at=now, changed_at=now, updated_at=now,
        expires_at=now + timedelta(hours=1),
    )  # fmt: skip


def watch(id: int, watcher: str, uri: str = JOE, **changes: Any) -> None:
    """A live subscription."""
    now = timezone.now()
    values = {
        "kind": "user", "event_id": "", "accept": "", "eventlist": False, "user_agent": "MeetingPlace/5.1",
        "state": "active", "reason": "", "edge": "edge-1", "dialog": "[]", "cseq": 1, "sent_digest": "",
        "created_at": now, "updated_at": now, "expires_at": now + timedelta(hours=1), **changes,
    }  # fmt: skip
    if values["kind"] == "user" and "persona" not in values:
        values["persona"] = Persona.objects.filter(aliases__uri=uri).first()
    Subscription.objects.create(id=id, version=1, watcher=watcher, uri=uri, **values)
