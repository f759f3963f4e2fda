"""The rules of a log-in to the messenger: who may sign in, at which edge it is, and what is swept."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from presence.models import EdgeLease
from provisioning.asking import NoAnswer
from provisioning.models import Alias, Domain, MessengerSettings, PeerLimits, Persona
from sipedge import tasks
from sipedge.messenger import browsers, history, sessions
from sipedge.messenger.browsers import Ended, SignInRefused
from sipedge.models import MessengerMessage, MessengerSession
from sipedge.throttle import Throttle

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture(autouse=True)
def _own_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsers, "_throttle", Throttle())


@pytest.fixture
def ann() -> Persona:
    return _user("example.org", "ann", "secret")


def _user(domain: str, user: str, password: str) -> Persona:
    persona = Persona(domain=Domain.objects.get_or_create(name=domain)[0], user=user)
    persona.set_password(password)
    persona.save()
    return persona


def _sign_in(name: str, password: str = "secret", *, now: datetime = NOW) -> MessengerSession:
    return browsers.sign_in(name, password, address="192.0.2.1", user_agent="Firefox", now=now)


@pytest.mark.parametrize(
    "name", ["ann", " ann ", "ann@example.org", "sip:ann@Example.org", "ann.other@example.org"]
)  # fmt: skip
def test_by_user_part_address_or_alias(ann: Persona, name: str) -> None:
    """R-ARC-03: the address in any spelling."""
    Alias.objects.create(uri="sip:ann.other@example.org", persona=ann)
    session = _sign_in(name)
    assert (session.persona, session.kind, session.expires_at) == (ann, "web", NOW + browsers.LASTS)
    assert browsers.find(session.id) == session


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", "wrong"), ("ann", ""), ("bob", "secret"), ("ann@", "secret"), ("", ""), ("a\0b", "x"), ("@", "secret")],
)
def test_whoever_is_not_known_is_refused_in_the_same_words(ann: Persona, name: str, password: str) -> None:
    """R-SEC-02: nobody learns which users there are."""
    with pytest.raises(SignInRefused, match="do not belong together"):
        _sign_in(name, password)


def test_a_disabled_user_and_one_without_a_password_are_refused(ann: Persona) -> None:
    """R-SEC-02: as at the SIP listeners."""
    Persona.objects.update(enabled=False)
    with pytest.raises(SignInRefused):
        _sign_in("ann")
    Persona(domain=ann.domain, user="bob").save()
    with pytest.raises(SignInRefused):
        _sign_in("bob", "")


def test_a_user_part_in_two_domains(ann: Persona) -> None:
    """R-AOR-01: the password decides, and where it does not the whole address has to."""
    other = _user("example.net", "ann", "different")
    assert _sign_in("ann", "different").persona == other
    other.set_password("secret")
    other.save()
    with pytest.raises(SignInRefused, match="whole address"):
        _sign_in("ann")
    assert _sign_in("ann@example.net").persona == other


def test_guessing_is_slowed_down(ann: Persona) -> None:
    """R-SEC-02: with the limits of the SIP listeners; then the right password is not looked at either."""
    PeerLimits.objects.update(wrong_of_user=3, first_block=30)
    for _ in range(3):
        with pytest.raises(SignInRefused, match="do not belong"):
            _sign_in("ann", "wrong")
    with pytest.raises(SignInRefused, match="Too many") as refused:
        _sign_in("ann")
    assert 0 < refused.value.wait <= 30
    assert _sign_in("ann", now=NOW + timedelta(seconds=31)).persona == ann


def test_nobody_signs_in_while_it_is_switched_off(ann: Persona) -> None:
    """R-IM-01: the operator's switch."""
    MessengerSettings.objects.update(enabled=False)
    with pytest.raises(SignInRefused, match="switched off"):
        _sign_in("ann")


def test_a_log_in_stays_at_its_edge_while_that_lives(ann: Persona) -> None:
    """R-ARC-03, R-IM-03: else it goes to the living one with the fewest."""
    one, two, three = (_sign_in("ann") for _ in range(3))
    with pytest.raises(NoAnswer):
        browsers._placed(one.id)
    _lease("edge-1"), _lease("edge-2")
    assert [browsers._placed(session.id).edge for session in (one, two, three, one)] == [
        "edge-1", "edge-2", "edge-1", "edge-1"
    ]  # fmt: skip
    _lease("edge-1", clean=True)
    assert browsers._placed(one.id).edge == "edge-2"
    _lease("edge-2", expires_at=NOW)
    with pytest.raises(NoAnswer):
        browsers._placed(one.id)


def test_what_ran_out_or_was_ended_is_over(ann: Persona) -> None:
    """R-IM-04: whoever still shows it is told so."""
    session = _sign_in("ann")
    _message(session.id, ann, 1)
    MessengerSession.objects.update(expires_at=NOW)
    assert browsers.find(session.id) is None
    with pytest.raises(Ended):
        browsers._placed(session.id)
    another = _sign_in("ann")
    sessions.end(another)
    with pytest.raises(Ended):
        browsers._renewed(another.id, NOW)


def test_a_log_in_in_use_is_written_down_now_and_then(ann: Persona) -> None:
    """R-IM-03: it lasts while it is used, and not every sign of life is a write."""
    session = _sign_in("ann")
    browsers._renewed(session.id, NOW + browsers.WRITTEN / 2)
    assert MessengerSession.objects.get().expires_at == NOW + browsers.LASTS
    later = NOW + browsers.WRITTEN * 2
    browsers._renewed(session.id, later)
    assert MessengerSession.objects.get().expires_at == later + browsers.LASTS


def test_messages_are_read_and_forgotten(ann: Persona) -> None:
    """D-34: the newest are shown, oldest first; all go with the log-in."""
    session = _sign_in("ann")
    for number in range(1, 6):
        _message(session.id, ann, number)
    assert [one["text"] for one in history.recent(session.id, 3)] == ["text 3", "text 4", "text 5"]
    history.mark_read(session.id, "sip:bob@example.org")
    assert not any(one["unread"] for one in history.recent(session.id, 9))
    sessions.forget(session.id)
    assert (MessengerSession.objects.count(), MessengerMessage.objects.count()) == (0, 0)


def test_the_sweep(ann: Persona) -> None:
    """R-IM-04: log-ins that ran out, messages without a log-in, and the oldest beyond the limit."""
    old, new = _sign_in("ann"), _sign_in("ann")
    MessengerSession.objects.filter(id=old.id).update(expires_at=NOW)
    MessengerSettings.objects.update(messages=10)
    _message(old.id, ann, 100)
    for number in range(1, 13):
        _message(new.id, ann, number)
    assert tasks.sweep_messenger() == 3
    assert MessengerSession.objects.get() == new
    assert history.recent(new.id, 99)[0]["text"] == "text 3"
    assert tasks.sweep_messenger() == 0


def _lease(edge: str, **changes: Any) -> None:
    row = {
        "host": "h", "started_at": NOW, "renewed_at": NOW, "settled_at": NOW, "clean": False,
        "expires_at": NOW + timedelta(seconds=30), **changes,
    }  # fmt: skip
    EdgeLease.objects.update_or_create(edge=edge, defaults=row)


def _message(session: str, persona: Persona, number: int) -> None:
    MessengerMessage.objects.create(
        id=number,
        version=1,
        session_id=session,
        persona=persona,
        peer="sip:bob@example.org",
        outgoing=False,
        text=f"text {number}",
        status=200,
        unread=True,
        created_at=NOW + timedelta(seconds=number),
    )
