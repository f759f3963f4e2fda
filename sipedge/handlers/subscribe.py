"""SUBSCRIBE: a watcher asks for the state of a presentity (RFC 6665, R-SUB, D-04, D-07, D-10, D-12)."""

import asyncio
import zlib
from typing import NamedTuple

from presence import subscriptions
from presence.access import Target, target_of
from presence.engine import media
from presence.engine.errors import (
    DocumentTooLarge,
    ExtensionRequired,
    MalformedDocument,
    NotAuthorised,
    UnknownPresentity,
    UnsupportedMediaType,
)
from presence.engine.resource_lists import MAX_DOCUMENT
from presence.lists import sent_along
from presence.rows import LIST, SubscriptionRow, key_of
from presence.store import Outcome
from provisioning.uri import Aor, SipUri
from sipedge.dialogs import CSEQ_BLOCK, LiveSubscription, tag_of
from sipedge.dispatch import Call, require_presence_event
from sipedge.partial import live_of
from sipedge.resolve import notify_flow
from sipedge.sip.dialog import Dialog
from sipedge.sip.errors import SipError
from sipedge.sip.message import Request, Response

SLOWEST = 3600.0
"Seconds: no watcher is told less often than this, whatever it wishes (RFC 6446)."

MAX_RACES = 5
"Times that a refresh is planned anew when the row was written by ourselves meanwhile."


async def handle(call: Call) -> Response:
    """Begin, refresh, end or fetch; the NOTIFY that is due follows the answer at once."""
    if call.request.to.tag is not None:
        return await _within_dialog(call)
    return await _initial(call)


async def _initial(call: Call) -> Response:
    edge, request = call.edge, call.request
    require_presence_event(request)
    asked = _asked_for(call)
    accept = ", ".join(request.get_all("Accept"))
    choose = media.choose_list if asked.target.kind == LIST else media.choose
    choose(accept if request.get("Accept") is not None else None, count=call.count_dialect)
    if call.caller.aor is None:
        raise NotAuthorised("the watcher has no SIP identity")
    event = request.event
    new_id = edge.new_id()
    dialog = Dialog.from_request(request, tag_of(new_id), call.flow)
    dialog.flow = notify_flow(dialog, call.flow)
    planned = subscriptions.plan_subscribe(
        id=new_id,
        target=asked.target,
        uri=asked.uri,
        members=asked.members,
        watcher=call.caller.aor,
        event_id=event.id or "" if event is not None else "",
        min_interval=min(event.min_interval, SLOWEST) if event is not None else 0.0,
        accept=accept,
        eventlist=_eventlist(request),
        user_agent=request.user_agent or "",
        expires=request.expires,
        dialog=dialog.dumps(),
        cseq=dialog.local_cseq + CSEQ_BLOCK,
        edge=edge.name,
        watching=len(edge.subscriptions.watching(asked.target.key)),
        bounds=edge.policy.expiry["subscribe"],
        now=edge.now(),
    )
    live = live_of(planned.row, dialog, dialog.flow)
    policy = edge.policy
    if live.judged(policy):
        raise NotAuthorised("the presentity's policy does not allow this watcher")
    live.suppress = request.get("Suppress-If-Match") or ""
    await asyncio.gather(*map(edge.personas.get, live.missing(edge.personas)))  # before the first NOTIFY is due
    if planned.plan is None:  # a fetch (D-04): one NOTIFY, nothing is kept
        if edge.policy is not policy and live.judged(edge.policy):
            raise NotAuthorised("the presentity's policy does not allow this watcher")
        live.reason = "timeout"
        edge.notifier.first(live)
    else:

        def applied(outcome: Outcome) -> None:
            if outcome is not Outcome.COMMITTED:
                return
            reason = live.judged(edge.policy) if edge.policy is not policy else ""  # changed while this was written
            edge.subscriptions.add(live)
            if reason:
                edge.notifier.end(live, reason)
            else:
                edge.notifier.first(live)
                edge.backends.follow(live)

        await edge.commit(planned.with_row(live.record()), applied)
    return _accepted(call, live, planned.granted)


class _Asked(NamedTuple):
    """What a SUBSCRIBE is for."""

    uri: Aor
    target: Target
    members: tuple[Aor, ...] = ()
    "Of a list that was sent along (RFC 5367)."


