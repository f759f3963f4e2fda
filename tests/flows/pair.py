"""Two of our own servers, each the other's other domain."""

from tests.phone import DOMAIN, PASSWORD, Phone
from tests.system import Deployment

THERE = "there.example"
FAR = f"""
domains: [{THERE}]
users:
  - {{pattern: "f{{n}}", first: 0, count: 20, domain: {THERE}, password: {PASSWORD}}}
access_list: [{{address: 127.0.0.1}}]
"""


class Sites:
    """Two of our own servers, each the other's other domain; clients speak from addresses that are let in nowhere."""

    def __init__(self, here: Deployment, there: Deployment) -> None:
        self.here = here
        self.there = there
        self._made: list[Phone] = []

    def near(self, user: str, transport: str = "UDP") -> Phone:
        return self._client(self.here, f"{user}@{DOMAIN}", transport)

    def far(self, user: str, transport: str = "UDP") -> Phone:
        return self._client(self.there, f"{user}@{THERE}", transport)

    def _client(self, site: Deployment, user: str, transport: str) -> Phone:
        port = site.proxy_ws if transport == "WS" else site.proxy
        self._made.append(Phone(user, ("127.0.0.1", port), transport=transport, source="127.0.0.9"))
        return self._made[-1]

    def close(self) -> None:
        for one in self._made:
            one.close()
        self._made.clear()
