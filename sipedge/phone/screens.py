"""The XML objects that desk phones show, and what such phones take of them.

The elements, their order and the limits are those of the XML schema for services on IP phones (application development
notes, releases 3.3 to 9.1). What is longer is cut, and what such a phone cannot show is replaced: a page is always
shown. Pages decide what is left for another page.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, NamedTuple, TypeVar

from lxml import etree
from lxml.builder import E

from sipedge.phone.icons import DEPTH, HEIGHT, WIDTH

TITLE = 32
"Characters of a title or a prompt."

NAME = 64
"Characters of an item of a menu."

URL = 256
"Characters of a URL are fewer; a key with a longer one (somebody's address to dial) is left out."

MENU_ITEMS = 100
"Items of a menu."

ICON_ITEMS = 32
"Items of a menu with icons."

ICONS = 10
"Icons of a menu, numbered from 0."

ENTRIES = 32
"Entries of a directory; a name and a number have 32 characters."

FIELDS = 5
"Fields to fill in."

TEXT_OCTETS = 4000
"Octets of a text: the limit is in characters, and an older phone counts octets."

SOFT_KEYS = 8
"Soft keys: four in sight, the others behind “more”."

LABEL = 8
"Characters of a soft key's label that the smallest display shows."

EXECUTE_ITEMS = 3
"Things that a phone does at once."

T = TypeVar("T")

_FORMATS = frozenset("\u200c\u200d")
"Format characters that scripts need to join letters; the others would turn the rest of a display around."


def plain(text: str, most: int) -> str:
    """One line of text: white space as single blanks, nothing that XML 1.0 or the phone cannot have, cut to `most`."""
    shown = " ".join(_shown(text).split())
    return shown if len(shown) <= most else shown[: most - 3].rstrip() + "..."


def lines(text: str) -> str:
    """The same for a text of several lines, not cut."""
    return "\n".join(" ".join(line.split()) for line in _shown(text).splitlines())


def _shown(text: str) -> str:
    """Without control and format characters; a question mark for what lies beyond the fonts of phones (emoji)."""
    found = []
    for char in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(char)
        if char in "\n\t\r\u2028\u2029":
            found.append("\n" if char != "\t" else " ")
        elif kind == "Cc" or (kind == "Cf" and char not in _FORMATS) or "\ufe00" <= char <= "\ufe0f":
            continue
        elif kind == "Cs" or char > "\uffff" or char in "\ufffe\uffff":
            found.append("?")
        else:
            found.append(char)
    return "".join(found)


def text_pages(text: str) -> list[str]:
    """A text in parts of at most TEXT_OCTETS, broken between words where there are any; at least one part."""
    rest = lines(text)
    parts: list[str] = []
    while len(rest.encode()) > TEXT_OCTETS:
        cut = len(rest.encode()[:TEXT_OCTETS].decode(errors="ignore"))
        space = max(rest.rfind(" ", cut // 2, cut), rest.rfind("\n", cut // 2, cut))
        cut = space if space > 0 else cut
        parts.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return [*parts, rest]


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """What one page shows of many."""

    items: Sequence[T]
    page: int
    "From 0; a page that is not there any more is the last one."
    pages: int


def part(items: Sequence[T], page: int, size: int) -> Part[T]:
    """One page of `size`."""
    pages = max(1, -(-len(items) // size))
    page = min(max(page, 0), pages - 1)
    return Part(items[page * size : (page + 1) * size], page, pages)


class SoftKey(NamedTuple):
    """A key under the display; `url` is an address, or something that the phone does by itself."""

    label: str
    url: str


class Item(NamedTuple):
    """An item of a menu."""

    name: str
    url: str
    icon: int = 0
    "Number of its icon, in a menu with icons."


class Field(NamedTuple):
    """Something to fill in; it becomes a parameter of the URL."""

    name: str
    parameter: str
    flags: str = "A"
    "A text, N digits, T a telephone number; with P it is hidden."
    value: str = ""


class Entry(NamedTuple):
    """A number to dial."""

    name: str
    telephone: str


SELECT = SoftKey("Select", "SoftKey:Select")
SUBMIT = SoftKey("Submit", "SoftKey:Submit")
ERASE = SoftKey("<<", "SoftKey:<<")
DIAL = SoftKey("Dial", "SoftKey:Dial")
EXIT = SoftKey("Exit", "SoftKey:Exit")
"What phones do by themselves."


@dataclass(frozen=True, slots=True)
class Screen:
    """One page."""

    title: str
    prompt: str
    keys: tuple[SoftKey, ...]
    refresh: tuple[int, str] | None
    "Seconds after which the phone fetches the URL by itself."
    element: ClassVar[str] = ""

    def encode(self, charset: str = "UTF-8") -> bytes:
        """The document; characters that are not in `charset` are question marks."""
        fit = [key for key in self.keys if len(key.url) < URL][:SOFT_KEYS]
        keys = [
            E.SoftKeyItem(E.Name(plain(key.label, LABEL)), E.URL(key.url), E.Position(str(position)))
            for position, key in enumerate(fit, 1)
        ]
        root = E(
            self.element,
            E.Title(plain(self.title, TITLE)),
            E.Prompt(plain(self.prompt, TITLE)),
            *keys,
            *self.content(),
        )
        return encode(root, charset)

    def content(self) -> list[etree._Element]:
        """What stands between title and soft keys."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Menu(Screen):
    """Something to choose from."""

    items: Sequence[Item]
    element = "CiscoIPPhoneMenu"

    def content(self) -> list[etree._Element]:
        """The items."""
        return [E.MenuItem(E.Name(plain(one.name, NAME)), E.URL(one.url)) for one in self.items[:MENU_ITEMS]]


