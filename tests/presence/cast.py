"""Who watches whom in tests of rules: two users, each with an alias, and a day."""

from datetime import UTC, datetime
from typing import Any

from provisioning.policy import PersonaFacts
from provisioning.uri import Aor

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOE = PersonaFacts(1, Aor("sip:joe@cisco.com"), "Joe", True, aliases=(Aor("sip:joseph@cisco.com"),))
ANN = PersonaFacts(2, Aor("sip:ann@cisco.com"), "Ann", True, aliases=(Aor("sip:a@cisco.com"),))

PEOPLE: dict[str, Any] = {
    "personas": {1: JOE, 2: ANN},
    "aliases": {uri: one.id for one in (JOE, ANN) for uri in one.addresses},
}
"Both, as a policy has them."
