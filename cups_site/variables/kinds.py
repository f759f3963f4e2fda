"""What the text of an environment variable can be: one small type for each kind, standard library only.

`read` turns the text into a value or raises Unfit with what was expected. Nothing here looks at the environment.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

YES = ("1", "true", "yes", "on")
NO = ("0", "false", "no", "off")


class Unfit(ValueError):
    """The text is nothing of this kind; says what was expected."""


class Kind:
    """A kind of value; `name` stands in the reference."""

    name = "text"

    def read(self, text: str) -> Any:
        """The value; raises Unfit. The text is not empty and has no white space around it."""
        return text


@dataclass(frozen=True)
class Text(Kind):
    """Any text."""


@dataclass(frozen=True)
class Folder(Kind):
    """A directory; a relative one is below the directory in which the process starts."""

    name = "folder"

    def read(self, text: str) -> Path:
        if "\0" in text:
            raise Unfit("a path")
        return Path(text)


@dataclass(frozen=True)
class Flag(Kind):
    """Yes or no."""

    name = "1 or 0"

    def read(self, text: str) -> bool:
        if text.lower() not in YES + NO:
            raise Unfit("1 or 0")
        return text.lower() in YES


@dataclass(frozen=True)
class Count(Kind):
    """A whole number from `least` to `most`."""

    least: int = 0
    most: int | None = None

    @property
    def name(self) -> str:  # type: ignore[override]
        return (
            "whole number" + (f" from {self.least}" if self.least else "") + (f" to {self.most}" if self.most else "")
        )

    def read(self, text: str) -> int:
        if text.isascii() and text.isdecimal() and len(text) < 20:
            value = int(text)
            if self.least <= value and (self.most is None or value <= self.most):
                return value
        raise Unfit(f"a {self.name}")


@dataclass(frozen=True)
class Share(Kind):
    """One of several, `2/4`; the value is its index from 0, and their number."""

    name = "number/of how many"
    most: int = 64

    def read(self, text: str) -> tuple[int, int]:
        numbers = text.split("/")
        if len(numbers) == 2 and all(one.isascii() and one.isdecimal() and len(one) < 4 for one in numbers):
            number, count = map(int, numbers)
            if 1 <= number <= count <= self.most:
                return number - 1, count
        raise Unfit(f"which process of how many, like 2/4, {self.most} at most")


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few words, in either case."""

    words: tuple[str, ...]

    @property
    def name(self) -> str:  # type: ignore[override]
        return ", ".join(self.words[:-1]) + f" or {self.words[-1]}"

    def read(self, text: str) -> str:
        found = next((word for word in self.words if word.lower() == text.lower()), None)
        if found is None:
            raise Unfit(self.name)
        return found


@dataclass(frozen=True)
class Address(Kind):
    """`host:port`, an IPv6 host in brackets."""

    name = "host:port"
    least: int = 0

    def read(self, text: str) -> tuple[str, int]:
        host, _, port = text.rpartition(":")
        fits = port.isascii() and port.isdecimal() and self.least <= int(port) <= 65535
        if not fits or not host or (":" in host and host[0] != "["):
            raise Unfit("host:port")
        return host.strip("[]"), int(port)


@dataclass(frozen=True)
class Ports(Kind):
    """A range of ports that need no privilege, `first-last`."""

    name = "first-last"

    def read(self, text: str) -> tuple[int, int]:
        first, _, last = text.partition("-")
        if not (first.isdecimal() and last.isdecimal() and 1024 <= int(first) <= int(last) <= 65535):
            raise Unfit("first-last between 1024 and 65535")
        return int(first), int(last)


@dataclass(frozen=True)
class Words(Kind):
    """A comma separated list."""

    name = "comma list"

    def read(self, text: str) -> list[str]:
        return [part.strip() for part in text.split(",") if part.strip()]


@dataclass(frozen=True)
class NameServers(Kind):
    """A comma separated list of IP addresses, with :port where it is not 53."""

    name = "comma list of IP addresses"

    def read(self, text: str) -> list[tuple[str, int]]:
        found = []
        for part in Words().read(text):
            try:
                split = urlsplit(f"//{part}" if part.count(":") < 2 or "[" in part else f"//[{part}]")
                found.append((str(ip_address(split.hostname or "")), split.port or 53))
            except ValueError:
                raise Unfit("IP addresses, each with a port where it is not 53") from None
        return found


@dataclass(frozen=True)
class Networks(Kind):
    """A comma separated list of IP addresses and networks."""

    name = "comma list of networks"

    def read(self, text: str) -> list[IPv4Network | IPv6Network]:
        try:
            return [ip_network(part) for part in Words().read(text)]
        except ValueError as error:
            raise Unfit(f"IP addresses and networks ({error})") from None


@dataclass(frozen=True)
class Url(Kind):
    """An URL with one of these schemes."""

    schemes: tuple[str, ...]

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.schemes[0]}:// URL"

    def read(self, text: str) -> str:
        expected = Unfit(f"a URL that begins with {' or '.join(f'{scheme}://' for scheme in self.schemes)}")
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:
            raise expected from None
        if parts.scheme not in self.schemes or "://" not in text:
            raise expected
        return text


@dataclass(frozen=True)
class TimeZone(Kind):
    """A time zone by its name in the tz database."""

    name = "time zone"

    def read(self, text: str) -> str:
        try:
            ZoneInfo(text)
        except (KeyError, ValueError, OSError):  # unknown, a folder of zones, or no name at all
            raise Unfit("a time zone such as Europe/Berlin") from None
        return text