@dataclass(frozen=True, slots=True)
class IconMenu(Screen):
    """Something to choose from, with a picture beside each item."""

    items: Sequence[Item]
    icons: Sequence[str]
    "Packed pixels in hexadecimal, by number."
    element = "CiscoIPPhoneIconMenu"

    def content(self) -> list[etree._Element]:
        """The items, then the icons."""
        items = [
            E.MenuItem(E.IconIndex(str(one.icon)), E.Name(plain(one.name, NAME)), E.URL(one.url))
            for one in self.items[:ICON_ITEMS]
        ]
        icons = [
            E.IconItem(
                E.Index(str(index)), E.Height(str(HEIGHT)), E.Width(str(WIDTH)), E.Depth(str(DEPTH)), E.Data(data)
            )
            for index, data in enumerate(self.icons[:ICONS])
        ]
        return items + icons


@dataclass(frozen=True, slots=True)
class Text(Screen):
    """Something to read; `text` is one of `text_pages`."""

    text: str
    element = "CiscoIPPhoneText"

    def content(self) -> list[etree._Element]:
        """The text."""
        return [E.Text(text_pages(self.text)[0])]


@dataclass(frozen=True, slots=True)
class Input(Screen):
    """Something to fill in."""

    url: str
    fields: Sequence[Field]
    element = "CiscoIPPhoneInput"

    def content(self) -> list[etree._Element]:
        """Where it goes, and the fields."""
        return [
            E.URL(self.url),
            *(
                E.InputItem(
                    E.DisplayName(plain(one.name, TITLE)),
                    E.QueryStringParam(one.parameter),
                    E.InputFlags(one.flags),
                    E.DefaultValue(plain(one.value, NAME)),
                )
                for one in self.fields[:FIELDS]
            ),
        ]


@dataclass(frozen=True, slots=True)
class Directory(Screen):
    """Numbers to dial."""

    entries: Sequence[Entry]
    element = "CiscoIPPhoneDirectory"

    def content(self) -> list[etree._Element]:
        """The entries."""
        return [
            E.DirectoryEntry(E.Name(plain(one.name, TITLE)), E.Telephone(plain(one.telephone, TITLE)))
            for one in self.entries[:ENTRIES]
        ]


def execute(*urls: str) -> bytes:
    """What the phone does at once, instead of a page."""
    items = [E.ExecuteItem(Priority="0", URL=url) for url in urls[:EXECUTE_ITEMS]]
    return encode(E.CiscoIPPhoneExecute(*items), "UTF-8")


def encode(root: etree._Element, charset: str) -> bytes:
    """The bytes of a document."""
    if charset != "UTF-8":
        for element in root.iter():
            element.text = element.text and element.text.encode(charset, "replace").decode(charset)
    document = etree.tostring(root, xml_declaration=True, encoding=charset)
    assert isinstance(document, bytes)
    return document
