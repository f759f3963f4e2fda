"""From policy rows to what a watcher sees, and why: judgement (DESIGN section 6)."""

import pytest

from presence import access
from presence.engine.authorization import Effect
from presence.rows import FOREIGN, LIST, USER, key_of
from provisioning.policy import (
    AclFacts,
    ClientFilterFacts,
    ListFacts,
    Policy,
    PrivacyListFacts,
    RuleFacts,
    ServerFacts,
    SourceFacts,
)
from provisioning.uri import Aor
from tests.presence.cast import JOE, PEOPLE

BASE = Policy(
    **PEOPLE,
    sources={"Manually set by persona": SourceFacts(100, True)},
    rules=(RuleFacts("busy_only", "busy"), RuleFacts("otherwise", "available")),
    domain_filters={"example.org": "im_only"},
    client_filters=(
        ClientFilterFacts("MeetingPlace", "", "phone_only"),
        ClientFilterFacts("MeetingPlace", "5.1", "person_only"),
    ),
    lists={Aor("sip:team@cisco.com"): ListFacts(Aor("sip:team@cisco.com"), None, "", ())},
    servers={7: ServerFacts(7, "cm", "127.0.0.1", "udp", "cm.cisco.com", None, False, "", True)},
)


def judge(watcher: str, user_agent: str = "", policy: Policy = BASE) -> access.Judgement:
    aor = Aor.parse(watcher)
    return access.judge(policy, watcher=aor, watcher_persona=policy.resolve(aor), presentity=JOE, user_agent=user_agent)


@pytest.mark.parametrize(
    ("watcher", "user_agent", "filters"),
    [
        ("ann@cisco.com", "", set()),
        ("ann@cisco.com", "MeetingPlace", {"phone_only"}),
        ("ann@cisco.com", "meetingplace/4.0", {"phone_only"}),
        ("ann@cisco.com", "MeetingPlace/5.1.2", {"person_only"}),
        ("ann@cisco.com", "eyeBeam release 1", set()),
        ("bob@example.org", "", {"im_only"}),
        ("bob@EXAMPLE.org", "MeetingPlace/4.0", {"im_only", "phone_only"}),
        ("bob@sub.example.org", "", set()),
    ],
)
def test_watcher_filters_go_by_domain_and_client(watcher: str, user_agent: str, filters: set[str]) -> None:
    """R-SUB-10, R-SUB-16, R-SUB-17, R-SUB-18, R-CMP-05, D-17, D-18: a version beats none; both apply."""
    assert judge(watcher, user_agent).view.filters == filters


def test_privacy_and_watcher_filters_apply_both() -> None:
    """R-CMP-03, D-16, D-18."""
    privacy = {1: (PrivacyListFacts("default", "", "video_only", frozenset({"mobile"}), frozenset(), frozenset()),)}
    view = judge("ann@cisco.com", "MeetingPlace", Policy(**{**_fields(BASE), "privacy": privacy})).view
    assert view.filters == {"video_only", "phone_only"} and view.hidden == {"mobile"}


def test_access_lists_know_a_watcher_by_all_its_addresses() -> None:
    """R-SUB-09, D-01."""
    acl = {1: AclFacts("block", {"sip:a@cisco.com": "allow"}, {})}
    policy = Policy(**{**_fields(BASE), "acls": acl})
    assert judge("ann@cisco.com", policy=policy).effect is Effect.ALLOW
    assert judge("bob@cisco.com", policy=policy).effect is Effect.BLOCK


@pytest.mark.parametrize(
    ("uri", "kind", "key"),
    [
        ("joseph@cisco.com", USER, 1),
        ("team@cisco.com", LIST, key_of("sip:team@cisco.com")),
        ("5555@cm.cisco.com", FOREIGN, key_of("sip:5555@cm.cisco.com")),
        ("nobody@cisco.com", None, None),
        ("nobody@elsewhere.example", None, None),
    ],
)
def test_an_address_leads_to_a_user_a_list_or_a_foreign_server(uri: str, kind: str | None, key: int | None) -> None:
    """R-SUB-06, D-01, D-02."""
    target = access.target_of(BASE, Aor.parse(uri))
    assert (target.kind, target.key) == (kind, key) if kind is not None and target is not None else target is None


def _fields(policy: Policy) -> dict[str, object]:
    return {name: getattr(policy, name) for name in policy.__dataclass_fields__}
