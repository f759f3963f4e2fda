"""Judge what we emit by schemas: of our own writing in every clone, and the RFCs' where CUPS_REFERENCE names them."""

import os
from functools import cache
from pathlib import Path

from lxml import etree

OWN = Path(__file__).parent / "data" / "schemas"
ROOTS = {
    "{urn:ietf:params:xml:ns:pidf}presence": "presence.rng",
    "{urn:ietf:params:xml:ns:rlmi}list": "rlmi.rng",
}


@cache
def _own(name: str) -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(OWN / name))


@cache
def _published(folder: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(Path(folder, "schemas", "all-presence.xsd")))


def assert_valid(body: bytes) -> None:
    """Fail with the schema's words when a document of ours is not valid."""
    document = etree.fromstring(body)
    if document.tag in ROOTS:
        own = _own(ROOTS[document.tag])
        assert own.validate(document), f"{own.error_log}\n{body.decode()}"
    folder = os.environ.get("CUPS_REFERENCE")
    if folder:
        schema = _published(folder)
        assert schema.validate(document), f"{schema.error_log}\n{body.decode()}"
