"""Client types, versions, and the table of what they can do (D-17, R-PUB-30, R-PUB-31, R-PUB-32)."""

import pytest

from presence.engine.capabilities import capabilities, client_type, lookup
from presence.engine.types import Capabilities
from tests.presence.engine.documents import TABLE


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ("MeetingPlace/5.1", ("MeetingPlace", "5.1")),
        ("eyeBeam release 8888a stamp 16336 (sn:a0d46d0c5ff5ecfbb8d8)", ("eyeBeam", "8888a")),
        ("CSCO/IPPM-1.0", ("CSCO", "IPPM-1.0")),
        ("Cisco-CCM5.1", ("Cisco-CCM", "5.1")),
        ("MeetingPlace", ("MeetingPlace", "")),
        ("Purple/2.14.12", ("Purple", "2.14.12")),
        ("baresip v1.0.0 (x86_64/linux)", ("baresip", "")),
        ("Linphonec/5.1.65 (belle-sip/5.1)", ("Linphonec", "5.1.65")),
        ("X-Lite 4 Release 4.9.8 stamp 84253", ("X-Lite", "4.9.8")),
        ("eyeBeam release", ("eyeBeam", "")),
        ("  Twinkle/1.10.2 ", ("Twinkle", "1.10.2")),
        ("12345", ("12345", "")),
        ("/5.1", ("", "5.1")),
        ("", ("", "")),
        (None, ("", "")),
    ],
)
def test_type_and_version(user_agent, expected):
    """D-17, R-SUB-16: the type is the first token; the version follows a slash, release, or the type itself."""
    assert client_type(user_agent) == expected


@pytest.mark.parametrize(
    ("user_agent", "version"),
    [
        ("eyeBeam release 8888a stamp 1", "8888a"),
        ("eyeBeam release 8888b stamp 1", "8888"),
        ("EYEBEAM release 1", ""),
        ("eyeBeam", ""),
        ("cisco-ccm5.1", ""),
    ],
)
def test_the_most_specific_row_counts(user_agent, version):
    """R-PUB-30, R-FRN-13, D-17: a version, exact or by prefix, beats the type alone; types compare without case."""
    row = lookup(user_agent, TABLE)
    assert row is not None and row.client_version == version


def test_the_table_decides():
    """R-PUB-30, R-PUB-31: the row's classes of service are the client's."""
    assert capabilities("Cisco-CCM5.1", TABLE) == Capabilities(audio=True, video=False, text=False)


@pytest.mark.parametrize("user_agent", ["Unheard/1", "", None, "/5.1"])
def test_an_unknown_client_does_text(user_agent):
    """R-PUB-32, R-FRN-14: without an entry, or without the header, the device does IM."""
    assert capabilities(user_agent, TABLE) == Capabilities(audio=False, video=False, text=True)
