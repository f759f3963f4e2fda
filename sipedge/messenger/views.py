"""The messenger's pages: sign in, the page itself, log out. What they show comes by WebSocket."""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from sipedge.messenger import browsers, personal, sessions, words
from sipedge.messenger.browsers import SignInRefused

ENDINGS = {
    "over": _("You are logged out."),
    "refused": _(
        "The server has ended your log-in: your account or the messenger is switched off, or you are logged in too "
        "often."
    ),
}
"Why a log-in has ended, as people read it."

View = Callable[..., HttpResponse]


def locked(view: View) -> View:
    """Scripts, styles and connections of our own only, in nobody's frame, kept by no cache."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        host = request.get_host()
        response["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            f"connect-src 'self' ws://{host} wss://{host}; "  # some browsers do not count WebSocket as 'self'
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        response["Cache-Control"] = "no-store"
        return response

    return answer


@locked
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def messenger(request: HttpRequest) -> HttpResponse:
    """The page of whoever is signed in, else the form to sign in."""
    session = browsers.of_browser(request.session)
    if request.method == "POST":
        return sign_in(request, "messenger")
    if session is None:
        return render(
            request,
            "messenger/sign_in.html",
            {"said": ENDINGS.get(request.GET.get("ended", ""), ""), "target": "messenger"},
        )
    return render(
        request,
        "messenger/messenger.html",
        {"session": session, "options": personal.options(session), "words": words.spoken()},
    )


def sign_in(request: HttpRequest, target: str) -> HttpResponse:
    """Sign in by the form that was sent, and go on to the page of this name."""
    name = request.POST.get("name", "")
    before = browsers.of_browser(request.session)
    try:
        session = browsers.sign_in(
            name,
            request.POST.get("password", ""),
            address=request.META.get("REMOTE_ADDR", ""),
            user_agent=request.headers.get("User-Agent", ""),
            now=timezone.now(),
        )
    except SignInRefused as refused:
        said = {"said": str(refused), "refused": True, "name": name, "target": target}
        response = render(request, "messenger/sign_in.html", said, status=429 if refused.wait else 403)
        if refused.wait:
            response["Retry-After"] = str(math.ceil(refused.wait))
        return response
    if before is not None:
        sessions.end(before)
    request.session.cycle_key()
    request.session[browsers.KEY] = session.id
    return redirect(target)


@locked
@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """For all tabs of the browser."""
    browsers.sign_out(request.session)
    return redirect("messenger")
