"""Abuse of a running edge: each limit, exemptions, changes without a restart, and what an operator is shown."""

import json
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidMessage, InvalidStatus
from websockets.sync.client import connect

from tests.phone import DOMAIN, Phone, pidf
from tests.rest import Web, integrator
from tests.services import valkey
from tests.system import PROVISIONED, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

TRUSTED = "trusted_peers: [{address: 127.0.0.1}"
PEERS = PROVISIONED.replace(TRUSTED, TRUSTED + ", {tls: peer.example}")

STRANGER = "127.0.0.8"
"An address that nothing is provisioned for, and that tests may exhaust."


class Site:
    """A deployment with a web process, as an operator sees it."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.web = integrator(deployment)

    def limit(self, **limits: int) -> None:
        """Change limits, as an administrator does."""
        assert self.web.ask("PATCH", "limits/1/", limits)[0] == 200

    def exempt(self, network: str) -> Callable[[], None]:
        """Exempt a network; the function takes it back."""
        status, made = self.web.ask("POST", "limit-exemptions/", {"network": network})
        assert status == 201

        def take_back() -> None:
            assert self.web.ask("DELETE", f"limit-exemptions/{made['id']}/")[0] == 204

        return take_back

    def report(self) -> dict[str, Any]:
        """What the edge says about itself."""
        _, page = self.web.ask("GET", "edges/")
        found = page["results"][0]
        assert found["state"] == "running"
        report: dict[str, Any] = found["report"]
        return report

    def refused(self, reason: str, address: str = "") -> int:
        """How often, by the report."""
        refusals = self.report()["refusals"]
        rows = refusals["peers"] if address else refusals["reasons"]
        return sum(
            row["count"] for row in rows if row["reason"] == reason and (not address or row["address"] == address)
        )

    def shows(self, reason: str, address: str = "") -> None:
        """A refusal is counted, and the count is published."""
        wait_until(lambda: self.refused(reason, address), f"“{reason}” of {address or 'somebody'}", 60)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with valkey() as bus, deployed(bus=bus, provisioned=PEERS, tls=True) as found:
        found.manage("make_certificates", "peer.example", "stranger.example")
        shutil.copy(tls(found) / "development-ca.crt", tls(found) / "clients-ca.pem")
        found.start_edge()
        yield Site(found)
        assert "Traceback" not in found.logs()


def tls(deployment: Deployment) -> Path:
    return deployment.folder / "tls"


@pytest.fixture(autouse=True)
def usual(site: Site) -> Iterator[None]:
    """Every test begins with the limits of the installation."""
    yield
    site.limit(
        connections=5000, half_open=1000, transactions=2000, wrong_of_user=30, wrong_of_address=300, first_block=30,
        longest_block=900, publish_rate=600, message_rate=300,
    )  # fmt: skip


def dial(port: int, source: str = STRANGER) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20, (source, 0))


def stays(one: socket.socket) -> bool:
    """The edge answers on this connection: a keep-alive, so that nothing else is asked of it."""
    try:
        one.sendall(b"\r\n\r\n")
        return one.recv(2) == b"\r\n"
    except OSError:
        return False


def is_closed(one: socket.socket) -> bool:
    try:
        return one.recv(1) == b""
    except ConnectionResetError:
        return True


def hang_up(*sockets: socket.socket) -> None:
    for one in sockets:
        one.close()


def test_connections_of_an_address_are_limited(site: Site) -> None:
    """D-39, R-TRN-01: at once, live in both directions; others and exempt addresses are not."""
    port = site.deployment.proxy
    site.limit(connections=3)

    def third_is_the_last() -> bool:
        made = [dial(port) for _ in range(4)]
        found = [stays(one) for one in made]
        hang_up(*made)
        time.sleep(0.1)
        return found == [True, True, True, False]

    wait_until(third_is_the_last, "the limit")
    site.shows("too many connections", STRANGER)
    with site.deployment.phone("u1", transport="TCP", source="127.0.0.7") as other:
        assert other.register().status == 200
    take_back = site.exempt(STRANGER)

    def all_stay() -> bool:
        made = [dial(port) for _ in range(8)]
        found = [stays(one) for one in made]
        hang_up(*made)
        return all(found)

    wait_until(all_stay, "the exemption")
    take_back()
    wait_until(third_is_the_last, "the end of the exemption")
    site.limit(connections=10)
    wait_until(all_stay, "the higher limit")


@pytest.mark.parametrize("transport", ["tls", "wss"])
def test_a_handshake_counts_before_it_is_made(site: Site, transport: str) -> None:
    """D-39, R-TRN-01: connections that say nothing hold their address's share, whatever they would have spoken."""
    port = getattr(site.deployment, f"proxy_{transport}")
    site.limit(connections=3)

    def fourth_is_refused() -> bool:
        made = [dial(port) for _ in range(4)]
        made[3].settimeout(2)
        try:
            return is_closed(made[3])
        except TimeoutError:
            return False
        finally:
            hang_up(*made)

    wait_until(fourth_is_refused, "the limit")
    site.shows("too many connections", STRANGER)


