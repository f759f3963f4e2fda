"""Media types of presence documents (section 12.2, D-07, D-08)."""

import pytest

from presence.engine.errors import NotAcceptable
from presence.engine.media import choose, is_pidf

PIDF, CPIM = "application/pidf+xml", "application/cpim-pidf+xml"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, PIDF),
        ("application/pidf+xml", PIDF),
        ("application/pidf+xml, application/xpidf+xml", PIDF),
        ("application/cpim-pidf+xml, application/pidf+xml", PIDF),
        ("application/cpim-pidf+xml;q=1, application/pidf+xml;q=0.1", PIDF),
        ("application/cpim-pidf+xml", CPIM),
        ("multipart/related, application/rlmi+xml, application/pidf+xml", PIDF),
        ("Application/PIDF+XML ; Charset=utf-8", PIDF),
        ("*/*", PIDF),
        ("application/*", PIDF),
        ("text/plain, */*;q=0.1", PIDF),
        ("application/pidf+xml;q=0, */*", CPIM),
        ("application/pidf+xml; q=0.0, application/cpim-pidf+xml", CPIM),
        ("*/*;q=0, application/pidf+xml", PIDF),
        ("application/*;q=0, */*, application/cpim-pidf+xml", CPIM),
        ("application/pdf+xml", PIDF),
        ("application/cpim-pdf+xml", CPIM),
        ("application/pidf+xml;q=nonsense", PIDF),
    ],
)
def test_the_type_that_is_sent(accept, chosen):
    """Ours by our preference, unknown ones passed over.

    R-SUB-26, R-SUB-27, R-SUB-28, R-SUB-29, R-NTF-04, D-07, D-33, V-02, V-04.
    """
    assert choose(accept) == chosen


@pytest.mark.parametrize(
    "accept",
    ["", "text/plain", "multipart/related", "application/rlmi+xml", "application/pidf+xml;q=0", "*/*;q=0", ";;,,", "a"],
)
def test_nothing_to_send_is_not_acceptable(accept):
    """D-07: 406 when no accepted type is supported; multipart/related alone does not serve a single user."""
    with pytest.raises(NotAcceptable):
        choose(accept)


def test_misprinted_types_hang_on_the_dialect_setting_and_are_counted():
    """V-02, V-04, section 12.3: accepted while legacy dialects are, each use counted."""
    seen = []
    assert choose("application/pdf+xml", count=seen.append) == PIDF
    assert is_pidf("application/cpim-pdf+xml", count=seen.append)
    assert seen == ["media-type", "media-type"]
    assert not is_pidf("application/pdf+xml", dialects=False)
    with pytest.raises(NotAcceptable):
        choose("application/pdf+xml", dialects=False)


@pytest.mark.parametrize(
    ("content_type", "readable"),
    [
        ("application/pidf+xml", True),
        ("APPLICATION/pidf+xml; charset=UTF-8", True),
        (" application / pidf+xml ", True),
        ("application/cpim-pidf+xml", True),
        ("application/pdf+xml", True),
        ("application/xpidf+xml", False),
        ("text/plain", False),
        ("", False),
        (None, False),
    ],
)
def test_what_is_read_as_a_presence_document(content_type, readable):
    """R-PUB-08, D-08, D-33, V-02: PIDF under its names, in any case, with any parameters."""
    assert is_pidf(content_type) is readable
