"""Who is let in, and as whom (REQUIREMENTS 4, D-14, D-21, D-45, D-50); what is refused is in `test_digest`."""

import hashlib
from collections.abc import Callable

import pytest

from sipedge.sip.digest import MD5, SHA256
from tests.phone import Phone, pidf
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system
Make = Callable[..., Phone]

SUBSCRIBE = [("Event", "presence"), ("Expires", "600")]


def test_the_proxy_challenges_with_both_algorithms_strongest_first(phone: Make) -> None:
    """R-SEC-02, D-21, D-45: 401 for REGISTER, 407 for everything else; RFC 8760."""
    one = phone()
    challenge = one.register(login=False)
    assert challenge.status == 401
    assert [("SHA-256" in value, "MD5" in value) for value in challenge.get_all("WWW-Authenticate")] == [
        (True, False),
        (False, True),
    ]
    for method in ("SUBSCRIBE", "PUBLISH", "OPTIONS", "MESSAGE", "INVITE"):
        answer = one.ask(method, one.aor, SUBSCRIBE, login=False)
        assert (answer.status, len(answer.get_all("Proxy-Authenticate"))) == (407, 2), method


@pytest.mark.parametrize("algorithm", [SHA256, MD5])
def test_a_wrong_password_is_challenged_again(phone: Make, algorithm: str) -> None:
    """R-SEC-02: never let in, never told more than a challenge."""
    answer = phone(password="wrong", algorithm=algorithm).register()
    assert answer.status == 401
    assert "stale" not in (answer.get("WWW-Authenticate") or "")


def test_a_challenged_request_repeated_with_the_same_branch_is_new(phone: Make) -> None:
    """D-45: libpurple repeats branch, CSeq and Call-ID."""
    one = phone()
    request = one.build("SUBSCRIBE", one.aor, SUBSCRIBE)
    challenge = one.exchange(request)
    assert challenge.status == 407
    request.headers.append(one.credentials(challenge, "SUBSCRIBE", one.aor))
    seen = len(one.responses)
    one.send(request.encode())
    from tests.waiting import wait_until

    answer = wait_until(lambda: one.responses[seen:], "the answer to the repeated request")[0]
    assert answer.status == 200


def test_credentials_of_another_method_or_target_do_not_help(phone: Make) -> None:
    """R-SEC-02."""
    one = phone()
    challenge = one.ask("SUBSCRIBE", one.aor, SUBSCRIBE, login=False)
    stolen = one.credentials(challenge, "SUBSCRIBE", one.aor)
    headers = [("Event", "presence"), ("Content-Type", "application/pidf+xml"), stolen]
    assert one.ask("PUBLISH", one.aor, headers, pidf(one.aor), login=False).status == 407
    other = one.credentials(challenge, "SUBSCRIBE", "sip:u199@compb.cisco.com")
    assert one.ask("SUBSCRIBE", one.aor, [*SUBSCRIBE, other], login=False).status == 400, "RFC 7616 section 3.4.6"


def test_the_old_form_without_qop_is_accepted(phone: Make) -> None:
    """D-45: RFC 2069 with a quoted nc, the nonce used again with the next count, as GAIM's heirs do."""
    one = phone(algorithm=MD5)
    target = f"sip:{one.aor.host}"
    challenge = one.register(login=False)
    value = next(v for v in challenge.get_all("WWW-Authenticate") if "MD5" in v)
    nonce = value.partition('nonce="')[2].partition('"')[0]

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    response = md5(f"{md5(f'{one.aor.user}:compb.cisco.com:secret')}:{nonce}:{md5(f'REGISTER:{target}')}")
    for count in ("00000001", "00000002"):
        credentials = (
            f'Digest username="{one.aor.user}", realm="compb.cisco.com", nonce="{nonce}", uri="{target}", '
            f'nc="{count}", response="{response}"'
        )
        answer = one.ask("REGISTER", target, [("Expires", "60"), ("Authorization", credentials)], login=False)
        assert answer.status == 200


def test_the_user_name_may_carry_the_domain(running: Deployment, phone: Make) -> None:
    """D-50: user@domain has secrets of its own."""
    one = phone()
    challenge = one.register(login=False)
    target = f"sip:{one.aor.host}"
    plain = one.aor

    class Full(str):
        user = plain[4:]
        host = plain.host

    one.aor = Full(plain)  # type: ignore[assignment]
    name, text = one.credentials(challenge, "REGISTER", target)
    one.aor = plain
    assert f'username="{plain[4:]}"' in text
    assert one.ask("REGISTER", target, [("Expires", "60"), (name, text)], login=False).status == 200