def test_half_open_connections_of_an_address_are_limited(site: Site) -> None:
    """D-39: messages and handshakes that have begun; one that ends makes room for the next."""
    site.limit(half_open=2)
    request = b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.8;branch=z9hG4bK1\r\n"

    def third_is_refused() -> bool:
        made = [dial(site.deployment.proxy) for _ in range(3)]
        for one in made[:2]:
            one.sendall(request)
        time.sleep(0.1)
        made[2].sendall(request)
        made[2].settimeout(2)
        try:
            return is_closed(made[2])
        except TimeoutError:
            return False
        finally:
            hang_up(*made)

    wait_until(third_is_refused, "the limit")
    site.shows("too many half-open connections", STRANGER)
    for door in (site.deployment.proxy_tls, site.deployment.proxy_wss, site.deployment.proxy_ws):
        silent = [dial(door) for _ in range(3)]
        for one in silent:
            one.settimeout(20)
        assert is_closed(silent[2]), "a handshake that has not begun counts as well"
        hang_up(*silent)

    def ends() -> bool:
        with dial(site.deployment.proxy) as one:
            for _ in range(3):
                one.sendall(b"OPTIONS sip:x SIP")
                time.sleep(0.05)
                one.sendall(b"/2.0\r\nContent-Length: 0\r\n\r\n")
            return stays(one)

    wait_until(ends, "room for one")


def test_requests_of_an_address_at_once_are_limited(site: Site) -> None:
    """D-39: 503 with Retry-After, without being looked at, and without memory of it; trusted peers speak for many."""
    site.limit(transactions=1)
    site.deployment.apply("access_list: [{address: 127.0.0.7}]")

    def busy(source: str = "127.0.0.7") -> list[str]:
        make = site.deployment.phone if source else site.deployment.peer
        with make("u2", transport="TCP", source=source) as one:
            requests = [one.build("PUBLISH", one.aor, [("Event", "presence")], b"") for _ in range(50)]
            one.send(b"".join(request.encode() for request in requests))
            wait_until(lambda: len(one.responses) == 50, "all answers")
            refused = [answer for answer in one.responses if answer.status == 503]
            assert len(refused) < 50, "the first one was handled"
            return [answer.get("Retry-After") or "" for answer in refused]

    assert set(wait_until(busy, "503")) == {"2"}
    site.shows("too many requests at once", "127.0.0.7")
    assert not busy("")
    take_back = site.exempt("127.0.0.7")
    wait_until(lambda: not busy(), "the exemption")
    take_back()


def test_wrong_passwords_have_the_limits_of_the_policy(site: Site) -> None:
    """R-SEC-02: live; an exempt address may go on."""
    site.limit(wrong_of_user=3, first_block=7, longest_block=7)
    with (
        site.deployment.phone("u3", source=STRANGER) as one,
        site.deployment.phone("u3", password="wrong", source=STRANGER) as guesser,
    ):
        refused = wait_until(lambda: (found := guesser.register()).status == 503 and found, "503")
        assert 0 < int(refused.get("Retry-After") or 0) <= 30
        assert one.register().status == 503
        site.shows("wrong credentials", STRANGER)
        site.shows("credentials not looked at", STRANGER)
        take_back = site.exempt(STRANGER)
        wait_until(lambda: one.register().status == 200, "the exemption")
        for _ in range(10):
            assert guesser.register().status == 401
        take_back()


