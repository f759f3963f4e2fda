"""A desk phone for tests: it fetches XML pages, shows them as text, and presses what they offer."""

import re
import textwrap
import urllib.request
from collections.abc import Callable
from urllib.parse import quote

from lxml import etree

WIDTH = 42
"Characters of a line of the display."

NOTHING = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")
"What no such phone can show: beyond XML 1.0, or beyond the fonts."

ORDER = {
    "CiscoIPPhoneMenu": "Title Prompt SoftKeyItem* MenuItem*",
    "CiscoIPPhoneIconMenu": "Title Prompt SoftKeyItem* MenuItem* IconItem*",
    "CiscoIPPhoneText": "Title Prompt SoftKeyItem* Text",
    "CiscoIPPhoneInput": "Title Prompt SoftKeyItem* URL InputItem*",
    "CiscoIPPhoneDirectory": "Title Prompt SoftKeyItem* DirectoryEntry*",
}
"The elements of each object, in the order of the schema."

MOST = {"SoftKeyItem": 8, "IconItem": 10, "InputItem": 5, "DirectoryEntry": 32}
LONGEST = {
    "Title": 32,
    "Prompt": 32,
    "Name": 64,
    "URL": 255,
    "DisplayName": 32,
    "QueryStringParam": 32,
    "Telephone": 32,
}
STATES = "●◐◑⊖◖○✗?"
"By number of the icon: available, busy, interruptible, do not disturb, away, on vacation, unavailable, unknown."

Fetch = Callable[[str], tuple[dict[str, str], bytes]]
"A URL; headers in lower case, and the document."


def over_http(url: str) -> tuple[dict[str, str], bytes]:
    """As phones do."""
    with urllib.request.urlopen(url, timeout=30) as response:
        assert response.status == 200
        return {name.lower(): value for name, value in response.headers.items()}, response.read()


class Page:
    """What the phone has fetched; everything that such phones demand is checked."""

    def __init__(self, document: bytes, headers: dict[str, str] | None = None) -> None:
        self.root = etree.fromstring(document)
        seconds, _, url = (headers or {}).get("refresh", "").partition("; url=")
        self.refresh = (int(seconds), url) if url else None
        self.kind = self.root.tag.removeprefix("CiscoIPPhone")
        self.execute = [one.get("URL") for one in self.root.iter("ExecuteItem")]
        if self.kind != "Execute":
            self._check()

    def _check(self) -> None:
        tags = [child.tag for child in self.root]
        left = list(tags)
        for name in ORDER[self.root.tag].split():
            while left and left[0] == name.rstrip("*"):
                left.pop(0)
                if not name.endswith("*"):
                    break
        assert not left, f"{self.root.tag}: {tags}"
        items = 32 if self.kind == "IconMenu" else 100
        for name, most in {**MOST, "MenuItem": items}.items():
            assert tags.count(name) <= most, f"{tags.count(name)} {name}"
        for element in self.root.iter():
            text = element.text or ""
            assert not NOTHING.search(text), repr(text)
            assert len(text) <= LONGEST.get(element.tag, 4000), f"{element.tag}: {text!r}"
            assert element.tag != "Text" or len(text.encode()) <= 4000
            assert element.tag != "Data" or len(text) == 80
        assert all(len(label) <= 8 for label in self.keys)

    @property
    def title(self) -> str:
        return self.root.findtext("Title") or ""

    @property
    def prompt(self) -> str:
        return self.root.findtext("Prompt") or ""

    @property
    def text(self) -> str:
        return self.root.findtext("Text") or ""

    @property
    def items(self) -> dict[str, str]:
        """Names and URLs of the menu."""
        return {one.findtext("Name") or "": one.findtext("URL") or "" for one in self.root.iter("MenuItem")}

    @property
    def keys(self) -> dict[str, str]:
        """Labels and URLs of the soft keys."""
        return {one.findtext("Name") or "": one.findtext("URL") or "" for one in self.root.iter("SoftKeyItem")}

    @property
    def entries(self) -> dict[str, str]:
        """Names and numbers of a directory."""
        found = self.root.iter("DirectoryEntry")
        return {one.findtext("Name") or "": one.findtext("Telephone") or "" for one in found}

    @property
    def fields(self) -> list[str]:
        """Parameters to fill in."""
        return [one.findtext("QueryStringParam") or "" for one in self.root.iter("InputItem")]

    def icon(self, name: str) -> int:
        """The number of the icon beside an item."""
        for one in self.root.iter("MenuItem"):
            if (one.findtext("Name") or "").startswith(name):
                return int(one.findtext("IconIndex") or "")
        raise AssertionError(f"no {name} in {self.items}")

    def __str__(self) -> str:
        """The display, drawn as a box."""
        lines = [f" {self.title}", "-" * WIDTH]
        for number, one in enumerate(self.root.iter("MenuItem"), 1):
            icon = one.findtext("IconIndex")
            lines.append(f" {number:2} {STATES[int(icon)] + ' ' if icon else ''}{one.findtext('Name')}")
        for one in self.root.iter("InputItem"):
            shown = one.findtext("DefaultValue") or ""
            lines.append(f" {one.findtext('DisplayName')}: [{shown:<12}]")
        lines += [f" {name}  {number}" for name, number in self.entries.items()]
        lines += [f" {line}" for line in self.text.splitlines()]
        lines += [
            "-" * WIDTH,
            *([f" {self.prompt}"] if self.prompt else []),
            " " + " ".join(f"[{k}]" for k in self.keys),
        ]
        folded = [part for line in lines for part in textwrap.wrap(line, WIDTH, subsequent_indent=" ") or [""]]
        return "\n".join(["+" + "-" * WIDTH + "+", *(f"|{line:<{WIDTH}}|" for line in folded), "+" + "-" * WIDTH + "+"])


class DeskPhone:
    """It shows one page, and goes on from there."""

    def __init__(self, start: str, fetch: Fetch = over_http) -> None:
        self.start = start
        self._fetch = fetch
        self.url = start
        self.page: Page
        self.go(start)

    def go(self, url: str) -> Page:
        """Fetch a page."""
        headers, document = self._fetch(url)
        assert headers["content-type"].startswith("text/xml")
        self.url, self.page = url, Page(document, headers)
        return self.page

    def choose(self, name: str) -> Page:
        """Select the item that begins with this."""
        return self.go(self._found(self.page.items, name))

    def press(self, label: str) -> Page:
        """Press a soft key."""
        return self.go(self._found(self.page.keys, label))

    def fill(self, **values: str) -> Page:
        """Fill in the fields, and submit."""
        assert list(values) == self.page.fields and "SoftKey:Submit" in self.page.keys.values()
        url = self.page.root.findtext("URL") or ""
        query = "&".join(f"{name}={quote(value)}" for name, value in values.items())
        return self.go(f"{url}{'&' if '?' in url else '?'}{query}")

    def refresh(self) -> Page:
        """What the phone does by itself after some seconds; so with what a page tells it to do at once."""
        assert self.page.refresh is not None
        page = self.go(self.page.refresh[1])
        return self.go(page.execute[-1] or "") if page.execute else page

    def _found(self, offered: dict[str, str], name: str) -> str:
        for label, url in offered.items():
            if label.startswith(name):
                return url
        raise AssertionError(f"no “{name}” in {list(offered)} of\n{self.page}")
