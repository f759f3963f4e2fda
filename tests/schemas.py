"""Judge what we emit by the RFCs' XML schemas, where the reference files are at hand (CUPS_REFERENCE)."""

import os
from functools import cache
from pathlib import Path

import pytest
from lxml import etree


@cache
def _schema() -> etree.XMLSchema | None:
    folder = os.environ.get("CUPS_REFERENCE")
    path = Path(folder, "schemas", "all-presence.xsd") if folder else None
    return etree.XMLSchema(etree.parse(path)) if path is not None and path.exists() else None


def available() -> bool:
    """Whether the schemas can be used here."""
    return _schema() is not None


def assert_valid(body: bytes) -> None:
    """Fail with the schema's words when `body` is not valid; skip the test where there are no schemas."""
    schema = _schema()
    if schema is None:
        pytest.skip("CUPS_REFERENCE does not name a folder with the XML schemas")
    document = etree.fromstring(body)
    assert schema.validate(document), f"{schema.error_log}\n{body.decode()}"
