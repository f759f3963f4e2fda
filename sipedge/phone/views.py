"""The pages of the IP Phone Messenger, as any HTTP client walks them (R-ARC-03, R-IM-01 to R-IM-06).

Whatever goes wrong is a page as well: a phone shows nothing else, so the status is always 200.
"""

import functools
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import structlog
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from provisioning.asking import NoAnswer, Refused
from sipedge.messenger import buddies, contacts, sessions
from sipedge.models import MessengerSession
from sipedge.phone import access, pages
from sipedge.phone.calls import AGAIN, Call, Gone, Over, linker
from sipedge.phone.screens import URL, Screen, execute, plain

log = structlog.get_logger(__name__)

ACCEPTED = 202
"The message is kept for a recipient who is away (D-34)."

OLDER = "iso-8859-1"
"What a phone takes whose Accept-Charset does not name UTF-8."

NOT_ALLOWED = frozenset({403, 404})
"The user, or the messenger for all, was switched off: the log-in is over."

PHONES = 10
"Log-ins of one user by phones; the oldest ends when there are more, so a phone that repeats its own does no harm."

Page = Callable[..., Screen | bytes]


def shown(found: Screen | bytes, request: HttpRequest) -> HttpResponse:
    """A page as a phone takes it; it is fetched anew each time, and not gone back to."""
    charsets = request.headers.get("Accept-Charset", "utf-8").lower()
    charset = "UTF-8" if "utf-8" in charsets or "*" in charsets else OLDER
    refresh = None
    if isinstance(found, Screen):
        refresh, found = found.refresh, found.encode(charset)
    response = HttpResponse(found, content_type=f"text/xml; charset={charset}")
    response["Expires"] = "Thu, 01 Jan 1970 00:00:00 GMT"
    response["Cache-Control"] = "no-store"
    if refresh is not None:
        response["Refresh"] = f"{refresh[0]}; url={refresh[1]}?{AGAIN}=1"
    return response