def test_publications_of_a_user_have_a_rate(site: Site) -> None:
    """D-39: of all clients that log in as it; not of others, nor of a trusted peer that speaks for it."""
    site.limit(publish_rate=5)
    with site.deployment.phone("u4") as one, site.deployment.phone("u5") as other, site.deployment.peer("u4") as peer:

        def limited() -> Any:
            found = one.publish(pidf(one.aor))
            return found.status == 503 and found

        refused = wait_until(limited, "503")
        assert 0 < int(refused.get("Retry-After") or 0) <= 120
        assert other.publish(pidf(other.aor)).status == 200
        assert one.subscribe(one.aor).response.status == 200
        assert peer.publish(pidf(peer.aor)).status == 200
        site.shows("publish rate", "127.0.0.1")
        site.limit(publish_rate=600)
        wait_until(lambda: one.publish(pidf(one.aor)).status == 200, "the higher limit")


def test_messages_of_a_user_have_a_rate(site: Site) -> None:
    """D-39: of the sender; an exempt address has none."""
    site.limit(message_rate=3)
    with site.deployment.phone("u6") as one, site.deployment.phone("u7") as other:
        other.register()
        refused = wait_until(lambda: (found := one.message(other.aor)).status == 503 and found, "503")
        assert 0 < int(refused.get("Retry-After") or 0) <= 120
        site.shows("message rate", "127.0.0.1")
        take_back = site.exempt("127.0.0.0/8")
        wait_until(lambda: one.message(other.aor).status == 200, "the exemption")
        take_back()


def test_bytes_that_are_refused_are_counted(site: Site) -> None:
    """D-39: malformed, oversized, and from nobody that is trusted."""
    deployment = site.deployment
    with dial(deployment.proxy) as one:
        one.sendall(b"no sip at all\r\n\r\n")
    site.shows("malformed", STRANGER)
    with dial(deployment.proxy) as one:
        one.sendall(b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 9999999\r\n\r\n")
        site.shows("oversized", STRANGER)
    with Phone("u8", ("127.0.0.1", deployment.engine), source=STRANGER) as stranger:
        assert stranger.publish(pidf(stranger.aor)).status == 403
    site.shows("untrusted peer", STRANGER)


def test_a_message_that_does_not_end_is_counted(site: Site) -> None:
    """D-39: its connection is closed."""
    with dial(site.deployment.proxy) as one:
        one.settimeout(120)
        one.sendall(b"OPTIONS sip:x SIP/2.0\r\n")
        assert is_closed(one)
    site.shows("slow message", STRANGER)


def context(site: Site, certificate: str = "") -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=tls(site.deployment) / "development-ca.crt")
    if certificate:
        made.load_cert_chain(tls(site.deployment) / f"{certificate}.pem")
    return made


def test_the_name_of_a_certificate_that_is_not_trusted_is_shown(site: Site) -> None:
    """R-SEC-03, R-SEC-05, R-SEC-07."""
    with Phone(
        "u9", ("127.0.0.1", site.deployment.engine_tls), transport="TLS", tls=context(site, "stranger.example"),
        server_name=DOMAIN, asserted=True, source=STRANGER,
    ) as one:  # fmt: skip
        assert one.publish(pidf(one.aor)).status == 403
    wait_until(
        lambda: "stranger.example" in {row["name"] for row in site.report()["refusals"]["names"]}, "the name", 60
    )


def error(site: Site, port: int, why: str) -> dict[str, Any]:
    """The TLS error of this listener, once it is shown."""

    def found() -> dict[str, Any] | None:
        errors = site.report()["tls_errors"]
        return next((row for row in errors if row["why"] == why and row["listener"].endswith(f":{port}")), None)

    shown: dict[str, Any] = wait_until(found, f"the TLS error “{why}”", 60)
    return shown


