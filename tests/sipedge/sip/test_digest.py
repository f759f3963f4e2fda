"""Digest authentication (RFC 7616, RFC 8760, RFC 2069)."""

from dataclasses import replace
from typing import Any

import pytest

from sipedge.sip.digest import (
    LEGACY_LIFE,
    LIFE,
    MD5,
    SHA256,
    Credentials,
    NonceCounts,
    Nonces,
    Verdict,
    _hash,
    challenge,
    check,
    ha1,
    response,
)
from sipedge.sip.errors import SipError

NOW = 1_800_000_000.0
USER, REALM, PASSWORD = "xten3", "compb.cisco.com", "secret"
TARGET = "sip:compb.cisco.com"


class Proxy:
    """A challenger with one user."""

    def __init__(self) -> None:
        self.nonces = Nonces(b"key", "e1")
        self.counts = NonceCounts()

    def nonce(self, now: float = NOW, source: str = "192.0.2.1") -> str:
        return self.nonces.issue(realm=REALM, source=source, now=now)

    def verdict(self, credentials: Credentials, **changes: Any) -> Verdict:
        arguments: dict[str, Any] = {
            "method": "REGISTER",
            "target": TARGET,
            "md5": ha1(USER, REALM, PASSWORD, MD5),
            "sha256": ha1(USER, REALM, PASSWORD, SHA256),
            "nonces": self.nonces,
            "counts": self.counts,
            "source": "192.0.2.1",
            "legacy": True,
            "now": NOW,
            **changes,
        }
        return check(credentials, **arguments)


def log_in(
    nonce: str, algorithm: str = SHA256, count: int = 1, password: str = PASSWORD, **changes: Any
) -> Credentials:
    fields: dict[str, Any] = {
        "username": USER, "realm": REALM, "nonce": nonce, "uri": TARGET, "response": "", "algorithm": algorithm,
        "qop": "auth", "nc": f"{count:08x}", "cnonce": "c", **changes,
    }  # fmt: skip
    secret = ha1(USER, REALM, password, algorithm if algorithm in (MD5, SHA256) else MD5)
    return Credentials(**{**fields, "response": response(Credentials(**fields), "REGISTER", secret)})


