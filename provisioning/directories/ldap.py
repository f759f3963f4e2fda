"""The adapter to ldap3: a connection of ours, entries out, one kind of error (RFC 4511, RFC 2696 for pages).

Nothing else knows the library, and this module is imported only where a directory is read or checked. TLS is that of
the standard library: ldap3 would leave the name in the certificate to a function that Python has given up.
"""

import contextlib
import ssl
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # ldap3 uses old names of pyasn1
    import ldap3
    from ldap3.core.exceptions import LDAPException, LDAPInvalidDnError, LDAPInvalidFilterError
    from ldap3.operation.search import parse_filter
    from ldap3.utils.dn import parse_dn

from provisioning.choices import SearchScope
from provisioning.models import Directory
from provisioning.sealing import CannotOpen

CONNECT_TIMEOUT = 5
"Seconds for a connection: people may wait for the answer."

ANSWER_TIMEOUT = 30
"Whole seconds for one answer; a page of entries from a slow server takes some."

MOST_VALUES = 100
"Values of an attribute that are looked at."

LONGEST_VALUE = 4096
"Octets of a value that are looked at; no name, number or address is longer."

PAGES = "1.2.840.113556.1.4.319"
"The control of paged results (RFC 2696)."

SUCCESS, TIME_LIMIT, SIZE_LIMIT, REFERRAL, NO_OBJECT, WRONG_PASSWORD, ADMIN_LIMIT = 0, 3, 4, 10, 32, 49, 11

SAID = {
    TIME_LIMIT: "The server took longer than it allows itself; a narrower base or filter helps.",
    SIZE_LIMIT: "The server stopped in the middle (its size limit): raise it for the bind name, or take smaller pages.",
    ADMIN_LIMIT: "The server stopped in the middle (its administrative limit): raise it for the bind name.",
    REFERRAL: "The base is at another server; name that one.",
    NO_OBJECT: "There is no such base, or the bind name may not see it.",
    WRONG_PASSWORD: "The server does not take bind name and password.",
}
"Result codes (RFC 4511 appendix A) whose meaning is worth a sentence."

SCOPES = {SearchScope.SUBTREE: ldap3.SUBTREE, SearchScope.LEVEL: ldap3.LEVEL}


class DirectoryError(Exception):
    """The server cannot be read; the message is for an administrator."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it came; values are octets."""

    dn: str
    values: dict[str, list[bytes]]
    "By attribute in lower case."


class _Tls(ldap3.Tls):  # type: ignore[misc]
    """TLS by a context of the standard library, which looks at the name in the certificate itself."""

    def __init__(self, host: str, context: ssl.SSLContext) -> None:
        super().__init__(validate=context.verify_mode)
        self._host = host
        self._context = context

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        """For ldaps:// and StartTLS alike."""
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=self._host)


@contextlib.contextmanager
def connected(directory: Directory, server: ldap3.Server | None = None, **more: Any) -> Iterator[ldap3.Connection]:
    """A connection that is logged in; raises DirectoryError. `server` and `more` are for tests without a network."""
    try:
        connection = ldap3.Connection(
            server or _server(directory),
            user=directory.bind_name or None, password=directory.password or None,
            authentication=ldap3.SIMPLE if directory.bind_name else ldap3.ANONYMOUS,
            read_only=True, check_names=False, auto_referrals=False, raise_exceptions=False,
            receive_timeout=ANSWER_TIMEOUT, **more,
        )  # fmt: skip
        try:
            _open(connection, directory)
            yield connection
        finally:
            with contextlib.suppress(LDAPException, OSError):
                connection.unbind()
    except CannotOpen as error:
        raise DirectoryError(f"{error}: set the password again.") from None
    except (LDAPException, OSError) as error:
        raise DirectoryError(_explained(directory, error)) from None


