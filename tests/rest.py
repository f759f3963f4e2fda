"""A client of the web process for tests: REST with a token, and the pages of an administrator."""

import http.cookiejar
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from tests.system import Deployment

PATIENCE = 60.0
"Seconds for one answer."


class Web:
    """One web process."""

    def __init__(self, address: str, token: str = "") -> None:
        self.address = address
        self._token = token
        jar = http.cookiejar.CookieJar()
        self._cookies = jar
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def ask(self, method: str, path: str, values: dict[str, Any] | None = None, **more: str) -> tuple[int, Any]:
        """The status of a REST resource below /api/v1/, and what it says; `more`: headers."""
        headers = {"Content-Type": "application/json", **more}
        if self._token:
            headers["Authorization"] = f"Token {self._token}"
        data = json.dumps(values).encode() if values is not None else None
        status, text = self._open(f"/api/v1/{path}", data, headers, method)
        return status, json.loads(text) if text else None

    def page(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """A page, after redirections; with `form` it is sent there."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        return self._open(path, data, {"Referer": self.address}, "POST" if data is not None else "GET")

    def log_in(self, name: str = "admin", password: str = "secret-admin") -> None:
        """As an administrator, for pages."""
        self.page("/admin/login/")
        token = next(one.value for one in self._cookies if one.name == "csrftoken") or ""
        self.page(
            "/admin/login/",
            {"username": name, "password": password, "csrfmiddlewaretoken": token, "next": "/admin/"},
        )

    def _open(self, path: str, data: bytes | None, headers: dict[str, str], method: str) -> tuple[int, str]:
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def integrator(deployment: Deployment) -> Web:
    """Start the web process; a client with a token."""
    token = deployment.manage(
        "shell", "-v0", "-c",
        "from django.contrib.auth import get_user_model as users; from rest_framework.authtoken.models import Token; "
        "print(Token.objects.create(user=users().objects.create_superuser('integrator')).key)",
    )  # fmt: skip
    return Web(deployment.start_web(), token.strip())
