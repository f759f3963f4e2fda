"""The signalling trace of a running edge: what clients did is there, in order, by REST and without a secret."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from cti.csta import messages as m
from tests.phone import DOMAIN, PASSWORD, Phone
from tests.program import Program
from tests.rest import Web, integrator
from tests.services import free_port, valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system


class Site:
    """An edge and the web, and what the trace of the edge says."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        deployment.start_edge()
        self.web: Web = integrator(deployment)

    def trace(self, **wanted: object) -> list[dict[str, object]]:
        status, page = self.web.ask("GET", f"trace/?{urlencode(wanted)}")
        assert status == 200, page
        return list(page["results"])

    def words(self, **wanted: object) -> list[str]:
        """Direction and method, status or document of what is wanted."""
        return [
            f"{one['direction']} {one['status'] or one['document'] or one['method']}" for one in self.trace(**wanted)
        ]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with valkey() as bus, deployed(bus=bus, tls=True) as found:
        found.apply(f'lines: [{{uri: "tel:2001", owner: "u1@{DOMAIN}"}}]')
        yield Site(found)
        assert "Traceback" not in found.logs()


def test_a_log_in_and_a_subscription_are_there_in_order_without_secrets(site: Site) -> None:
    """R-FLW-01, R-SEC-02: challenge, answer, 200, then SUBSCRIBE and NOTIFY; the digest answer is hidden."""
    with site.deployment.phone("u10") as phone:
        phone.register()
        watch = phone.subscribe(f"sip:u11@{DOMAIN}")
        watch.sees("presence")
        dialog = str(site.trace(peer=phone.address, method="SUBSCRIBE")[0]["call_id"])
        wait_until(lambda: site.words(call_id=dialog)[-1] == "in 200", "the answer to the NOTIFY")
    assert site.words(peer=phone.address, method="REGISTER") == ["in REGISTER", "out 401", "in REGISTER", "out 200"]
    both = site.words(aor=f"u10@{DOMAIN}")
    assert both[:4] == ["in REGISTER", "out 401", "in REGISTER", "out 200"] and "out NOTIFY" in both[4:]
    again = site.trace(aor="u10", method="REGISTER")[2]
    assert again["remote"] == phone.address and again["from"] == f"sip:u10@{DOMAIN}"
    text = str(again["message"])
    assert 'username="u10"' in text and 'response="***"' in text and 'cnonce="***"' in text
    followed = site.words(call_id=dialog)
    assert followed[0] == "in SUBSCRIBE" and followed[-3:] == ["out 200", "out NOTIFY", "in 200"]


@pytest.mark.parametrize("transport", ["TCP", "TLS", "WS"])
def test_every_transport_is_there(site: Site, transport: str) -> None:
    """R-TRN-01, RFC 7118: over TLS too, where no capture program can look."""
    user = {"TCP": "u12", "TLS": "u13", "WS": "u14"}[transport]
    with site.deployment.client(user, transport) as phone:
        phone.register()
    found = site.trace(aor=user)
    assert [one["transport"] for one in found] == [transport] * 4 and found[-1]["status"] == 200


def test_a_program_that_logs_in_is_there_without_its_password(site: Site) -> None:
    """R-CTI-01, D-36: the log-in, then a call, under the name of its user."""
    with Program(("127.0.0.1", site.deployment.csta)) as program:
        program.log_in(f"u1@{DOMAIN}", PASSWORD)
        program.ask(m.MonitorStart(m.DeviceObject("tel:2001")))
        program.ask(m.MakeCall("2001", "2001", m.AutoOriginate.DO_NOT_PROMPT))
    found = site.trace(protocol="csta")
    assert [one["document"] for one in found][:4] == [
        "StartApplicationSession", "StartApplicationSessionPosResponse", "MonitorStart", "MonitorStartResponse",
    ]  # fmt: skip
    assert [one["invoke"] for one in found][:4] == [1, 1, 2, 2]
    text = str(found[0]["message"])
    assert f"u1@{DOMAIN}" in text and "password>***</" in text
    assert not any(f">{PASSWORD}<" in str(one["message"]) for one in found)
    assert str(found[2]["user"]).endswith(f"u1@{DOMAIN}") and found[2]["device"] == "2001"
    assert {one["document"] for one in site.trace(protocol="csta", aor="2001")} >= {"MonitorStart", "MakeCall"}


