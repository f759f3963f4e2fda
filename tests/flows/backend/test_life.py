"""How a back-end subscription lives and fails: dialogs, refreshes, refusals, moves, restarts (D-31, D-32)."""

import itertools
import time

import pytest

from sipedge.sip.message import Request
from tests.flows.backend.scenes import CISCO, phone_state
from tests.foreign import Foreign
from tests.system import Deployment
from tests.waiting import wait_until

pytestmark = pytest.mark.system


def test_only_the_server_of_the_dialog_is_believed(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """D-31, V-23: 481 without a dialog or To tag, 403 from elsewhere, 500 out of order, 400 and 415 for bad bodies."""
    foreign = servers["j4"]
    with deployment.peer("u7") as watcher, Foreign("127.0.0.9") as stranger:
        watch = watcher.subscribe(f"sip:j4@{CISCO}")
        asked = foreign.asked(1)
        good = phone_state("sip:4@cm.example", "busy")
        assert foreign.notify(asked, good, To=f"<{watcher.aor}>").status == 481
        assert foreign.notify(asked, good, To=f"<{watcher.aor}>;tag=1234").status == 481
        assert foreign.notify(asked, good, Call_ID="other").status == 481
        assert foreign.notify(asked, good, via=stranger).status == 403
        assert foreign.notify(asked, good, Event="dialog").status == 489
        assert foreign.notify(asked, good, Subscription_State=None).status == 400
        assert foreign.notify(asked, b"<presence").status == 400
        assert foreign.notify(asked, good, Content_Type="text/plain").status == 415
        assert len(watch.notifies) == 1
        assert foreign.notify(asked, good).status == 200
        watch.sees("<rpid:busy/>")
        assert foreign.notify(asked, phone_state("sip:4@cm.example", "away"), CSeq="1 NOTIFY").status == 500
        assert foreign.notify(asked, good, From="<sip:4@cm.example>;tag=fork").status == 481


def test_a_notify_may_come_before_the_answer(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """R-FRN-01, RFC 6665 section 4.1.2.4: the NOTIFY makes the dialog."""
    foreign = servers["j5"]
    held: list[Request] = []

    def later(request: Request):  # type: ignore[no-untyped-def]
        held.append(request)
        return None if len(held) == 1 else foreign.accept(request)

    foreign.answer = later
    with deployment.peer("u8") as watcher:
        watch = watcher.subscribe(f"sip:j5@{CISCO}")
        wait_until(lambda: held, "the SUBSCRIBE")
        assert foreign.notify(held[0], phone_state("sip:5@cm.example", "busy")).status == 200
        watch.sees("<rpid:busy/>")
        wait_until(lambda: len(held) > 1, "its repetition")
        watch.refresh(expires=0)
        wait_until(lambda: any(one.get("Expires") == "0" for one in foreign.requests), "the end")


def test_it_is_refreshed_in_good_time(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """D-32, F-5 (6): at 80 % of what was granted, up to 10 % earlier, in the same dialog."""
    foreign = servers["j6"]

    def brief(request: Request):  # type: ignore[no-untyped-def]
        headers = [("Contact", foreign.contact), ("Expires", "5")]
        return request.respond(200, headers=headers, to_tag=foreign.tag)

    foreign.answer = brief
    with deployment.peer("u9") as watcher:
        watch = watcher.subscribe(f"sip:j6@{CISCO}")
        first = foreign.asked(1)
        began = time.monotonic()
        foreign.notify(first, phone_state("sip:6@cm.example", "busy"), "active;expires=5")
        second = foreign.asked(2)
        assert time.monotonic() - began >= 5 * 0.8 * 0.9 - 0.5
        assert (second.call_id, second.to.tag, second.cseq.number) == (first.call_id, foreign.tag, 2)
        assert (second.get("Expires"), second.from_.tag) == (first.get("Expires"), first.from_.tag)
        watch.sees("<rpid:busy/>")


@pytest.mark.parametrize(("status", "headers"), [(503, {"Retry_After": "1"}), (500, {}), (403, {})])
def test_a_failure_is_tried_again_after_a_while(
    deployment: Deployment, servers: dict[str, Foreign], status: int, headers: dict[str, str]
) -> None:
    """D-32: with a delay; a server that comes to itself is believed again."""
    user = f"j{status}"
    foreign = servers[user]
    foreign.refuse(status, **headers)
    with deployment.peer("u10") as watcher:
        watch = watcher.subscribe(f"sip:{user}@{CISCO}")
        foreign.asked(1)
        foreign.answer = foreign.accept
        second = foreign.asked(2)
        foreign.notify(second, phone_state(f"sip:{status}@cm.example", "busy"))
        watch.sees("<rpid:busy/>")


@pytest.mark.parametrize("status", [404, 603])
def test_some_failures_are_final_until_the_mapping_changes(
    deployment: Deployment, servers: dict[str, Foreign], status: int
) -> None:
    """D-32, D-23 rule 2: no second attempt; Unknown; another mapping is tried at once."""
    user = f"j{status}"
    foreign = servers[user]
    foreign.refuse(status)
    with deployment.peer("u11") as watcher:
        watch = watcher.subscribe(f"sip:{user}@{CISCO}")
        foreign.asked(1)
        time.sleep(6)
        assert len(foreign.requests) == 1
        assert b"<rpid:unknown/>" in watch.notifies[-1].body
        foreign.answer = foreign.accept
        deployment.apply(f'mappings: [{{user: "{user}@{CISCO}", foreign: "{user}@cm.example", server: {user}}}]')
        asked = foreign.asked(2)
        assert asked.target == f"sip:{user}@cm.example"
        foreign.notify(asked, phone_state(asked.target, "busy"))
        watch.sees("<rpid:busy/>")


def test_a_forgotten_dialog_is_made_again(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """D-32: 481 to a refresh begins a new dialog at once; so does terminated;reason=deactivated."""
    foreign = servers["j40"]
    with deployment.peer("u12") as watcher:
        watch = watcher.subscribe(f"sip:j40@{CISCO}")
        first = foreign.asked(1)
        foreign.notify(first, phone_state("sip:40@cm.example", "busy"), "active;expires=4")
        watch.sees("<rpid:busy/>")
        foreign.answer = lambda request: foreign.accept(request) if request.to.tag is None else request.respond(481)
        foreign.asked(2)
        third = foreign.asked(3)
        assert third.to.tag is None and third.call_id != first.call_id
        foreign.notify(third, phone_state("sip:40@cm.example", "meeting"))
        watch.sees("<rpid:meeting/>")
        foreign.notify(third, state="terminated;reason=deactivated")
        fourth = foreign.asked(4)
        assert fourth.to.tag is None and fourth.call_id != third.call_id


def test_the_server_can_ask_for_patience(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """D-32: probation with retry-after is honoured; the state counts until its expiry."""
    foreign = servers["j41"]
    with deployment.peer("u13") as watcher:
        watch = watcher.subscribe(f"sip:j41@{CISCO}")
        first = foreign.asked(1)
        foreign.notify(first, phone_state("sip:41@cm.example", "busy"))
        watch.sees("<rpid:busy/>")
        began = time.monotonic()
        foreign.notify(first, state="terminated;reason=probation;retry-after=3")
        foreign.asked(2)
        assert time.monotonic() - began >= 3
        assert b"busy" in watch.notifies[-1].body


def test_a_server_that_never_settles_is_not_stormed(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """D-32: one attempt at once, then growing delays, whatever it says."""
    raising, ending = servers["j47"], servers["j48"]
    wanted = itertools.count(1000)
    raising.answer = lambda request: request.respond(423, headers=[("Min-Expires", str(next(wanted)))])
    with deployment.peer("u72") as a, deployment.peer("u73") as b:
        a.subscribe(f"sip:j47@{CISCO}")
        b.subscribe(f"sip:j48@{CISCO}")
        until = time.monotonic() + 5
        ended = 0
        while time.monotonic() < until:
            for request in ending.requests[ended:]:
                ended += 1
                ending.notify(request, state="terminated;reason=deactivated")
            time.sleep(0.05)
        assert len(raising.requests) < 8 and len(ending.requests) < 8


def test_a_watcher_that_leaves_before_the_answer_leaves_nothing(
    deployment: Deployment, servers: dict[str, Foreign]
) -> None:
    """F-5 (6): the server's answer comes too late, and is answered by the end in the same dialog."""
    foreign = servers["j49"]
    foreign.answer = lambda request: None if request.to.tag is None else foreign.accept(request)
    with deployment.peer("u74") as watcher:
        watch = watcher.subscribe(f"sip:j49@{CISCO}")
        first = foreign.asked(1)
        watch.refresh(expires=0)
        time.sleep(0.5)
        foreign.answer = foreign.accept
        end = wait_until(
            lambda: next((one for one in foreign.requests if one.to.tag is not None), None), "the end in its dialog"
        )
        assert (end.get("Expires"), end.call_id, end.to.tag) == ("0", first.call_id, foreign.tag)


def test_a_server_that_wants_longer_intervals_gets_them(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """R-BCK-09, RFC 3261 section 21.4.17: 423 with Min-Expires."""
    foreign = servers["j42"]
    foreign.answer = lambda request: (
        request.respond(423, headers=[("Min-Expires", "900")])
        if request.get("Expires") == "60"
        else foreign.accept(request)
    )
    with deployment.peer("u14") as watcher:
        watcher.subscribe(f"sip:j42@{CISCO}")
        assert (foreign.asked(1).get("Expires"), foreign.asked(2).get("Expires")) == ("60", "900")


def test_a_server_that_moves_is_followed_and_one_that_is_switched_off_left(
    deployment: Deployment, servers: dict[str, Foreign]
) -> None:
    """D-32, R-ARC-02: the address counts at once; switching off ends what is there."""
    foreign = servers["j43"]
    with deployment.peer("u15") as watcher, Foreign() as new:
        watch = watcher.subscribe(f"sip:j43@{CISCO}")
        foreign.notify(foreign.asked(1), phone_state("sip:43@cm.example", "busy"))
        watch.sees("<rpid:busy/>")
        deployment.apply(f'foreign_servers: [{{name: j43, address: "127.0.0.1:{new.port}"}}]')
        asked = new.asked(1)
        assert asked.to.tag is None
        new.notify(asked, phone_state("sip:43@cm.example", "meeting"))
        watch.sees("<rpid:meeting/>")
        deployment.apply(f'foreign_servers: [{{name: j43, address: "127.0.0.1:{new.port}", enabled: false}}]')
        assert new.asked(2).get("Expires") == "0"
        watch.sees("<rpid:unknown/>")


def test_it_goes_on_after_a_restart(deployment: Deployment, servers: dict[str, Foreign]) -> None:
    """D-32, R-BCK-01: dialog, state and refresh survive; the watcher hears nothing that it knows."""
    foreign = servers["j44"]
    with deployment.peer("u16") as watcher:
        watch = watcher.subscribe(f"sip:j44@{CISCO}")
        first = foreign.asked(1)
        foreign.notify(first, phone_state("sip:44@cm.example", "busy"))
        watch.sees("<rpid:busy/>")
        deployment.restart_edge()
        assert foreign.notify(first, phone_state("sip:44@cm.example", "meeting")).status == 200
        watch.sees("<rpid:meeting/>")
        assert len(watch.notifies) == 3
        watch.refresh(expires=0)
        last = foreign.asked(2)
        assert (last.call_id, last.get("Expires")) == (first.call_id, "0")