@pytest.mark.parametrize("transport", ["tls", "wss"])
def test_a_failed_handshake_says_why(site: Site, transport: str) -> None:
    """R-TRN-01, R-SEC-05: by REST, on the page and in the log; over TLS and WebSocket alike."""
    port = getattr(site.deployment, f"proxy_{transport}")
    with dial(port) as plain:
        plain.sendall(b"OPTIONS sip:x SIP/2.0\r\n\r\n")
    shown = error(site, port, "wrong version number")
    assert shown["peer"] == STRANGER and shown["count"] >= 1
    unbelieving = ssl.create_default_context()

    def is_logged() -> bool:
        with dial(port) as raw, pytest.raises(ssl.SSLCertVerificationError):
            unbelieving.wrap_socket(raw, server_hostname=DOMAIN)
        time.sleep(1)  # lines are few in a minute
        return 'why="tlsv1 alert unknown ca"' in site.deployment.logs()

    wait_until(is_logged, "a line of log", 120)
    error(site, port, "tlsv1 alert unknown ca")
    with dial(port) as silent:
        assert is_closed(silent)
    error(site, port, "no handshake within 4 s")
    with dial(port) as gone:
        gone.close()
    error(site, port, "the peer closed the connection during the handshake")
    site.shows("TLS: tlsv1 alert unknown ca")


def test_a_client_certificate_of_another_authority_says_why(site: Site, tmp_path: Path) -> None:
    """R-SEC-05."""
    with deployed(tls=True) as other:
        other.manage("make_certificates", "peer.example")
        shutil.copy(tls(other) / "peer.example.pem", tmp_path / "forged.pem")
    forged = context(site)
    forged.load_cert_chain(tmp_path / "forged.pem")
    port = site.deployment.engine_tls
    with dial(port) as raw, pytest.raises(OSError):
        forged.wrap_socket(raw, server_hostname=DOMAIN).recv(1)
        raise ConnectionError("closed without an alert")
    errors = wait_until(
        lambda: [row for row in site.report()["tls_errors"] if row["why"].startswith("certificate verify failed: ")],
        "the verification error",
        60,
    )
    assert errors[0]["listener"].endswith(f":{port}")


def test_a_certificate_that_cannot_be_used_is_shown(site: Site) -> None:
    """R-TRN-01: the edge goes on with what it has."""
    path = tls(site.deployment) / "example.org.pem"
    good = path.read_bytes()

    def facts() -> dict[str, Any]:
        return {row["file"]: row for row in site.report()["certificates"]}[path.name]

    assert not facts()["problem"] and facts()["names"] == ["example.org"] and not facts()["expires_soon"]
    path.write_bytes(good[:100])
    wait_until(lambda: facts()["problem"], "the problem", 120)
    assert "cannot be used" in page(site)
    path.write_bytes(good)
    wait_until(lambda: not facts()["problem"], "the end of the problem", 120)


def page(site: Site) -> str:
    """The page of edges, as an administrator sees it."""
    site.web.log_in()
    status, text = site.web.page("/admin/presence/edgelease/")
    assert status == 200
    return text


def test_the_page_of_edges_shows_it_all(site: Site) -> None:
    """R-TRN-01, R-SEC-03: listeners, connections, refusals, TLS errors and certificates; strangers see nothing."""
    with dial(site.deployment.proxy_tls) as plain:
        plain.sendall(b"no TLS at all\r\n\r\n")
    error(site, site.deployment.proxy_tls, "wrong version number")
    text = page(site)
    for words in ("edge-1", "running", "wrong version number", STRANGER, "default.pem", str(site.deployment.engine)):
        assert words in text
    stranger = Web(site.web.address)
    assert "wrong version number" not in stranger.page("/admin/presence/edgelease/")[1]
    assert stranger.ask("GET", "edges/")[0] in (401, 403)
    assert json.loads(stranger.page("/healthz")[1]) == {"database": True, "bus": True}


def test_a_browser_that_asks_for_no_sip_leaves_nothing_behind(site: Site) -> None:
    """D-39, RFC 7118: connections that end early are given back."""
    for _ in range(5):
        with pytest.raises((InvalidStatus, InvalidMessage)):
            connect(f"ws://127.0.0.1:{site.deployment.proxy_ws}/")

    def nothing_held() -> bool:
        held = site.report()["connections"]
        return held["held"] == 0 and held["half_open"] == 0

    wait_until(nothing_held, "the end of all connections", 60)