def test_texts_are_hidden_until_the_operator_allows_them(site: Site) -> None:
    """R-MSG-01, D-34: at once, also for what was kept before."""
    with site.deployment.phone("u15") as sender, site.deployment.phone("u16") as recipient:
        recipient.register()
        assert sender.message("u16", "between us").status == 200

    def texts() -> list[bool]:
        return [
            "between us" in str(one["message"]) for one in site.trace(method="MESSAGE", aor="u16") if not one["status"]
        ]

    assert len(texts()) >= 2 and not any(texts())
    assert site.web.ask("PATCH", "settings/1/", {"trace_bodies": True})[0] == 200
    wait_until(lambda: all(texts()), "the texts")
    assert site.web.ask("PATCH", "settings/1/", {"trace_bodies": False})[0] == 200
    wait_until(lambda: not any(texts()), "that they are hidden again")


def test_switched_off_it_forgets_and_keeps_nothing(site: Site) -> None:
    """What an operator switches off is gone at once."""
    with site.deployment.phone("u17") as phone:
        phone.register()
        assert site.trace(aor="u17")
        assert site.web.ask("PATCH", "settings/1/", {"trace": False})[0] == 200
        wait_until(lambda: site.web.ask("GET", "trace/")[1]["on"] is False, "the end of the trace")
        phone.register()
        assert site.trace() == []
        assert site.web.ask("PATCH", "settings/1/", {"trace": True})[0] == 200
        wait_until(lambda: site.web.ask("GET", "trace/")[1]["on"], "the trace")
        phone.register()
    assert site.trace(aor="u17")


def test_the_page_follows(site: Site) -> None:
    """An administrator sees what has come since the page was opened, and the message behind a row."""
    site.web.log_in()
    page = "/admin/sipedge/signallingtrace/"
    status, text = site.web.page(f"{page}?aor=u18")
    assert status == 200 and "u18@" not in text.partition("<tbody")[2]
    until = text.partition('data-until="')[2].partition('"')[0]
    with site.deployment.phone("u18") as phone:
        phone.register()
    status, rows = site.web.page(f"{page}tail/?aor=u18&since={until}")
    assert status == 200 and rows.count("u18@") >= 4
    one = site.trace(aor="u18")[2]
    status, text = site.web.page(f"{page}{one['edge']}/{one['number']}/")
    assert status == 200 and "response=&quot;***&quot;" in text


def test_two_edges_are_one_trace(site: Site) -> None:
    """DESIGN section 9: in the order of time; each keeps as much as it is told to, and one that is lost is named."""
    port = free_port()
    first = site.deployment.edge
    listen = {"CUPS_SIP_LISTEN": f"udp:127.0.0.1:{port}:proxy", "CUPS_CSTA_LISTEN": "", "CUPS_TRACE_MESSAGES": "3"}
    second = site.deployment.start_edge("edge-2", **listen)
    try:
        with site.deployment.phone("u20") as one, Phone("u20", ("127.0.0.1", port)) as two:
            one.register()
            two.register()
            one.register()
        found = site.trace(aor="u20")
        numbers = [int(str(entry["number"])) for entry in found]
        assert numbers == sorted(numbers)
        edges = [str(entry["edge"]) for entry in found]
        assert edges[:4] == ["edge-1"] * 4 and edges[4:7] == ["edge-2"] * 3 and set(edges[7:]) == {"edge-1"}
        assert site.trace(aor="u20", since=numbers[4]) == found[5:]
        second.kill()
        second.wait(20)
        assert site.web.ask("GET", "trace/")[1]["silent"] == ["edge-2"]
    finally:
        second.kill()
        site.deployment.edge = first


def test_without_an_edge_the_answer_is_503(site: Site) -> None:
    """DESIGN section 15: no answer is never a success."""
    site.deployment.edge.kill()
    site.deployment.edge.wait(20)
    status, problem = site.web.ask("GET", "trace/")
    assert status == 503 and problem["status"] == 503
    site.deployment.start_edge()
    assert site.web.ask("GET", "trace/")[0] == 200
