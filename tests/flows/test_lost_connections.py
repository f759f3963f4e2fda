"""Connections that break: what went over them ends, unless the client comes back (RFC 5626, RFC 7118)."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sipedge.departures import FLOW_GRACE
from sipedge.sip.framing import StreamFramer
from sipedge.sip.message import Request, parse
from tests.phone import DOMAIN, Phone, pidf
from tests.services import free_port
from tests.system import Deployment, deployed
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def site() -> Iterator[Deployment]:
    with deployed() as found:
        found.start_edge()
        yield found
        assert "Traceback" not in found.logs()


def rows(site: Deployment, user: str) -> list[str]:
    """The contacts of a user that are in force, by the database."""
    text = site.manage(
        "shell", "-v0", "-c",
        "from django.utils import timezone; from sipedge.models import Binding;"
        f"print(*Binding.objects.filter(persona__aor='sip:{user}@{DOMAIN}', expires_at__gt=timezone.now())"
        ".values_list('contact', flat=True))",
    )  # fmt: skip
    return text.split()


def browser(site: Deployment, user: str) -> Phone:
    return Phone(user, ("127.0.0.1", site.proxy_ws), transport="WS")


def test_a_browser_that_is_gone_is_not_registered_any_more(site: Deployment) -> None:
    """R-REG-01, D-46: its binding and its subscription end; one that listens elsewhere stays registered."""
    listening = f"sip:u2@127.0.0.1:{free_port()};transport=tcp"
    with site.phone("u9") as state:
        state.publish(pidf(state.aor))
        with browser(site, "u1") as gone, site.phone("u2", transport="TCP") as phone:
            assert gone.register().status == 200
            watch = gone.subscribe(state.aor)
            watch.heard(1)
            assert phone.register(f"<{listening}>").status == 200
        wait_until(lambda: not rows(site, "u1"), "the end of the binding", 60)
        assert rows(site, "u2") == [listening]
        with browser(site, "u1") as again:
            assert again.subscribe(state.aor, **watch.identity, To=watch.response.get("To")).response.status == 481


def test_a_client_behind_a_proxy_is_found_by_its_path(site: Deployment) -> None:
    """RFC 3327 5.3, D-46: the proxy's connection is gone, but it listens, and alone knows the way to the client."""
    with socket.create_server(("127.0.0.1", 0)) as door, site.phone("u5") as friend:
        door.settimeout(PATIENCE)
        path = f"<sip:127.0.0.1:{door.getsockname()[1]};transport=tcp;lr>"
        with site.phone("u6", transport="TCP") as through:
            far = f"<sip:u6@127.0.0.1:{free_port()};transport=tcp>"
            assert through.register(far, Path=f"{path}, <sip:inner.example;lr>").status == 200
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(friend.message, "u6", "by the path")
            connection, _ = door.accept()
            with connection:
                framer, found = StreamFramer(), []
                while not found:
                    found = [one for one in framer.feed(connection.recv(65535)) if isinstance(one, bytes)]
                request = parse(found[0])
                assert isinstance(request, Request)
                assert request.get_all("Route") == [path, "<sip:inner.example;lr>"] and f"<{request.target}>" == far
                connection.sendall(request.respond(200).encode())
                assert asked.result().status == 200


def test_a_client_that_comes_back_goes_on(site: Deployment) -> None:
    """R-SUB-03, D-10, D-46: within the grace it refreshes over its new connection, and nothing has ended."""
    with site.phone("u9") as state, browser(site, "u3") as first:
        first.register()
        watch = first.subscribe(state.aor)
        watch.heard(1)
        first.close()
        with browser(site, "u3") as second:
            second.skip_to(first)
            assert second.register(first.contact).status == 200
            watch.phone = second
            assert watch.refresh(Contact=second.contact).status == 200
            time.sleep(FLOW_GRACE + 2)
            state.publish(pidf(state.aor, activity="meeting"))
            watch.sees("<rpid:meeting/>")
            assert rows(site, "u3")
            with site.phone("u4") as friend:
                assert friend.message(second.aor, "still there?").status == 200
            second.reads("still there?")
