"""SUBSCRIBE: a watcher asks for the state of a presentity (RFC 6665, R-SUB, D-04, D-07, D-10, D-12)."""

from presence import subscriptions
from presence.engine import media
from presence.engine.authorization import Effect, authorize
from presence.engine.errors import NotAuthorised
from presence.rows import SubscriptionRow
from presence.store import Outcome
from sipedge.dialogs import CSEQ_BLOCK, LiveSubscription, tag_of
from sipedge.dispatch import Call, presentity_of, require_presence_event
from sipedge.resolve import notify_flow
from sipedge.sip.dialog import Dialog
from sipedge.sip.errors import SipError
from sipedge.sip.message import Response

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
    persona = presentity_of(call)
    accept = ", ".join(request.get_all("Accept"))
    media.choose(accept if request.get("Accept") is not None else None)
    if call.caller.aor is None:
        raise NotAuthorised("the watcher has no SIP identity")
    watcher = call.caller.persona.id if call.caller.persona is not None else None
    if authorize(watcher_persona=watcher, presentity_persona=persona.id,
                 allow_by_default=edge.policy.settings.allow_by_default).effect is Effect.BLOCK:  # fmt: skip
        raise NotAuthorised("the presentity's policy does not allow this watcher")
    await edge.personas.get(persona.id)  # in memory before the first NOTIFY is due
    new_id = edge.new_id()
    dialog = Dialog.from_request(request, tag_of(new_id), call.flow)
    dialog.flow = notify_flow(dialog, call.flow)
    planned = subscriptions.plan_subscribe(
        id=new_id,
        persona=persona,
        uri=edge.policy.asked_for(request.uri),
        watcher=call.caller.aor,
        event_id=request.event.id or "" if request.event is not None else "",
        accept=accept,
        eventlist=any(tag.lower() == "eventlist" for tag in request.get_all("Supported")),
        user_agent=request.user_agent or "",
        expires=request.expires,
        dialog=dialog.dumps(),
        cseq=dialog.local_cseq + CSEQ_BLOCK,
        edge=edge.name,
        watching=len(edge.subscriptions.watching(persona.id)),
        bounds=edge.policy.expiry["subscribe"],
        now=edge.now(),
    )
    live = LiveSubscription(planned.row, dialog, dialog.flow)
    if planned.plan is None:  # a fetch (D-04): one NOTIFY, nothing is kept
        live.reason = "timeout"
        edge.notifier.first(live)
    else:

        def applied(outcome: Outcome) -> None:
            if outcome is Outcome.COMMITTED:
                edge.subscriptions.add(live)
                edge.notifier.first(live)

        await edge.commit(planned.plan, applied)
    return _accepted(call, tag_of(new_id), planned.granted)


async def _within_dialog(call: Call) -> Response:
    edge, request = call.edge, call.request
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
        planned = subscriptions.plan_refresh(
            row=live.record(),
            expires=request.expires,
            bounds=edge.policy.expiry["subscribe"],
            now=edge.now(),
        )
        row = planned.row._replace(dialog=live.dialog.dumps(), cseq=live.cseq + CSEQ_BLOCK)
        ended = planned.granted == 0

        def applied(outcome: Outcome, row: SubscriptionRow = row, ended: bool = ended) -> None:
            if outcome is Outcome.COMMITTED:
                _refreshed(call, live, row, ended)

        if await edge.commit(planned.with_row(row), applied) is Outcome.COMMITTED:
            return _accepted(call, None, planned.granted)
        if live.row.version < row.version or live.ended:  # not a race with ourselves: the row is gone
            break
    raise SipError(481, "Subscription Does Not Exist")


def _refreshed(call: Call, live: LiveSubscription, row: SubscriptionRow, ended: bool) -> None:
    """The refresh or the end is durable: go on from the new row; a NOTIFY is due."""
    edge = call.edge
    live.row = row
    live.flow = live.dialog.flow
    live.head = live.tcp_flow = None
    live.strikes = 0
    edge.subscriptions.add(live)
    edge.subscriptions.written(live)
    if ended:
        live.reason = "timeout"
    edge.notifier.first(live)


def _accepted(call: Call, tag: str | None, granted: int) -> Response:
    """200 without a body (R-SUB-31); Expires says what was granted, Contact is ours."""
    return call.request.respond(
        200, headers=[("Contact", call.listener.contact), ("Expires", str(granted))], to_tag=tag
    )
