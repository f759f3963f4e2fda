"""Every environment variable that the product reads, once: kind, meaning, unit, default and an example.

docs/configuration.md is made from this table (`python -m cups_site.variables.page`), the settings, the launcher and
`./run` read by it, and nobody reads the environment elsewhere. Standard library only.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cups_site.variables.kinds import (
    Address,
    Choice,
    Count,
    Flag,
    Folder,
    Kind,
    NameServers,
    Networks,
    Ports,
    Share,
    Text,
    TimeZone,
    Unfit,
    Url,
    Words,
)

DATA = "Data and services"
ADDRESSES = "Addresses"
WEB = "Web"
LIMITS = "Limits"
WATCHING = "Logs, metrics and health"
START = "Start and development"

SHOWN: Final = 80
"Characters of a wrong value that its sentence repeats."


class BadVariable(Exception):
    """A variable has a value that cannot be used; one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable."""

    name: str
    group: str
    kind: Kind
    meaning: str
    example: str
    default: str = ""
    "As it would stand in the environment; empty: None, or what `otherwise` says."
    otherwise: str = ""
    "In words, where the default is no text of its own."
    unit: str = ""
    secret: bool = False
    "Never shown, not even when it is wrong."
    also: str = ""
    "Another name that is looked at when the first one is empty."
    empty: bool = False
    "Set to nothing it means nothing, not the default."

    def read(self, environment: Mapping[str, str]) -> Any:
        """The value; None for none. Raises BadVariable."""
        name, text = self.name, environment.get(self.name)
        if not (text or "").strip() and self.also:
            name, text = self.also, environment.get(self.also)
        given = (text or "").strip()
        chosen = given if given or (self.empty and text is not None) else self.default
        if not chosen:
            return None
        try:
            return self.kind.read(chosen)
        except Unfit as error:
            got = "" if self.secret else f", got {chosen[:SHOWN]!r}"
            raise BadVariable(f"{name}: expected {error}{got}") from None


VARIABLES: Final = (
    Variable(
        "CUPS_DATA_DIR",
        DATA,
        Folder(),
        "SQLite, Valkey's file, the secret key, beat's schedule, TLS certificates",
        "/var/lib/cups",
        otherwise="`var/` in the repository",
    ),
    Variable(
        "DATABASE_URL",
        DATA,
        Url(("postgresql", "postgres")),
        "PostgreSQL: `postgresql://user:password@host:port/name`",
        "postgresql://cups:secret@db.example.org:5432/cups",
        otherwise="SQLite in the data directory",
        secret=True,
    ),
    Variable(
        "VALKEY_URL",
        DATA,
        Url(("redis", "rediss", "unix")),
        "bus, broker and channel layer; `REDIS_URL` means the same",
        "redis://bus.example.org:6379/0",
        otherwise="an embedded Valkey on a socket",
        secret=True,
        also="REDIS_URL",
    ),
    Variable(
        "CUPS_SECRET_KEY",
        DATA,
        Text(),
        "Django's key, the same for all processes of an installation",
        "50 random characters",
        otherwise="made once, kept in the data directory",
        secret=True,
    ),
    Variable(
        "CUPS_WEB_LISTEN",
        ADDRESSES,
        Address(1),
        "address of admin and REST under `./run start`",
        "0.0.0.0:8000",
        "127.0.0.1:8000",
    ),
    Variable(
        "CUPS_SIP_LISTEN",
        ADDRESSES,
        Text(),
        "comma list of `transport:host:port:role`, IPv6 in brackets; exactly these are opened",
        "udp:192.0.2.10:5060:proxy,tls:192.0.2.10:5061:proxy",
        otherwise="the Listener rows; at installation UDP and TCP on 127.0.0.1, 5060 proxy and 5070 engine",
    ),
    Variable(
        "CUPS_CSTA_LISTEN",
        ADDRESSES,
        Text(),
        "comma list of `tcp:host:port` and `tls:host:port` for [programs that control phones](cti.md); empty: none",
        "tls:192.0.2.10:1041",
        "tcp:127.0.0.1:1040",
        empty=True,
    ),
    Variable(
        "CUPS_RTP_PORTS",
        ADDRESSES,
        Ports(),
        "UDP ports for conferences of SIP phones, two for each party",
        "20000-20999",
        "16384-16583",
    ),
    Variable(
        "CUPS_DNS",
        ADDRESSES,
        NameServers(),
        "name servers for other domains",
        "192.0.2.53,[2001:db8::53]:5353",
        otherwise="those of the machine",
    ),
    Variable(
        "CUPS_EDGES",
        ADDRESSES,
        Count(1, 64),
        "edge processes that `./run start` runs; they share [the addresses and the users](scaling.md)",
        "2",
        "1",
        unit="processes",
    ),
    Variable(
        "CUPS_EDGE_NAME",
        ADDRESSES,
        Text(),
        "name of an edge that is started by hand or by systemd; it takes up the subscriptions of this name",
        "edge-2",
        "edge-1",
    ),
    Variable(
        "CUPS_EDGE_SHARE",
        ADDRESSES,
        Share(),
        "of an edge that is started by hand or by systemd: which of how many processes of this machine that "
        "[share their addresses](scaling.md) it is",
        "2/4",
        "1/1",
    ),
    Variable(
        "CUPS_ALLOWED_HOSTS",
        WEB,
        Words(),
        "names under which the web process answers",
        "presence.example.org",
        "localhost,127.0.0.1,[::1]",
    ),
    Variable(
        "CUPS_TRUSTED_ORIGINS",
        WEB,
        Words(),
        "origins for forms behind another scheme or port",
        "https://presence.example.org",
        otherwise="none",
    ),
    Variable(
        "CUPS_HTTPS",
        WEB,
        Flag(),
        "`1` behind a TLS proxy that sets X-Forwarded-Proto: cookies go over TLS only",
        "1",
        "0",
    ),
    Variable(
        "CUPS_TIME_ZONE",
        WEB,
        TimeZone(),
        "time zone in which people see and enter times; database and logs are in UTC whatever it says",
        "Europe/Berlin",
        "UTC",
    ),
    Variable(
        "CUPS_WEBHOOK_PRIVATE",
        WEB,
        Flag(),
        "`1`: webhooks may lead to private addresses",
        "1",
        "0",
    ),
    Variable(
        "CUPS_API_RATE",
        LIMITS,
        Count(),
        "that one account may make by [REST](rest.md); 0: any number",
        "60000",
        "12000",
        unit="requests in a minute",
    ),
    Variable(
        "CUPS_API_RATE_STRANGERS",
        LIMITS,
        Count(),
        "without a token that counts, of one address; 0: any number",
        "6000",
        "600",
        unit="requests in a minute",
    ),
    Variable(
        "CUPS_TRACE_MESSAGES",
        LIMITS,
        Count(),
        "kept by each edge for the [signalling trace](trace.md); 0: none",
        "50000",
        "10000",
        unit="messages",
    ),
    Variable(
        "CUPS_TRACE_BYTES",
        LIMITS,
        Count(),
        "memory of an edge that they may take",
        "67108864",
        "16777216",
        unit="bytes",
    ),
    Variable(
        "CUPS_LEASE_SECONDS",
        LIMITS,
        Count(3, 3600),
        "for which an edge counts as alive without a sign of life, six of which it gives in this time; then the others "
        "[take over](operations.md) its subscriptions",
        "60",
        "30",
        unit="seconds",
    ),
    Variable(
        "CUPS_LOG_LEVEL",
        WATCHING,
        Choice(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
        "what is logged",
        "WARNING",
        "INFO",
    ),
    Variable(
        "CUPS_LOG_FORMAT",
        WATCHING,
        Choice(("logfmt", "json")),
        "form of a [log line](operations.md#logs)",
        "json",
        "logfmt",
    ),
    Variable(
        "CUPS_METRICS_LISTEN",
        WATCHING,
        Address(),
        "where an edge or the worker answers [Prometheus](metrics.md) and [load balancers](operations.md#health); "
        "`./run start` gives it to edge-1 and the ports after it to the other edges and the worker",
        "127.0.0.1:9464",
        otherwise="nowhere",
    ),
    Variable(
        "CUPS_METRICS_TOKEN",
        WATCHING,
        Text(),
        "what Prometheus has to show, there and at `/metrics` of the web process",
        "a long random text",
        otherwise="none",
        secret=True,
    ),
    Variable(
        "CUPS_METRICS_NETWORKS",
        WATCHING,
        Networks(),
        "who reads `/metrics` of the web process without it; with neither, the page is not there",
        "10.0.0.0/8,2001:db8::/32",
        otherwise="none",
    ),
    Variable(
        "PROMETHEUS_MULTIPROC_DIR",
        WATCHING,
        Folder(),
        "through which several web processes of one service add their numbers up",
        "/run/cups/metrics",
        otherwise="none",
    ),
    Variable(
        "CUPS_ADMIN_PASSWORD",
        START,
        Text(),
        "password of the first administrator `admin`",
        "a long random text",
        otherwise="made up once and printed",
        secret=True,
    ),
    Variable("CUPS_DEMO", START, Flag(), "`0`: start with an empty database, without demonstration users", "0", "1"),
    Variable(
        "CUPS_VENV",
        START,
        Folder(),
        "where `./run` keeps the virtual environment",
        "/opt/cups/venv",
        otherwise="`.venv/`",
    ),
    Variable(
        "CUPS_COMPILED",
        START,
        Flag(),
        "`0`: interpret also where `./run compile` has made [something faster](performance.md)",
        "0",
        "1",
    ),
    Variable(
        "CUPS_DEBUG", START, Flag(), "`1`: Django's pages for developers; never where others can reach them", "1", "0"
    ),
    Variable(
        "CUPS_TEST_SQLITE",
        START,
        Text(),
        "file of the tests' database, to look at it afterwards",
        "/tmp/test.sqlite3",
        otherwise="in memory",
    ),
)
"All of them, by group."

_BY_NAME: Final = {variable.name: variable for variable in VARIABLES}


def value(name: str) -> Any:
    """The value of one variable; None for none. Raises BadVariable."""
    return _BY_NAME[name].read(os.environ)


def check() -> None:
    """Look at all of them; raises BadVariable for the first that cannot be used."""
    for variable in VARIABLES:
        variable.read(os.environ)