def _server(directory: Directory) -> ldap3.Server:
    parts = urlsplit(directory.server)
    host, secure = parts.hostname or "", parts.scheme == "ldaps"
    tls = _Tls(host, _context(directory)) if directory.encrypted else None
    return ldap3.Server(
        host, port=parts.port or (636 if secure else 389), use_ssl=secure, tls=tls, get_info=ldap3.NONE,
        connect_timeout=CONNECT_TIMEOUT,
    )  # fmt: skip


def _context(directory: Directory) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=directory.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or "no certificates in it"
        raise DirectoryError(f"The CA file {directory.ca_file} cannot be used: {reason}.") from None
    if not directory.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _open(connection: ldap3.Connection, directory: Directory) -> None:
    if directory.bind_name and not directory.has_password:
        raise DirectoryError("There is no password for the bind name.")  # a server would take it for anonymous
    connection.open(read_server_info=False)
    if directory.start_tls and not directory.server.startswith("ldaps:") and connection.server.tls is not None:
        connection.start_tls(read_server_info=False)
    if not connection.bind(read_server_info=False):
        raise DirectoryError(_said(connection.result))


def entries(connection: ldap3.Connection, directory: Directory, *, most: int) -> Iterator[Entry]:
    """All that the filter finds, page by page; references to other servers are left out.

    Raises DirectoryError when there are more than `most`, or when the server ends in the middle: half of a directory
    is worse than none.
    """
    found, cookie = 0, None
    while True:
        try:
            connection.search(
                directory.base, directory.filter, SCOPES[SearchScope(directory.scope)],
                dereference_aliases=ldap3.DEREF_NEVER, attributes=directory.attributes(),
                paged_size=min(directory.page_size, most), paged_cookie=cookie,
            )  # fmt: skip
        except (LDAPException, OSError) as error:
            raise DirectoryError(_explained(directory, error)) from None
        if connection.result["result"] != SUCCESS:
            raise DirectoryError(_said(connection.result))
        for one in connection.response or ():
            if one["type"] != "searchResEntry":
                continue
            found += 1
            if found > most:
                raise DirectoryError(f"There are more than {most} entries; narrow the filter, or raise the limit.")
            yield Entry(one["dn"], _values(one["raw_attributes"]))
        cookie = ((connection.result.get("controls") or {}).get(PAGES) or {}).get("value", {}).get("cookie")
        if not cookie:
            return


def _values(raw: dict[str, Any]) -> dict[str, list[bytes]]:
    return {
        name.lower(): [value for value in values[:MOST_VALUES] if len(value) <= LONGEST_VALUE]
        for name, values in raw.items()
        if values  # what was asked for and is not there comes as an empty list
    }


def filter_problem(text: str) -> str:
    """Why this is no filter, in a sentence; empty when it is one."""
    try:
        parse_filter(text, None, True, True, None, False)
    except (LDAPInvalidFilterError, LDAPException, ValueError, IndexError) as error:
        return f"This is no filter as in RFC 4515: {error}."
    return ""


def base_problem(text: str) -> str:
    """Why this is no distinguished name, in a sentence; empty when it is one."""
    try:
        parse_dn(text)
    except (LDAPInvalidDnError, LDAPException, ValueError, IndexError) as error:
        return f"This is no distinguished name: {error}."
    return ""


def _said(result: dict[str, Any]) -> str:
    code, text = result["result"], str(result.get("message") or result.get("description") or "")
    return SAID.get(code) or f"The server answers {result.get('description', code)}: {' '.join(text.split())[:300]}."


def _explained(directory: Directory, error: Exception) -> str:
    """What went wrong between us and the server."""
    text = " ".join(str(error).split())
    if "CERTIFICATE_VERIFY_FAILED" in text:
        reason = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or "not trusted"
        return f"The certificate of {directory.server} is refused: {reason}."
    if "startTLS failed" in text:
        return f"{directory.server} does not speak StartTLS: {text}."
    return f"{directory.server} cannot be reached or read: {text[:300] or type(error).__name__}."