def test_an_identity_of_ones_own_is_validated(phone: Make) -> None:
    """R-SUB-08, D-14, V-25: one's own is taken, another one's is 403."""
    one, other = phone(), phone()
    assert one.register(P_Asserted_Identity=f"<{one.aor}>").status == 200
    assert one.register(P_Asserted_Identity=f"<{other.aor}>").status == 403
    assert one.publish(pidf(one.aor), P_Asserted_Identity=f"<{other.aor}>").status == 403


def test_identity_headers_of_a_client_mean_nothing_at_the_proxy(phone: Make) -> None:
    """D-14: Remote-Party-ID and From do not make somebody else of the authenticated user."""
    one, other = phone(), phone()
    assert one.publish(pidf(other.aor), to=other.aor, Remote_Party_ID=f"<{other.aor}>").status == 403
    assert one.publish(pidf(one.aor), Remote_Party_ID=f"<{other.aor}>").status == 200


def test_a_stranger_at_the_engine_is_refused_without_a_challenge() -> None:
    """R-SEC-01, R-SEC-03, R-SEC-04, D-21: trusted peers only, by IP address; 403."""
    provisioned = """
domains: [compb.cisco.com]
users: [{uri: "u1@compb.cisco.com", password: secret}]
"""
    with deployed(provisioned=provisioned) as deployment:
        deployment.start_edge()
        with deployment.peer("u1", source="127.0.0.9") as one:
            answer = one.publish(pidf(one.aor))
            assert answer.status == 403
            assert answer.get("WWW-Authenticate") is None and answer.get("Proxy-Authenticate") is None


def test_the_access_list_lets_through_and_says_whose_identity_counts() -> None:
    """D-14, D-22: a hit is not challenged; with the mark it asserts identities, without it From is taken."""
    provisioned = """
domains: [compb.cisco.com]
users: [{uri: "u1@compb.cisco.com", password: secret}, {uri: "u2@compb.cisco.com", password: secret}]
access_list: [{address: 127.0.0.1, asserts_identity: %s}]
"""
    for asserts, status in (("true", 200), ("false", 403)):
        with deployed(provisioned=provisioned % asserts) as deployment:
            deployment.start_edge()
            with deployment.phone("u1") as one:
                one.aor, real = type(one.aor)("sip:u2@compb.cisco.com"), one.aor
                answer = one.publish(pidf(real), to=real, P_Asserted_Identity=f"<{real}>")
                assert answer.status == status


def test_a_listener_without_authentication_believes_from() -> None:
    """D-14: authentication off is an option of the listener's row."""
    with deployed() as deployment:
        deployment.apply(f'settings: {{authentication: {{"udp:127.0.0.1:{deployment.proxy}": false}}}}')
        deployment.start_edge()
        with deployment.phone("u1", transport="UDP") as one, deployment.phone("u1", transport="TCP") as other:
            assert one.register(login=False).status == 200
            assert other.register(login=False).status == 401


def test_guessing_a_password_is_slowed_down(running: Deployment) -> None:
    """R-SEC-02: after thirty wrong ones that user has to wait, the right password too; nobody else notices."""
    with running.phone("u198") as one, running.phone("u198", password="wrong") as guesser:
        for _ in range(29):
            assert guesser.register().status == 401
        assert one.register().status == 200, "a client with an old password is forgiven when it has the new one"
        for _ in range(30):
            guesser.register()
        refused = one.register()
        assert refused.status == 503 and 0 < int(refused.get("Retry-After") or 0) <= 30
        with running.phone("u197") as neighbour:
            assert neighbour.register().status == 200


def test_whom_a_peer_leaves_out_for_privacy_is_not_whom_from_says(peer: Make) -> None:
    """D-14, R-SUB-15, RFC 3325 7: a proxy that hides its user has not looked at From."""
    one = peer()
    hidden = {"P_Asserted_Identity": None, "Privacy": "id"}
    assert one.publish(pidf(one.aor), **hidden).status == 403
    assert one.subscribe(one.aor, **hidden).response.status == 403
    assert one.publish(pidf(one.aor), Privacy="id").status == 200
    assert one.publish(pidf(one.aor), P_Asserted_Identity=None).status == 200