def test_the_examples_of_the_rfc() -> None:
    """R-SEC-02: RFC 7616 3.9.1."""
    nonce, cnonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    for algorithm, expected in (
        (MD5, "8ca523f5e9506fed4657c9700eebdbec"),
        (SHA256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        one = Credentials("Mufasa", "http-auth@example.org", nonce, "/dir/index.html", "", algorithm, "auth", "00000001", cnonce)  # noqa: E501  # fmt: skip
        secret = ha1("Mufasa", "http-auth@example.org", "Circle of Life", algorithm)
        assert response(one, "GET", secret) == expected


@pytest.mark.parametrize("algorithm", [SHA256, MD5])
def test_the_right_password_is_let_in_once_for_each_count(algorithm: str) -> None:
    """R-SEC-02: replays are stale; counts that overtake each other are fine."""
    proxy = Proxy()
    nonce = proxy.nonce()
    assert proxy.verdict(log_in(nonce, algorithm)) is Verdict.OK
    assert proxy.verdict(log_in(nonce, algorithm)) is Verdict.STALE
    assert proxy.verdict(log_in(nonce, algorithm, count=3)) is Verdict.OK
    assert proxy.verdict(log_in(nonce, algorithm, count=2)) is Verdict.OK
    assert proxy.verdict(log_in(nonce, algorithm, count=2)) is Verdict.STALE


def test_what_is_wrong_is_bad_and_what_is_old_is_stale() -> None:
    """R-SEC-02, D-45."""
    proxy = Proxy()
    nonce = proxy.nonce()
    assert proxy.verdict(log_in(nonce, password="wrong")) is Verdict.BAD
    assert proxy.verdict(log_in(nonce), method="PUBLISH") is Verdict.BAD
    assert proxy.verdict(log_in(nonce), sha256=None) is Verdict.BAD
    assert proxy.verdict(log_in(nonce, "SHA-512")) is Verdict.BAD
    assert proxy.verdict(log_in(nonce, cnonce=None)) is Verdict.BAD
    assert proxy.verdict(log_in(nonce, qop="auth-int")) is Verdict.BAD
    for odd in ("0", "-1", "zz", "", "fffffffff", "0x1", "1_0", " 1", "\u0661", None):
        assert proxy.verdict(log_in(nonce, nc=odd)) is Verdict.BAD
    assert proxy.verdict(log_in(nonce), source="192.0.2.2") is Verdict.STALE
    assert proxy.verdict(log_in(nonce), now=NOW + LIFE + 1) is Verdict.STALE
    for made_up in ("", "x", "6b0.1", nonce[:-1] + "0", "zz-1." + "0" * 32, "6b07375d-é.\udce9"):
        assert proxy.verdict(log_in(made_up)) is Verdict.STALE


def test_the_form_without_qop_is_a_setting_and_lives_shorter() -> None:
    """D-45: bound to source and realm, five minutes, the nonce may be used again."""
    proxy = Proxy()
    old = log_in(proxy.nonce(), MD5, qop=None, nc="00000001", cnonce=None)
    assert proxy.verdict(old) is proxy.verdict(old) is Verdict.OK
    assert proxy.verdict(old, legacy=False) is Verdict.BAD
    assert proxy.verdict(old, now=NOW + LEGACY_LIFE + 1) is Verdict.STALE
    assert proxy.verdict(old, source="192.0.2.2") is Verdict.STALE


def test_a_nonce_is_given_out_once() -> None:
    """D-45: also within one second and by several edges; each checks the other's (D-50)."""
    one, other = Nonces(b"key", "e1"), Nonces(b"key", "e2")
    issued = [n.issue(realm=REALM, source="s", now=NOW) for n in (one, one, other, other)]
    assert len(set(issued)) == 4
    assert other.age(issued[0], realm=REALM, source="s", now=NOW + 5) == 5
    assert Nonces(b"another key", "e1").age(issued[0], realm=REALM, source="s", now=NOW) is None


def test_challenges_come_strongest_first() -> None:
    """R-SEC-02, D-21: RFC 8760, one value for each algorithm."""
    values = challenge(REALM, [SHA256, MD5], nonces=Nonces(b"k", "e"), now=NOW, source="s", stale=True)
    assert ["algorithm=SHA-256" in values[0], "algorithm=MD5" in values[1]] == [True, True]
    assert all('qop="auth"' in value and "stale=true" in value for value in values)


def test_the_memory_of_counts_is_bounded_and_what_is_forgotten_is_used_up() -> None:
    """R-SEC-02: a nonce that had to go is stale, and so is every older one that is not known any more."""
    counts = NonceCounts(limit=3)
    assert all(counts.take(str(number), 1, NOW + number) for number in range(10))
    assert len(counts) == 3
    assert not counts.take("6", 1, NOW + 6) and not counts.take("never seen", 1, NOW + 5)
    assert counts.take("7", 2, NOW + 7) and counts.take("new", 1, NOW + 10)


def test_the_right_password_for_another_uri_is_told_apart() -> None:
    """R-SEC-02, RFC 7616 section 3.4.6: by those who know the password only; spelling and parameters do not matter."""
    proxy = Proxy()
    nonce = proxy.nonce()
    assert proxy.verdict(log_in(nonce), target="sip:elsewhere.example") is Verdict.ELSEWHERE
    assert proxy.verdict(log_in(nonce, password="wrong"), target="sip:elsewhere.example") is Verdict.BAD
    assert proxy.verdict(log_in(nonce), sha256=None, target="sip:elsewhere.example") is Verdict.BAD
    assert proxy.verdict(log_in(nonce), target="SIP:CompB.Cisco.com:5060;transport=tcp") is Verdict.OK


@pytest.mark.parametrize(("answered", "claimed"), [(MD5, SHA256), (SHA256, MD5), (SHA256, "SHA-256-sess")])
def test_an_answer_by_another_algorithm_than_it_claims_is_bad(answered: str, claimed: str) -> None:
    """R-SEC-02, RFC 8760 section 2.6."""
    proxy = Proxy()
    found = replace(log_in(proxy.nonce(), answered), algorithm=claimed)
    assert proxy.verdict(found) is Verdict.BAD


def test_an_algorithm_that_is_off_is_bad_also_with_the_right_password() -> None:
    """R-SEC-02, RFC 8760 section 2.4: nobody is talked down to MD5; names compare without regard to case."""
    proxy = Proxy()
    assert proxy.verdict(log_in(proxy.nonce(), MD5), md5=None) is Verdict.BAD
    assert proxy.verdict(replace(log_in(proxy.nonce(), MD5), algorithm="md5"), sha256=None) is Verdict.OK


@pytest.mark.parametrize("changes", [{}, {"qop": None, "nc": None, "cnonce": None}, {"algorithm": "SHA-512"}])
def test_users_who_do_not_exist_cost_as_much_as_those_who_do(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    """R-SEC-02: as many digests are made, over as many octets."""
    made: list[tuple[str, int]] = []

    def count(algorithm: str, text: str) -> str:
        made.append((algorithm, len(text)))
        return _hash(algorithm, text)

    proxy = Proxy()
    guess = log_in(proxy.nonce(), password="wrong", **changes)
    monkeypatch.setattr("sipedge.sip.digest._hash", count)
    work = []
    for nobody in ({}, {"md5": None, "sha256": None}):
        assert proxy.verdict(guess, **nobody) is Verdict.BAD
        work.append(sorted(made))
        made.clear()
    assert work[0] == work[1]


@pytest.mark.parametrize(
    "text",
    ["", "Basic abc", "Digest", 'Digest username="a"', "Digest =", 'Digest username="a", username="b"', "Digest ,,,x"],
)
def test_credentials_that_cannot_be_read_are_a_bad_request(text: str) -> None:
    """D-45: 400 and no traceback."""
    with pytest.raises(SipError) as refused:
        Credentials.parse(text)
    assert refused.value.status == 400


def test_libpurples_credentials_are_read() -> None:
    """D-45: a quoted nc, no qop, no algorithm."""
    found = Credentials.parse('Digest username="u", realm="r", nonce="n", uri="sip:r", nc="00000002", response="abc"')
    assert (found.algorithm, found.qop, found.nc) == (MD5, None, "00000002")
