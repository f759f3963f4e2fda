"""Credentials that are refused at a running edge, and what their sender is told (RFC 7616, RFC 8760, D-45, D-50)."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sipedge.sip import digest
from sipedge.sip.digest import MD5, SHA256
from sipedge.sip.message import Response
from tests.phone import DOMAIN, Phone
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system
Make = Callable[..., Phone]

HERE = f"sip:{DOMAIN}"


def nonce_of(challenge: Response) -> str:
    """The nonce that a 401 gives out."""
    return (challenge.get("WWW-Authenticate") or "").partition('nonce="')[2].partition('"')[0]


def answered(one: Phone, nonce: str, *, password: str = "", computed: str = "", **changes: str | None) -> str:
    """Digest credentials for a REGISTER, with something changed or (None) left out; the response fits what they say.

    `computed`: the algorithm that the response is really made with.
    """
    fields: dict[str, Any] = {
        "username": one.aor.user, "realm": DOMAIN, "nonce": nonce, "uri": HERE, "algorithm": SHA256, "qop": "auth",
        "nc": "00000001", "cnonce": "0a4f113b", **changes,
    }  # fmt: skip
    way = computed or (MD5 if fields["algorithm"] in (MD5, None) else SHA256)
    secret = digest.ha1(fields["username"], fields["realm"], password or one.password, way)
    told = digest.Credentials(response="", **{**fields, "algorithm": way})
    fields["response"] = digest.response(told, "REGISTER", secret)
    return "Digest " + ", ".join(f'{name}="{value}"' for name, value in fields.items() if value is not None)


def register(one: Phone, credentials: str) -> tuple[int, bool]:
    """REGISTER once with these; the status, and whether a challenge says that nothing but the nonce was wrong."""
    answer = one.ask("REGISTER", HERE, [("Expires", "60"), ("Authorization", credentials)], login=False)
    values = answer.get_all("WWW-Authenticate")
    assert bool(values) == (answer.status == 401)
    return answer.status, any("stale=true" in value for value in values)


@pytest.mark.parametrize(
    ("changes", "status", "stale"),
    [
        ({}, 200, False),
        ({"realm": "elsewhere.example"}, 401, False),
        ({"realm": DOMAIN.upper()}, 401, False),
        ({"uri": "sip:elsewhere.example"}, 400, False),
        ({"uri": "sip:elsewhere.example", "password": "wrong"}, 401, False),
        ({"uri": "sip:COMPB.cisco.com:5060;transport=udp"}, 200, False),
        ({"nonce": "0.0"}, 401, True),
        ({"nonce": "0.0", "password": "wrong"}, 401, False),
        ({"qop": "auth-int"}, 401, False),
        ({"qop": ""}, 401, False),
        ({"cnonce": None}, 401, False),
        ({"cnonce": ""}, 401, False),
        ({"nc": None}, 401, False),
        ({"nc": "00000000"}, 401, False),
        ({"nc": "one"}, 401, False),
        ({"algorithm": "SHA-256-sess"}, 401, False),
        ({"algorithm": "SHA-512-256"}, 401, False),
        ({"algorithm": MD5}, 200, False),
        ({"algorithm": None}, 200, False),
        ({"algorithm": MD5, "computed": SHA256}, 401, False),
        ({"algorithm": SHA256, "computed": MD5}, 401, False),
        ({"username": "nobody-of-that-name"}, 401, False),
        ({"username": "nobody-of-that-name", "nonce": "0.0"}, 401, False),
    ],
)
def test_credentials_with_one_thing_wrong(phone: Make, changes: dict[str, Any], status: int, stale: bool) -> None:
    """R-SEC-02, D-45, D-50: only where nothing but the nonce is wrong its sender hears so (RFC 7616 section 3.3)."""
    one = phone()
    values = {"nonce": nonce_of(one.register(login=False)), **changes}
    assert register(one, answered(one, **values)) == (status, stale)


def test_a_nonce_of_another_address_is_stale(running: Deployment) -> None:
    """R-SEC-02, D-45: for the address that it was given to only; a client that has moved logs in with a new one."""
    with running.phone("u195", source="127.0.0.9") as there, running.phone("u195") as here:
        nonce = nonce_of(there.register(login=False))
        assert register(here, answered(here, nonce)) == (401, True)
        assert register(here, answered(here, nonce, password="wrong")) == (401, False)
        assert register(there, answered(there, nonce)) == (200, False)


def test_a_nonce_grows_old(running: Deployment, phone: Make) -> None:
    """R-SEC-02, D-45: after an hour, without qop after five minutes; stale=true to those who know the password."""
    key = running.manage(
        "shell", "-v0", "-c", "from provisioning.models import *; print(EngineSettings.objects.get().nonce_key.hex())"
    )
    nonces = digest.Nonces(bytes.fromhex(key.strip()), "test")
    one = phone()

    def nonce(age: float) -> str:
        return nonces.issue(realm=DOMAIN, source="127.0.0.1", now=time.time() - age)

    old_form: dict[str, Any] = {"qop": None, "nc": None, "cnonce": None, "algorithm": MD5}
    assert register(one, answered(one, nonce(digest.LIFE - 60))) == (200, False)
    assert register(one, answered(one, nonce(digest.LIFE + 5))) == (401, True)
    assert register(one, answered(one, nonce(digest.LIFE + 5), password="wrong")) == (401, False)
    assert register(one, answered(one, nonce(digest.LEGACY_LIFE - 60), **old_form)) == (200, False)
    assert register(one, answered(one, nonce(digest.LEGACY_LIFE + 5), **old_form)) == (401, True)
    assert register(one, answered(one, nonce(-digest.AHEAD - 30))) == (401, True), "from the future"


def test_a_count_is_good_once(phone: Make) -> None:
    """R-SEC-02, RFC 7616 section 3.4: also when others have been used since, and whatever else is changed with it."""
    one = phone()
    nonce = nonce_of(one.register(login=False))
    for count in ("00000001", "00000003", "00000002"):
        assert register(one, answered(one, nonce, nc=count)) == (200, False)
    for count in ("00000001", "00000002", "2", "00000003"):
        assert register(one, answered(one, nonce, nc=count, cnonce="another")) == (401, True)
    assert register(one, answered(one, nonce, nc="00000002", password="wrong")) == (401, False)
    assert register(one, answered(one, nonce, nc="00000004")) == (200, False)


@pytest.fixture(scope="module")
def strict() -> Iterator[Deployment]:
    """SHA-256 alone, and nothing without qop."""
    with deployed() as found:
        found.manage(
            "shell", "-v0", "-c",
            "from provisioning.models import *; EngineSettings.objects.update(digest_md5=False, legacy_digest=False)",
        )  # fmt: skip
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def test_nobody_is_talked_down(strict: Deployment) -> None:
    """R-SEC-02, D-45, RFC 8760 section 2.4: MD5 is neither offered nor taken where it is off, nor is the form without
    qop where *legacy digest* is off; the right password does not help.
    """
    with strict.phone("u1") as one:
        challenge = one.register(login=False)
        values = challenge.get_all("WWW-Authenticate")
        assert len(values) == 1 and "algorithm=SHA-256" in values[0] and 'qop="auth"' in values[0]
        nonce = nonce_of(challenge)
        without: dict[str, Any] = {"qop": None, "nc": None, "cnonce": None}
        for changes in ({"algorithm": MD5}, {"algorithm": None}, without, {**without, "algorithm": MD5}):
            assert register(one, answered(one, nonce, **changes)) == (401, False), changes
        assert register(one, answered(one, nonce)) == (200, False)


@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE", "MESSAGE", "PUBLISH"])
def test_who_exists_is_not_told_to_strangers(phone: Make, method: str) -> None:
    """R-SEC-02: from and to users who exist and who do not, without a password and with a wrong one: one answer."""
    seen = set()
    for sender in ("xten4", "nobody-of-that-name"):
        for recipient in ("xten3", "nobody-else"):
            one = phone(sender, password="wrong")
            target = HERE if method == "REGISTER" else f"sip:{recipient}@{DOMAIN}"
            headers = [("Event", "presence"), ("Content-Type", "text/plain")]
            for login in (False, True):
                answer = one.ask(method, target, headers, b"hello", login=login)
                shown = [
                    (name, re.sub(r'nonce="[^"]*"', "", value))
                    for name, value in answer.headers
                    if name not in ("Via", "From", "To", "Call-ID", "CSeq")
                ]
                seen.add((answer.status, answer.reason, tuple(shown)))
    assert len(seen) == 1, seen
    assert next(iter(seen))[0] == (401 if method == "REGISTER" else 407)
