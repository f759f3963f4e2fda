"""Operators refresh and end back-end subscriptions by REST (D-30, D-32)."""

from typing import Any

import pytest

from tests.flows.backend.scenes import CISCO, phone_state
from tests.foreign import Foreign
from tests.rest import Web, integrator
from tests.system import Deployment
from tests.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def web(deployment: Deployment) -> Web:
    return integrator(deployment)


def row_of(web: Web, user: str, **wanted: str) -> dict[str, Any]:
    """The user's only back-end subscription, once it is like this."""

    def look() -> Any:
        page = web.ask("GET", f"backend-subscriptions/?local=sip:{user}@{CISCO}")[1]["results"]
        return page[0] if len(page) == 1 and wanted.items() <= page[0].items() else None

    found: dict[str, Any] = wait_until(look, f"{wanted} of {user}", pause=0.1)
    return found


def test_it_is_refreshed_now(deployment: Deployment, servers: dict[str, Foreign], web: Web) -> None:
    """In its dialog, long before it is due; while a SUBSCRIBE is unanswered there is nothing to be sent: 409."""
    foreign = servers["j50"]
    with deployment.peer("u90") as watcher:
        watch = watcher.subscribe(f"sip:j50@{CISCO}")
        first = foreign.asked(1)
        foreign.notify(first, phone_state("sip:50@cm.example", "busy"))
        watch.sees("<rpid:busy/>")
        address = f"backend-subscriptions/{row_of(web, 'j50', state='active')['id']}/refresh/"
        foreign.answer = lambda request: None
        assert web.ask("POST", address, {}) == (204, None)
        second = foreign.asked(2)
        assert (second.call_id, second.to.tag, second.cseq.number) == (first.call_id, foreign.tag, 2)
        status, said = web.ask("POST", address, {})
        assert (status, said["detail"]) == (409, "A SUBSCRIBE is on its way already.")
        foreign.answer = foreign.accept
        foreign.notify(second, phone_state("sip:50@cm.example", "meeting"))
        watch.sees("<rpid:meeting/>")


def test_what_was_given_up_is_tried_again(deployment: Deployment, servers: dict[str, Foreign], web: Web) -> None:
    """D-32: nothing is tried by itself after 404; an operator who knows better asks once more."""
    foreign = servers["j51"]
    foreign.refuse(404)
    with deployment.peer("u91") as watcher:
        watch = watcher.subscribe(f"sip:j51@{CISCO}")
        foreign.asked(1)
        row = row_of(web, "j51", state="stopped")
        foreign.answer = foreign.accept
        assert web.ask("POST", f"backend-subscriptions/{row['id']}/refresh/", {}) == (204, None)
        asked = foreign.asked(2)
        assert asked.to.tag is None
        foreign.notify(asked, phone_state("sip:51@cm.example", "busy"))
        watch.sees("<rpid:busy/>")
        assert row_of(web, "j51", state="active")["failures"] == 0


def test_it_is_ended_and_begun_anew_while_somebody_watches(
    deployment: Deployment, servers: dict[str, Foreign], web: Web
) -> None:
    """D-30: the server is told that the old one has ended; the watcher goes on by another one, with another dialog."""
    foreign = servers["j52"]
    with deployment.peer("u92") as watcher:
        watch = watcher.subscribe(f"sip:j52@{CISCO}")
        first = foreign.asked(1)
        foreign.notify(first, phone_state("sip:52@cm.example", "busy"))
        watch.sees("<rpid:busy/>")
        address = f"backend-subscriptions/{row_of(web, 'j52', state='active')['id']}/"
        assert web.ask("POST", f"{address}end/", {}) == (204, None)
        assert web.ask("GET", address)[0] == 404
        foreign.asked(3)
        (last,) = [one for one in foreign.requests if one.get("Expires") == "0"]
        (fresh,) = [one for one in foreign.requests if one.to.tag is None and one.call_id != first.call_id]
        assert last.call_id == first.call_id
        foreign.notify(fresh, phone_state("sip:52@cm.example", "meeting"))
        watch.sees("<rpid:meeting/>")
        assert web.ask("POST", f"{address}end/", {})[0] == 404
        watch.refresh(expires=0)
        wait_until(lambda: sum(one.get("Expires") == "0" for one in foreign.requests) == 2, "the end of the new one")