def _asked_for(call: Call) -> _Asked:
    """The user, list or foreign presentity that the Request-URI names (R-SUB-06, D-02), or the list in the body."""
    request, policy = call.request, call.edge.policy
    if not isinstance(request.uri, SipUri):
        raise SipError(416, "Unsupported URI Scheme")
    uri = Aor.of(request.uri)
    if any(tag.lower() == "recipient-list-subscribe" for tag in request.get_all("Require")):
        if not policy.serves(uri.host):
            raise UnknownPresentity(uri)
        if not media.is_resource_lists(request.get("Content-Type")):
            raise UnsupportedMediaType((media.RESOURCE_LISTS,))
        members = sent_along(_plain(request))
        _require_eventlist(request)
        return _Asked(uri, Target(LIST, key_of(uri)), tuple(members))
    target = target_of(policy, uri)
    if target is None:
        raise UnknownPresentity(uri)
    if target.kind == LIST:
        _require_eventlist(request)
    return _Asked(uri, target)


def _plain(request: Request) -> bytes:
    """The body without its Content-Encoding; Linphone deflates its lists. Raises SipError(415, 413, 400)."""
    encoding = (request.get("Content-Encoding") or "identity").strip().lower()
    if encoding == "identity":
        return request.body
    if encoding != "deflate":
        raise SipError(415, "Unsupported Content Encoding")
    inflater = zlib.decompressobj()
    try:
        body = inflater.decompress(request.body, MAX_DOCUMENT + 1)
    except zlib.error:
        raise MalformedDocument("the body is not deflated as it says") from None
    if len(body) > MAX_DOCUMENT:
        raise DocumentTooLarge(MAX_DOCUMENT)
    return body


def _eventlist(request: Request) -> bool:
    return any(tag.lower() == "eventlist" for name in ("Supported", "Require") for tag in request.get_all(name))


def _require_eventlist(request: Request) -> None:
    """D-09: a list is only for watchers that understand one."""
    if not _eventlist(request):
        raise ExtensionRequired("eventlist")


async def _within_dialog(call: Call) -> Response:
    edge, request = call.edge, call.request
    edge.drain.check_moved(request.to.tag)
    live = edge.subscriptions.of_tag(request.to.tag)
    if live is None or live.ended or not live.dialog.matches(request):
        raise SipError(481, "Subscription Does Not Exist")
    require_presence_event(request)
    same = call.caller.aor == live.row.watcher or (
        call.caller.persona is not None and call.caller.persona == edge.policy.resolve(live.row.watcher)
    )
    if not same:
        raise NotAuthorised("only the watcher may refresh a subscription")  # D-10
    live.dialog.receive(request)  # CSeq order, remote target (D-10)
    live.dialog.flow = notify_flow(live.dialog, call.flow)
    for _ in range(MAX_RACES):
        edge.drain.check_moved(request.to.tag)
        planned = subscriptions.plan_refresh(
            row=live.record(),
            expires=request.expires,
            bounds=edge.policy.expiry["subscribe"],
            now=edge.now(),
        )
        row = planned.row._replace(dialog=live.dialog.dumps(), cseq=live.cseq + CSEQ_BLOCK)
        ended = planned.granted == 0
        silent = False

        def applied(outcome: Outcome, row: SubscriptionRow = row, ended: bool = ended) -> None:
            nonlocal silent
            if outcome is Outcome.COMMITTED:
                silent = _refreshed(call, live, row, ended)

        if await edge.commit(planned.with_row(row), applied) is Outcome.COMMITTED:
            return _accepted(call, live, planned.granted, 204 if silent else 200)
        if live.row.version < row.version or live.ended:  # not a race with ourselves: the row is gone
            break
    raise SipError(481, "Subscription Does Not Exist")


def _refreshed(call: Call, live: LiveSubscription, row: SubscriptionRow, ended: bool) -> bool:
    """The refresh or the end is durable: go on from the new row. True when no NOTIFY follows (RFC 5839)."""
    edge = call.edge
    live.row = row._replace(state=live.row.state if not ended else row.state)
    live.flow = live.dialog.flow
    live.head = live.tcp_flow = None
    live.strikes = 0
    edge.subscriptions.add(live)
    edge.subscriptions.written(live)
    condition = call.request.get("Suppress-If-Match")
    if condition and live.knows(condition, edge.personas, edge.now()):  # it wants no NOTIFY then (RFC 5839)
        if ended:
            edge.backends.release(live)
            edge.subscriptions.remove(live)
        return True
    if ended:
        live.reason = "timeout"
        edge.backends.release(live)
    edge.notifier.first(live)
    return False


def _accepted(call: Call, live: LiveSubscription, granted: int, status: int = 200) -> Response:
    """200 without a body (R-SUB-31); Expires says what was granted, Contact is ours."""
    headers = [("Contact", call.listener.contact), ("Expires", str(granted))]
    if live.row.kind == LIST:
        headers.append(("Require", "eventlist"))
    return call.request.respond(status, headers=headers, to_tag=live.dialog.local_tag)