def safely(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A mistake of ours is a page and a line in the log."""

    @functools.wraps(view)
    def answer(request: HttpRequest, **path: Any) -> HttpResponse:
        try:
            return view(request, **path)
        except Exception:
            log.exception("a page of the phone failed", page=view.__name__)
            return shown(pages.mistake(request.build_absolute_uri(reverse("phone:start"))), request)

    return answer


def page(*, protected: bool = False) -> Callable[[Page], Callable[..., HttpResponse]]:
    """A page of a log-in; `protected`: the user may want the PIN to be asked for first."""

    def decorate(view: Page) -> Callable[..., HttpResponse]:
        @functools.wraps(view)
        def answer(request: HttpRequest, token: str, **path: Any) -> HttpResponse:
            return shown(_page(view, protected, request, token, path), request)

        return safely(answer)

    return decorate


def _page(view: Page, protected: bool, request: HttpRequest, token: str, path: dict[str, Any]) -> Screen | bytes:
    link = linker(request, token)
    try:
        call = Call.of(request, token)
        if call.by_itself and (news := call.arrived()) is not None:
            return _arrived(call, news)
        if protected and call.locked:
            return pages.pin(link, request.path.removeprefix(reverse("phone:home", args=[token])))
        return view(call, **path)
    except Over:
        return pages.ended(request.build_absolute_uri(reverse("phone:start")))
    except Gone as gone:
        return gone.page(link)  # type: ignore[no-any-return]
    except NoAnswer as silence:
        log.warning("no edge has answered a phone", reason=str(silence))
        return pages.no_service(link)
    except Refused as refused:
        if refused.status not in NOT_ALLOWED:
            return pages.refused(link, refused.status)
        sessions.end(call.session)
        return pages.ended(request.build_absolute_uri(reverse("phone:start")))


def _arrived(call: Call, news: pages.Message) -> Screen | bytes:
    if call.choices.sound:
        return execute(pages.SOUND, call.link("incoming", news.key))
    return pages.incoming(call.link, news, call.locked, call.choices.refresh)


# Log-in


@safely
def start(request: HttpRequest) -> HttpResponse:
    """Who is it? A phone's own user comes with the URL that the phone has subscribed to."""
    user = plain(request.GET.get("user", ""), URL)
    device = plain(request.GET.get("device", ""), URL)
    if device and access.find(device) is None:
        return shown(pages.not_provisioned(), request)
    who = user or device
    url = request.build_absolute_uri(reverse("phone:own", args=[who]) if who else reverse("phone:enter"))
    if len(url) >= URL:
        who, url = "", request.build_absolute_uri(reverse("phone:enter"))
    return shown(pages.log_in(url, who), request)


@safely
def enter(request: HttpRequest, user: str = "") -> HttpResponse:
    """User and PIN were given."""
    retry = request.build_absolute_uri(reverse("phone:start")) + (f"?user={quote(user)}" if user else "")
    user = user or request.GET.get("user", "")
    persona = access.find(user)
    address = request.META.get("REMOTE_ADDR", "")
    try:
        right = access.right(persona, user, request.GET.get("pin", ""), address)
    except access.Blocked as blocked:
        return shown(pages.blocked(blocked.seconds, retry), request)
    if persona is None or not right:
        return shown(pages.wrong_pin(retry), request)
    token = access.new_token()
    lasts = timedelta(minutes=sessions.settings().session_timer)
    agent = request.headers.get("x-CiscoIPPhoneModelName") or request.headers.get("User-Agent", "")
    id = access.session_id(token)
    try:
        session = sessions.begin(persona, "phone", id=id, lasts=lasts, user_agent=agent, address=address)
    except (NoAnswer, Refused) as error:
        log.warning("a phone could not log in", user=persona.aor, reason=str(error))
        return shown(pages.cannot_log_in(retry), request)
    others = sessions.others(session)
    for oldest in [one for one in others if one.kind == "phone"][PHONES - 1 :]:
        sessions.end(oldest)
        others.remove(oldest)
    if others:
        return shown(pages.others(linker(request, token), [_place(one) for one in others]), request)
    return home(request, token=token)


def _place(session: MessengerSession) -> str:
    return f"{session.get_kind_display()} {session.address}".strip()


@page()
def others(call: Call, answer: str) -> Screen:
    """The second log-in: end the others or not."""
    if answer == "yes":
        for one in sessions.others(call.session):
            sessions.end(one)
    return _home(call)


@page()
def log_out(call: Call) -> Screen:
    """Everything ends."""
    sessions.end(call.session)
    raise Over


@safely
def nowhere(request: HttpRequest, **path: Any) -> HttpResponse:
    """No such page."""
    return shown(pages.no_page(request.build_absolute_uri(reverse("phone:start"))), request)


@page()
def home(call: Call) -> Screen:
    """The main menu."""
    return _home(call)


def _home(call: Call) -> Screen:
    return pages.home(call.link, call.own(), call.choices.refresh)


# Contacts


@page()
def contact_list(call: Call, number: int = 0) -> Screen:
    """All buddies."""
    return pages.contacts(call.link, call.contacts(), number, call.choices.refresh)


@page()
def contact(call: Call, key: str) -> Screen:
    """One buddy."""
    return pages.contact(call.link, call.contact(key), call.choices.refresh)


@page(protected=True)
def history(call: Call, key: str, number: int = 0) -> Screen:
    """What was written with a buddy."""
    one = call.contact(key)
    return pages.history(call.link, one, call.messages(one.address), number)


@page()
def numbers(call: Call, number: int = 0) -> Screen:
    """To dial from."""
    return pages.numbers(call.link, call.contacts(), number)


@page()
def add(call: Call) -> Screen:
    """A new contact."""
    return pages.add(call.link)


@page()
def added(call: Call) -> Screen:
    """It was named."""
    return _add(call, call.request.GET.get("who", ""))


@page()
def remove(call: Call, key: str) -> Screen:
    """Really?"""
    return pages.remove(call.link, call.contact(key))


@page()
def removed(call: Call, key: str) -> Screen:
    """Yes."""
    buddies.remove(call.session.persona, call.contact(key).address, group=None)
    return pages.no_contact(call.link)


def _add(call: Call, who: str) -> Screen:
    try:
        uri = contacts.add(call.session.persona, who)
    except contacts.NotAdded as refused:
        return pages.not_added(call.link, refused.why)
    return pages.added(call.link, contacts.names(call.session.persona, [uri])[uri])


# Messages


@page(protected=True)
def message_list(call: Call, number: int = 0) -> Screen:
    """What was received."""
    return pages.messages(call.link, call.messages(), number, call.choices.refresh)


@page(protected=True)
def message(call: Call, key: str, number: int = 0) -> Screen:
    """One message."""
    found = call.message(key)
    call.read(key)
    return pages.message(call.link, found, number)


@page()
def incoming(call: Call, key: str) -> Screen:
    """One that has just come, after the sound."""
    return pages.incoming(call.link, call.message(key), call.locked, call.choices.refresh)


@page(protected=True)
def delete(call: Call, key: str) -> Screen:
    """Take it off the list."""
    call.delete(key)
    return pages.deleted(call.link)


@page(protected=True)
def add_sender(call: Call, key: str) -> Screen:
    """Its sender becomes a contact."""
    return _add(call, call.message(key).address)


@page()
def compose(call: Call, who: str) -> Screen:
    """What to write."""
    _, name = _target(call, who)
    return pages.compose(call.link, who, name, secrets.token_hex(4), call.canned())


@page()
def write(call: Call, who: str) -> Screen:
    """A text of one's own."""
    _, name = _target(call, who)
    return pages.write(call.link, who, name, secrets.token_hex(4))


@page()
def send(call: Call, who: str, nonce: str) -> Screen:
    """It was written."""
    return _send(call, *_target(call, who), call.request.GET.get("text", ""), nonce)


@page()
def canned(call: Call, who: str, number: int, nonce: str) -> Screen:
    """It was chosen."""
    return _send(call, *_target(call, who), dict(call.canned()).get(number, ""), nonce)


@page()
def new(call: Call) -> Screen:
    """To anybody."""
    return pages.new(call.link, secrets.token_hex(4))


@page()
def send_new(call: Call, nonce: str) -> Screen:
    """Somebody was named."""
    who = call.request.GET.get("who", "")
    try:
        uri = contacts.address(call.session.persona, who)
    except contacts.NotAdded:
        return pages.not_sent(call.link, who, 404)
    name = contacts.names(call.session.persona, [uri])[uri]
    return _send(call, uri, name, call.request.GET.get("text", ""), nonce)


def _target(call: Call, who: str) -> tuple[str, str]:
    """Address and name of a contact or of a message's other side; raises Gone."""
    kind, _, key = who.partition("-")
    one = call.contact(key) if kind == "c" else call.message(key)
    return one.address, one.name


def _send(call: Call, to: str, name: str, text: str, nonce: str) -> Screen:
    """Once for each nonce: a phone that fetches the page again sends nothing again."""
    if not text.strip():
        return pages.nothing_to_send(call.link)
    status = call.ask("send", id=f"{call.session.id}-{nonce}", to=to, text=text)["status"]
    if status == ACCEPTED:
        return pages.kept(call.link, name)
    return pages.sent(call.link, name) if status < 300 else pages.not_sent(call.link, name, status)


# Status


@page()
def status(call: Call) -> Screen:
    """The states to choose from."""
    return pages.status(call.link, call.own())


@page()
def note(call: Call, chosen: str) -> Screen:
    """A note to go with it."""
    return (
        pages.note(call.link, chosen, call.own()) if chosen in pages.STATUSES else pages.status(call.link, call.own())
    )


@page()
def set_status(call: Call, chosen: str) -> Screen:
    """It was chosen."""
    text = plain(call.request.GET.get("note", ""), pages.NOTE)
    call.ask("status", status=chosen, note=text)
    sessions.choose(call.session, status={"status": chosen, "note": text})
    return pages.status_set(call.link, pages.Own("", chosen, text))


# Settings


@page(protected=True)
def settings(call: Call) -> Screen:
    """What can be chosen."""
    return pages.settings(call.link, call.choices)


@page(protected=True)
def setting(call: Call, name: str) -> Screen:
    """A number to type."""
    return pages.setting(call.link, name, call.choices)


@page(protected=True)
def set_number(call: Call, name: str) -> Screen:
    """It was typed."""
    text = call.request.GET.get("value", "")
    least, most = pages.REFRESH if name == "refresh" else (1, call.choices.longest_timer)
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and least <= int(text) <= most):
        return pages.wrong_setting(call.link, name, call.choices)
    chosen = call.preferences
    setattr(chosen, "refresh_interval" if name == "refresh" else "session_timer", int(text))
    chosen.save()
    return pages.settings(call.link, call.choices)


@page(protected=True)
def switch(call: Call, name: str, value: str) -> Screen:
    """On or off."""
    chosen = call.preferences
    setattr(chosen, name, value == "on")
    chosen.save()
    return pages.settings(call.link, call.choices)


@page()
def unlock(call: Call, after: str) -> Screen:
    """The PIN was typed; a page behind it is gone to by a key, since it may do something."""
    address = call.request.META.get("REMOTE_ADDR", "")
    persona = call.session.persona
    try:
        right = access.right(persona, persona.aor, call.request.GET.get("pin", ""), address)
    except access.Blocked as blocked:
        return pages.blocked(blocked.seconds, call.link())
    if not right:
        return pages.invalid_pin(call.link, after)
    call.unlock()
    return pages.unlocked(call.link, after)
