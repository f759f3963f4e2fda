"""What of a message people may read: everything but secrets (DESIGN section 11).

Hidden are answers to digest challenges, passwords in URIs and in CSTA documents, tickets of dialogs, keys of media,
and, unless the operator allows it, what people write to each other. The message may be broken, cut or hostile: where
it cannot be told what something is, it is hidden. Lines stay where they were, so that the rest looks as it did.
"""

import re
from collections.abc import Callable
from typing import Final

from sipedge.sip.grammar import split_outside

MASK: Final = "***"

_BLANK: Final = re.compile(r"\r\n\r\n|\r\n[\r\n]|\n\r\n|\n[\r\n]|\r\r\n|\r\r")
"Ends the headers, also those of sloppy senders: two ends of lines."

_LINE_END: Final = re.compile(r"(\r\n(?![ \t])|\n(?![ \t])|\r(?![ \t\n]))")
"What goes on in the next line, after white space, is one line."

_HEADER: Final = re.compile(r"\s*[A-Za-z0-9\-.!%*_+`'~]+[ \t]*:")

_START: Final = re.compile(r"SIP/2\.0 [0-9]{3}|[A-Za-z0-9\-.!%*_+`'~]+ \S+ SIP/2\.0\s*$")

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"What would speak to a terminal, or turn text around, instead of being read."

# Answers to challenges (RFC 7616 section 3.4)

_OPEN: Final = frozenset(
    "algorithm cnonce-count nc nextnonce nonce opaque qop realm stale uri userhash username username*".split()
)
"Parameters that tell no secret; all others are hidden, `response`, `cnonce` and `rspauth` first of all."

_PARAM: Final = re.compile(r"""(\s*([\w*\-]+)\s*=\s*)(?:"(?:[^"\\]|\\.)*"|[^\s",;<>]*)\s*""", re.ASCII | re.DOTALL)

_SCHEMES: Final = frozenset({"digest", "basic", "bearer", "ntlm", "kerberos", "tls-dsk"})

# Everything else that is a secret

_TICKET: Final = re.compile(r"(sips?:)[\w\-]{40,}@", re.IGNORECASE)
"Lets whoever has it into a dialog without a challenge (`record_route`)."

_USER: Final = re.compile(r"sips?:[^:;,?]{1,256}:", re.IGNORECASE)
"Of a URI, with the colon before its password (RFC 3261 19.1.1)."

_OUTSIDE: Final = ' \t\r\n<>"'
"What no URI has in it."

_MEDIA_KEY: Final = re.compile(
    r"(?<![^\r\n])(a=crypto:(?:\d{1,9} +(?:AES|AEAD|ARIA|F8|SEED)_\w{1,60} +)?|a=key-mgmt:|a=ice-pwd:|k=)[^\r\n]*",
    re.IGNORECASE,
)
"RFC 4568, RFC 4567, RFC 8839, RFC 4566 5.12."

