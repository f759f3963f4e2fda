"""Pieces of the SIP grammar that several headers share (RFC 3261 section 25.1)."""

import re

Params = tuple[tuple[str, str | None], ...]

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_USUAL = frozenset({"branch", "rport", "received", "tag", "lr", "expires", "q", "transport"})
"Parameters that stand in nearly every message, and need no second look."

MAX_NUMBER = 2**32 - 1
"Largest delta-seconds and Max-Forwards that are told apart; larger ones are taken as this (RFC 3261 20.19)."


def split_list(text: str) -> list[str]:
    """The comma separated values of a header; commas in quotes and angle brackets belong to a value."""
    if "," not in text:
        text = text.strip()
        return [text] if text else []
    if '"' not in text and "<" not in text:
        return [part for piece in text.split(",") if (part := piece.strip())]
    return [part for piece in split_outside(text, ",") if (part := piece.strip())]


def split_outside(text: str, separator: str) -> list[str]:
    """Split at a character where it stands outside of quoted strings and angle brackets."""
    parts: list[str] = []
    start = 0
    quoted = angle = False
    skip = False
    for index, char in enumerate(text):
        if skip:
            skip = False
        elif quoted:
            if char == "\\":
                skip = True
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = not angle
        elif char == "<":
            angle = True
        elif char == ">":
            angle = False
        elif char == separator and not angle:
            parts.append(text[start:index])
            start = index + 1
    parts.append(text[start:])
    return parts


def parse_params(text: str) -> Params:
    """Read `;name=value;name` (the first semicolon included); raises ValueError."""
    params: list[tuple[str, str | None]] = []
    pieces = split_outside(text, ";") if '"' in text else text.split(";")
    if pieces[0].strip():
        raise ValueError("text before the parameters")
    for piece in pieces[1:]:
        name, equals, value = piece.partition("=")
        if name not in _USUAL:
            name = name.strip()
            if not name and not equals:
                continue  # a stray semicolon harms nobody
            if not TOKEN.fullmatch(name):
                raise ValueError("a parameter without a name")
        params.append((name, value.strip() if equals else None))
    return tuple(params)


def format_params(params: Params) -> str:
    """The text of parameters, with their semicolons."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params)


def find_param(params: Params, name: str) -> str | None:
    """The value of a parameter whose name is given in lower case; "" for a lone name, None when absent."""
    for key, value in params:
        if key == name or key.lower() == name:
            return value or ""
    return None


def unquote(text: str) -> str:
    """The content of a quoted string; other text stays as it is."""
    if len(text) >= 2 and text[0] == '"' == text[-1]:
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def parse_number(text: str) -> int:
    """A decimal number as SIP writes it, capped at MAX_NUMBER; raises ValueError."""
    text = text.strip()
    if not (text.isascii() and text.isdecimal()):
        raise ValueError("not a number")
    return min(int(text), MAX_NUMBER) if len(text) < 20 else MAX_NUMBER
