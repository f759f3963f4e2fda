"""Instant messages at a running edge (section 9, RFC 3428, D-34, D-35); F-6 is in `test_transports`."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.phone import DOMAIN, Phone
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system
Make = Callable[..., Phone]


def test_the_best_contacts_are_tried_first(phone: Make) -> None:
    """D-34, R-REG-03: falling q, equal q in parallel; the first 2xx wins, and later ones are not bothered."""
    sender, desk, laptop, pocket = (phone("u180"), *(phone("u181") for _ in range(3)))
    desk.register(f"{desk.contact};q=0.9")
    laptop.register(f"{laptop.contact};q=0.9")
    pocket.register(f"{pocket.contact};q=0.1")
    assert sender.message(desk.aor, "first").status == 200
    desk.reads("first")
    laptop.reads("first")
    assert not pocket.messages
    desk.answer_with = laptop.answer_with = 486
    assert sender.message(desk.aor, "second").status == 200
    pocket.reads("second")
    pocket.answer_with = 415
    assert sender.message(desk.aor, "third").status in (415, 486)
    desk.answer_with = 603
    assert sender.message(desk.aor, "fourth").status == 603
    assert len(pocket.messages) == 2, "the user itself has declined"
    desk.answer_with = laptop.answer_with = 0
    pocket.answer_with = 200
    began = time.monotonic()
    assert sender.message(desk.aor, "fifth").status == 200
    assert time.monotonic() - began < 20, "who does not answer holds nobody up"


def test_what_a_contact_answers_goes_back(phone: Make) -> None:
    """D-34, RFC 3261 section 16.7: status and tag of the recipient."""
    sender, recipient = phone(), phone()
    recipient.register()
    recipient.answer_with = 488
    answer = sender.message(recipient.aor)
    assert answer.status == 488 and answer.to.tag


def test_a_contact_that_leads_back_to_us_is_not_followed(running: Deployment, phone: Make) -> None:
    """D-34, D-39, RFC 3261 section 16.3: no loop, and everybody else is served."""
    sender, honest = phone(), phone()
    with running.phone("u183", transport="TCP") as vain:
        ours = f"sip:u183@{DOMAIN}:{running.engine};transport=tcp;maddr=127.0.0.1"
        vain.register(*(f"<{ours};x{number}={number}>" for number in range(20)))
        recipient = vain.aor
    began = time.monotonic()
    assert sender.message(recipient).status in (480, 482)
    assert honest.register().status == 200
    assert time.monotonic() - began < 10
    with running.phone("u183") as vain:
        vain.ask("REGISTER", f"sip:{DOMAIN}", [("Contact", "*"), ("Expires", "0")], Contact=None)


def test_nobody_there(phone: Make) -> None:
    """D-02, D-34: 480 without a binding, 404 for nobody of ours, also by an alias that does not exist."""
    sender = phone()
    assert sender.message(f"sip:ippm4@{DOMAIN}").status == 480
    assert sender.message(f"sip:nobody@{DOMAIN}").status == 404


def test_the_request_uri_says_who_it_is(phone: Make) -> None:
    """V-28, D-01: To and From of other domains do not matter."""
    sender, recipient = phone(), phone("xten3")
    recipient.register()
    answer = sender.message(f"sip:xten.three@{DOMAIN}", "by alias", To="<sip:xten4@cisco.com>")
    assert answer.status == 200
    recipient.reads("by alias")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("text/plain", 200),
        ("TEXT/PLAIN; charset=UTF-8", 200),
        ("text/html", 415),
        ("application/im-iscomposing+xml", 200),
        ("message/imdn+xml", 200),
        ("message/cpim", 415),
    ],
)
def test_types_that_are_carried(phone: Make, kind: str, status: int) -> None:
    """R-MSG-04, D-08: text, typing notices and delivery reports; 415 says what is accepted."""
    sender, recipient = phone(), phone()
    recipient.register()
    answer = sender.message(recipient.aor, kind, kind)
    assert answer.status == status
    assert answer.get("Accept") == ("text/plain" if status == 415 else None)


def test_a_report_is_relayed_byte_for_byte(phone: Make) -> None:
    """D-08: as liblinphone sends it, deflated."""
    sender, recipient = phone(), phone()
    recipient.register()
    body = bytes(range(256))
    answer = sender.message(
        recipient.aor,
        kind="message/imdn+xml",
        body=body,
        Content_Encoding="deflate",
        Content_Disposition="notification",
    )
    assert answer.status == 200
    got = wait_until(lambda: recipient.messages and recipient.messages[-1], "the report")
    assert got.body == body and got.get("Content-Encoding") == "deflate"
    assert got.get("Content-Disposition") == "notification"


def test_a_long_message_is_refused(phone: Make) -> None:
    """D-35: 413 above the configured size, and what fits arrives whole."""
    sender, recipient = phone(transport="TCP"), phone(transport="TCP")
    recipient.register()
    assert sender.message(recipient.aor, "x" * 8000).status == 200
    recipient.reads("x" * 8000)
    assert sender.message(recipient.aor, "x" * 8001).status == 413


def test_somebody_elses_identity_is_refused(phone: Make) -> None:
    """D-14, V-25, R-MSG-03: 403; Remote-Party-ID is not passed on."""
    sender, recipient = phone(), phone()
    recipient.register()
    assert sender.message(recipient.aor, P_Asserted_Identity=f"<{recipient.aor}>").status == 403
    assert sender.message(recipient.aor, "mine", Remote_Party_ID=f"<{recipient.aor}>").status == 200
    assert recipient.reads("mine").get("Remote-Party-ID") is None
    assert sender.message(recipient.aor, Max_Forwards="0").status == 483
    assert sender.ask("MESSAGE", recipient.aor, login=False).status == 407  # D-45


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus, provisioned=PROVISIONED) as found:
        found.manage(
            "shell", "-v0", "-c",
            "from provisioning.models import *; Persona.objects.filter(user__in=['u1','u2','u3','u4']).update("
            "offline_messages=True); EngineSettings.objects.update(offline_limit=5)",
        )  # fmt: skip
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def test_messages_wait_for_their_recipient(deployment: Deployment) -> None:
    """D-34: 202, then in order at the next REGISTER, once, from their senders; reports are never kept (D-08)."""
    with deployment.phone("u9") as sender:
        for number in range(5):
            assert sender.message("u1", f"text {number}").status == 202
        assert sender.message("u1", "one too many").status == 480
        assert sender.message("u2", kind="application/im-iscomposing+xml").status == 480
        assert sender.message("u5").status == 480, "off for this user"
        with deployment.phone("u1") as recipient:
            recipient.register()
            recipient.reads("text 4")
            assert [one.body.decode() for one in recipient.messages] == [f"text {number}" for number in range(5)]
            first = recipient.messages[0]
            assert first.from_.uri_text == sender.aor and first.get("P-Asserted-Identity") == f"<{sender.aor}>"
            assert first.get("Date") and first.get("Content-Type") == "text/plain"
            time.sleep(0.5)
            recipient.register()
            time.sleep(0.5)
            assert len(recipient.messages) == 5
            recipient.register(expires=0)


def test_a_message_that_is_refused_for_good_holds_nobody_up(deployment: Deployment) -> None:
    """D-34."""
    with deployment.phone("u9") as sender, deployment.phone("u2") as recipient:
        assert sender.message("u2", "first").status == 202
        assert sender.message("u2", "second").status == 202
        assert sender.message("u2", Content_Encoding="deflate").status == 480, "only what can be kept whole"
        recipient.answer_with = 415
        recipient.register()
        recipient.reads("second")
        recipient.register(expires=0)


def test_kept_messages_survive_a_kill(deployment: Deployment) -> None:
    """D-34: what was answered 202 is durable; one that could not be delivered waits for the next REGISTER."""
    with deployment.phone("u9") as sender:
        assert sender.message("u3", "before").status == 202
    deployment.edge.kill()
    deployment.edge.wait()
    deployment.start_edge()
    with deployment.phone("u3") as recipient:
        recipient.answer_with = 500
        recipient.register(f"{recipient.contact};q=0.5")
        recipient.reads("before")
        recipient.messages.clear()
        recipient.answer_with = 200
        recipient.register(f"{recipient.contact};q=0.5")
        recipient.reads("before")


def test_kept_messages_expire(deployment: Deployment) -> None:
    """D-34: after their time nobody gets them, and the sweep deletes them."""
    with deployment.phone("u9") as sender:
        assert sender.message("u4", "late").status == 202
    deployment.manage(
        "shell", "-v0", "-c",
        "from datetime import timedelta; from django.db.models import F; from sipedge.models import StoredMessage;"
        "StoredMessage.objects.update(expires_at=F('expires_at') - timedelta(days=8))",
    )  # fmt: skip
    with deployment.phone("u4") as recipient:
        recipient.register()
        time.sleep(0.5)
        assert not recipient.messages
    swept = deployment.manage("shell", "-v0", "-c", "from sipedge.tasks import sweep_messages; print(sweep_messages())")
    assert int(swept) >= 1


def test_a_contact_in_a_message_is_nobodys_business(phone: Make) -> None:
    """V-29, R-STD-10, RFC 3428 section 4: accepted, and not passed on."""
    sender, recipient = phone(), phone()
    recipient.register()
    assert sender.message(recipient.aor, "with a Contact", Contact=sender.contact).status == 200
    assert recipient.reads("with a Contact").get("Contact") is None


def test_a_message_too_large_for_a_datagram_goes_over_tcp(running: Deployment, phone: Make) -> None:
    """R-TRN-01, RFC 3261 18.1.1: to a client on UDP that listens on TCP too; else in fragments."""
    sender, recipient, deaf = phone(transport="TCP"), phone(), phone()
    host, port = recipient.socket.getsockname()
    recipient.release_tcp()
    with socket.create_server((host, port)) as listening:
        for one in (recipient, deaf):
            one.register()
        asked = threading.Thread(target=lambda: sender.message(recipient.aor, "x" * 3000), daemon=True)
        asked.start()
        listening.settimeout(20)
        with listening.accept()[0] as stream:
            stream.settimeout(20)
            assert stream.recv(65535).startswith(b"MESSAGE ")
        assert sender.message(deaf.aor, "y" * 3000).status == 200
        deaf.reads("y" * 3000)
