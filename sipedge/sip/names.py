"""Names that messages are made of: methods, headers in long and compact form, and the reasons of answers."""

from sipedge.sip.grammar import TOKEN

METHODS = frozenset(
    "INVITE ACK BYE CANCEL OPTIONS REGISTER PUBLISH SUBSCRIBE NOTIFY MESSAGE INFO REFER UPDATE PRACK".split()
)
"Methods of SIP's RFCs."

_COMPACT = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
    "e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
    "l": "Content-Length", "m": "Contact", "n": "Identity-Info", "o": "Event", "r": "Refer-To",
    "s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires", "y": "Identity",
}  # fmt: skip

_KNOWN = (
    "Accept Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authentication-Info Authorization "
    "Call-ID Call-Info Contact Content-Disposition Content-Encoding Content-Language Content-Length Content-Type "
    "CSeq Date Error-Info Event Expires From In-Reply-To Max-Forwards Min-Expires Min-SE MIME-Version Organization "
    "P-Asserted-Identity P-Preferred-Identity Path Priority Proxy-Authenticate Proxy-Authorization Proxy-Require "
    "Record-Route Remote-Party-ID Reply-To Require Retry-After Route Server SIP-ETag SIP-If-Match Subject "
    "Subscription-State Supported Timestamp To Unsupported User-Agent Via Warning WWW-Authenticate"
).split()

_LOWER = {name.lower(): name for name in _KNOWN} | _COMPACT
NAMES: dict[str, str] = {name: name for name in _KNOWN} | _COMPACT
"Spellings seen in real messages -> canonical name; others take the slower way of `canonical`."

LISTS = frozenset(
    "Accept Accept-Encoding Allow Allow-Events Contact P-Asserted-Identity Path Proxy-Require Record-Route "
    "Remote-Party-ID Require Route Supported Unsupported Via".split()
)
"Headers whose values may stand in one line, separated by commas (RFC 3261 7.3.1)."

SINGLE = frozenset(
    "Call-ID Content-Length Content-Type CSeq Event Expires From Max-Forwards SIP-ETag SIP-If-Match "
    "Subscription-State To User-Agent".split()
)
"Headers that may occur only once; a second one is refused, since others could read the other one."

REASONS = {
    100: "Trying", 180: "Ringing", 200: "OK", 202: "Accepted", 204: "No Notification",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone",
    412: "Conditional Request Failed", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required",
    422: "Session Interval Too Small", 423: "Interval Too Brief", 430: "Flow Failed", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops",
    484: "Address Incomplete", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here",
    489: "Bad Event", 491: "Request Pending",
    500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large", 603: "Decline",
}  # fmt: skip
"Usual reason phrases (RFC 3261 section 21, RFC 3903, RFC 6665)."


def counted(method: str) -> str:
    """A method by the name that it is counted under: peers can invent any number of them."""
    return method if method in METHODS else "other"


def canonical(name: str) -> str:
    """The usual spelling of a header's name; raises ValueError for what is no name."""
    lower = name.rstrip(" \t").lower()
    known = _LOWER.get(lower)
    if known is None:
        if not TOKEN.fullmatch(lower):
            raise ValueError("not a header name")
        known = "-".join(part.capitalize() for part in lower.split("-"))
    return known
