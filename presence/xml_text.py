"""Presence documents for reading: indented, and with colours for their parts."""

import re

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from lxml import etree

from presence.engine.pidf import PARSER

_TOKEN = re.compile(r"(?P<tag></?[\w:.-]+|/?>|<\?[^>]*\?>)|(?P<name>[\w:.-]+)(?==\")|(?P<value>\"[^\"]*\")")
"Parts of a serialised document; text that looks like one gets its colour, and nothing worse."


def pretty(body: bytes) -> str:
    """A document of ours with an element on each line; as it is, where it cannot be read."""
    try:
        root = etree.fromstring(body, PARSER)
    except etree.LxmlError:
        return body.decode("utf-8", "replace")
    etree.indent(root)
    return etree.tostring(root, encoding="unicode")


def highlighted(text: str) -> SafeString:
    """The text as HTML, tags, names and values of attributes in spans of these classes."""
    parts: list[SafeString | str] = []
    end = 0
    for found in _TOKEN.finditer(text):
        parts += [text[end : found.start()], format_html('<span class="{}">{}</span>', found.lastgroup, found[0])]
        end = found.end()
    return format_html_join("", "{}", ((part,) for part in (*parts, text[end:])))