_SECRET: Final = r"(?:[\w.\-]++:)?(?=[\w.\-]*(?:password|passwd|passphrase|authcode))[\w.\-]++"
"A name; nothing of it is tried twice, or hostile names would take seconds."
_OPENED: Final = re.compile(rf"<{_SECRET}(?=[\s>]|\Z)", re.IGNORECASE)
_CLOSED: Final = re.compile(rf"</{_SECRET}\s*+>", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(rf"""(\s{_SECRET}\s*+=\s*+)(?:"[^"]*"?|'[^']*'?)""", re.IGNORECASE)
_DIGITS: Final = re.compile(r"(<(?:[\w.\-]++:)?charactersToSend(?:\s[^<>]*+)?>).*?(</|\Z)", re.DOTALL)
"What is dialled during a call may be a PIN."

_ENCODING: Final = re.compile(r"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([^"'>]*)""")
_READABLE: Final = frozenset({"utf-8", "us-ascii", "ascii", "iso-8859-1"})
_DECLARED: Final = re.compile(r"<!(?:DOCTYPE|ENTITY)")
_CODED: Final = re.compile(r"(?<![^\r\n])(?:content-encoding|e)[ \t]*:", re.IGNORECASE)

# What people write

_CSEQ_MESSAGE: Final = re.compile(r"(?<![^\r\n])cseq[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\bMESSAGE\b", re.IGNORECASE)
_WRITTEN: Final = re.compile(
    r"(?<![^\r\n])(?:content-type|c)[ \t]*:\s*(?:text/|message/cpim|application/dtmf)", re.IGNORECASE
)


def message(data: bytes, *, bodies: bool) -> str:
    """A message of SIP for people; `bodies`: what people write is shown too."""
    text = data.decode("utf-8", "replace")
    head, gap, body = _split(text)
    written = not bodies and _is_written(text, head)
    if body:
        hidden = f"[{len(body.encode())} octets, not shown]"
        if "\0" in body or _CODED.search(head) or not _is_readable(body) or written:
            body = hidden
        else:
            body = _by_line(_document(body, bodies=bodies))
    elif written:
        head = _headers_only(head)
    if written:
        head = _without_subject(head)
    return _clean(_by_line(head) + gap + body)


def document(data: bytes, *, bodies: bool) -> str:
    """A CSTA document for people; `bodies`: what is dialled during a call is shown too."""
    text = data.decode("utf-8", "replace")
    if not text.lstrip("\ufeff \t\r\n").startswith("<") or "\0" in text or not _is_readable(text):
        return f"[{len(data)} octets, not shown]"
    return _clean(_document(text, bodies=bodies))


def line(text: str) -> str:
    """A first line for people."""
    return _clean(_uris(text))


def split(data: bytes) -> tuple[list[str], str]:
    """The lines of the head, those that go on in the next one joined, and the body; nothing is hidden."""
    head, _, body = _split(data.decode("utf-8", "replace"))
    return [" ".join(one.split()) if "\n" in one else one for one in _LINE_END.split(head)[::2]], body


def _split(text: str) -> tuple[str, str, str]:
    stripped = text.lstrip("\r\n")
    found = _BLANK.search(stripped)
    if found is None:
        return stripped, "", ""
    return stripped[: found.start()], found[0], stripped[found.end() :]


def _is_readable(text: str) -> bool:
    """XML in an encoding that this text was read in, and that says everything itself."""
    found = _ENCODING.search(text)
    return (found is None or found[1].strip().lower() in _READABLE) and not _DECLARED.search(text)


def _is_written(text: str, head: str) -> bool:
    """Somebody has written it; so may be what cannot be read."""
    start = _LINE_END.split(head, maxsplit=1)[0]
    return bool(
        start.split(" ", 1)[0].upper() == "MESSAGE"
        or not _START.match(start)
        or _CSEQ_MESSAGE.search(text)
        or _WRITTEN.search(text)
    )


def _headers_only(head: str) -> str:
    """Lines that are no headers may be a body whose blank line is missing."""
    parts = _LINE_END.split(head)
    parts[2::2] = [one if not one or _HEADER.match(one) else MASK for one in parts[2::2]]
    return "".join(parts)


def _without_subject(head: str) -> str:
    """A part of what people write stands there (RFC 3428 lets a MESSAGE have one)."""
    parts = _LINE_END.split(head)
    for index in range(2, len(parts), 2):
        name, colon, _ = parts[index].partition(":")
        if colon and name.strip().lower() in ("subject", "s"):
            parts[index] = f"{name}: {MASK}"
    return "".join(parts)


def _by_line(text: str) -> str:
    """Credentials and passwords, wherever a line carries them: a body may hold a message too."""
    parts = _LINE_END.split(text)
    for index in range(0, len(parts), 2):
        name, colon, value = parts[index].partition(":")
        hide = _HIDERS.get(name.strip().lower()) if colon else None
        if hide is not None:
            parts[index] = f"{name}:{hide(value)}"
    return _MEDIA_KEY.sub(rf"\1{MASK}", _uris("".join(parts)))


def _uris(text: str) -> str:
    """Passwords in SIP URIs: what stands between the colon after a user and the next @."""
    parts = text.split("@")
    for index, part in enumerate(parts[:-1]):
        begin = max(part.rfind(char) for char in _OUTSIDE) + 1
        found = _USER.search(part, begin)
        if found is not None:
            parts[index] = part[: found.end()] + MASK
    return "@".join(parts)


def _credentials(value: str) -> str:
    """Authorization: the scheme, and the parameters that tell nothing."""
    words = value.split(None, 1)
    if len(words) < 2 or words[0].lower() not in _SCHEMES:
        return f" {MASK}"
    if words[0].lower() != "digest":
        return f" {words[0]} {MASK}"
    begin = value.index(words[0]) + len(words[0])
    return value[:begin] + _params(value[begin:])


def _params(text: str) -> str:
    return ",".join(map(_param, split_outside(text, ",")))


def _param(text: str) -> str:
    found = _PARAM.fullmatch(text)
    if found is None:
        return f" {MASK}"
    return text if found[2].lower() in _OPEN else f'{found[1]}"{MASK}"'


def _without_ticket(value: str) -> str:
    return _TICKET.sub(rf"\1{MASK}@", value)


_HIDERS: Final[dict[str, Callable[[str], str]]] = {
    "authorization": _credentials,
    "proxy-authorization": _credentials,
    "authentication-info": _params,
    "proxy-authentication-info": _params,
    "record-route": _without_ticket,
    "route": _without_ticket,
}
"Header in lower case -> what is left of its value."


def _document(text: str, *, bodies: bool) -> str:
    """Passwords in XML: from the first to the end of the last one, since comments may look like ends."""
    text = _ATTRIBUTE.sub(rf"\1{MASK}", text)
    opened = _OPENED.search(text)
    if opened is not None:
        begin = opened.end() + text.startswith(">", opened.end())
        ends = [one.start() for one in _CLOSED.finditer(text, begin)]
        text = text[:begin] + MASK + (text[ends[-1] :] if ends else "")
    return text if bodies else _DIGITS.sub(rf"\1{MASK}\2", text)


def _clean(text: str) -> str:
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
