"""What the parts of an edge count, and that peers cannot make series up."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from sipedge import refusals
from sipedge.committer import Committer
from sipedge.metrics import edge as module
from sipedge.metrics.edge import FAMILIES, Metrics
from sipedge.sip.flow import Flow
from sipedge.sip.message import Request, Response
from sipedge.sip.stack import Stack
from sipedge.sip.transaction import ClientTransaction
from tests.sipedge.test_committer import Database, plan

UDP = Flow("UDP", ("127.0.0.1", 5060), ("127.0.0.1", 5062))
TCP = Flow("TCP", ("127.0.0.1", 5060), ("127.0.0.1", 5062), 1)
READ = {family.name: family.read for family in FAMILIES}


def read(name: str, **parts: Any) -> dict[tuple[str, ...], Any]:
    return dict(READ[name](SimpleNamespace(**parts)))  # type: ignore[arg-type]


class User:
    def answered(self, transaction: ClientTransaction, response: Response) -> None: ...

    def failed(self, transaction: ClientTransaction, status: int) -> None: ...


def request(method: str, number: int = 1) -> Request:
    headers = [
        ("Max-Forwards", "70"),
        ("From", "<sip:a@example.org>;tag=1"),
        ("To", "<sip:b@example.org>"),
        ("Call-ID", f"call-{number}"),
        ("CSeq", f"1 {method}"),
    ]
    return Request.build(method, "sip:b@example.org", headers)


def arrive(stack: Stack, method: str, number: int = 1) -> None:
    one = request(method, number)
    one.headers.insert(0, ("Via", f"SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK{method}{number}"))
    stack.receive(one.encode(), UDP, 0.0)


def send(stack: Stack, method: str, flow: Flow = UDP) -> ClientTransaction:
    return stack.request(request(method), flow, 0.0, sent_by="127.0.0.1:5060", user=User(), context=None)


def answered(stack: Stack, client: ClientTransaction, *statuses: int) -> None:
    for status in statuses:
        asked = request(client.method)
        asked.headers.insert(0, ("Via", f"SIP/2.0/UDP 127.0.0.1:5060;branch={client.branch}"))
        stack.receive(asked.respond(status).encode(), client.flow, 0.1)


def test_an_answer_is_counted_once_however_often_it_is_repeated() -> None:
    stack = Stack("t")
    arrive(stack, "PUBLISH")
    event = stack.events.popleft()
    stack.respond(event.transaction, event.request.respond(200), 0.0)  # type: ignore[union-attr]
    arrive(stack, "PUBLISH")
    assert len(stack.transmissions) == 2
    assert read("cups_sip_answers_sent", stack=stack) == {("PUBLISH", "200"): 1}
    assert read("cups_sip_transactions", stack=stack) == {("server",): 1, ("client",): 0}


def test_methods_and_statuses_that_peers_make_up_have_no_series_of_their_own() -> None:
    stack = Stack("t")
    for number in range(20):
        arrive(stack, f"MADEUP{number}", number)
        event = stack.events.popleft()
        stack.respond(event.transaction, event.request.respond(440 + number), 0.0)  # type: ignore[union-attr]
    assert read("cups_sip_answers_sent", stack=stack) == {("other", "400"): 20}
    assert len(stack.answers) == 20, "at most as many as there are statuses"


@pytest.mark.parametrize("method", ["INVITE", "NOTIFY"])
@pytest.mark.parametrize(("statuses", "outcome"), [((100, 200), "2xx"), ((404,), "4xx"), ((180, 603, 603), "6xx")])
def test_a_request_of_ours_is_counted_with_its_final_answer(
    method: str, statuses: tuple[int, ...], outcome: str
) -> None:
    stack = Stack("t")
    answered(stack, send(stack, method), *statuses)
    assert read("cups_sip_requests_sent", stack=stack) == {(method, outcome): 1}


@pytest.mark.parametrize("method", ["INVITE", "NOTIFY"])
def test_a_request_without_an_answer_is_counted_too(method: str) -> None:
    stack = Stack("t")
    send(stack, method)
    send(stack, method, TCP)
    stack.flow_failed(TCP)
    now = 0.0
    while (deadline := stack.next_deadline()) is not None:
        now = max(now, deadline)
        stack.timeout(now)
    assert read("cups_sip_requests_sent", stack=stack) == {(method, "lost"): 1, (method, "timeout"): 1}


def test_the_second_2xx_of_a_forked_call_is_no_second_outcome() -> None:
    """RFC 6026: each is acknowledged by its user, but it was one request."""
    stack = Stack("t")
    answered(stack, send(stack, "INVITE"), 200, 200)
    assert read("cups_sip_requests_sent", stack=stack) == {("INVITE", "2xx"): 1}


def test_whatever_openssl_says_is_one_reason() -> None:
    reasons = {refusals.MALFORMED: 2, refusals.TLS + "no shared cipher": 1, refusals.TLS + "x" * 200: 3}
    peers = SimpleNamespace(refusals=SimpleNamespace(reasons=reasons))
    assert read("cups_sip_refusals", peers=peers) == {("malformed",): 2, ("TLS",): 4}


@pytest.mark.asyncio
async def test_batches_are_counted_with_their_size_time_and_conflicts() -> None:
    database = Database()
    database.conflicts = {2}
    committer = Committer(database.write)
    await asyncio.gather(*(committer.submit(plan(number)) for number in range(5)))
    assert len(committer) == 0
    assert (committer.sizes.count, committer.sizes.total, committer.conflicts) == (1, 5, 1)
    assert committer.durations.count == 1 and 0 < committer.durations.total < 10
    database.go.clear()
    waiting = committer.submit(plan(9))
    assert len(committer) == 1
    database.go.set()
    await waiting
    await committer.close()


@pytest.mark.asyncio
async def test_a_loop_that_is_held_up_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK", 0.01)
    metrics = Metrics(SimpleNamespace())  # type: ignore[arg-type]
    keeping = asyncio.create_task(metrics.keep())
    await asyncio.sleep(0)
    time.sleep(0.1)  # noqa: ASYNC251  (what must not happen)
    await asyncio.sleep(0.01)
    keeping.cancel()
    assert metrics.lag.total >= 0.08
