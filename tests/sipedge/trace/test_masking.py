"""Secrets in the signalling trace are out of sight, whatever a message looks like; everything else is as it was."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipedge.record_route import Tickets, record_route
from sipedge.trace import masking, reading
from tests.sipedge.trace.kept import DIGEST, FLOW, MAKE_CALL, answer, csta, request, sip

SECRETS = ("5ecre7", "c0de", "hunter2")


def shown(data: bytes, *, bodies: bool = False) -> str:
    text = masking.message(data, bodies=bodies)
    assert not any(secret in text for secret in SECRETS), text
    return text


@pytest.mark.parametrize("name", ["Authorization", "Proxy-Authorization", "AUTHORIZATION", "proxy-authorization \t"])
def test_an_answer_to_a_challenge_keeps_what_is_no_secret(name: str) -> None:
    """R-SEC-02: who, for which realm and nonce; never what proves it."""
    text = shown(request("REGISTER", f"{name}: {DIGEST}"))
    for part in ('username="xten4"', 'realm="example.org"', 'nonce="n1"', "qop=auth", "nc=00000001", "algorithm=MD5"):
        assert part in text
    assert 'response="***"' in text and 'cnonce="***"' in text


@pytest.mark.parametrize(
    "header",
    [
        f"Authorization: {DIGEST}".replace(", ", ",\r\n "),
        f"Authorization: {DIGEST}".replace(", ", ",\n\t"),
        f"Authorization:\r\n {DIGEST}",
        'Authorization: Digest username="xten4, response="5ecre7", cnonce="c0de"',
        'Authorization: Digest username="x\\", response="5ecre7", cnonce="c0de"',
        "Authorization: Digest response=5ecre7,CNONCE = c0de",
        "Authorization: Digest username=<xten4, response=5ecre7",
        'Authorization: Digest response="5ecre7',
        "Authorization: DIGEST\tresponse='5ecre7'",
        "Authorization: Basic aHVudGVyMg==5ecre7",
        "Authorization: Bearer 5ecre7",
        "Authorization: 5ecre7",
        "Authorization: 5ecre7 c0de",
        'Authentication-Info: nextnonce="n2", rspauth="5ecre7", cnonce="c0de"',
        'X: y\nAuthorization: Digest response="5ecre7"',
        'X: y\rAuthorization: Digest response="5ecre7"',
        "Contact: <sip:xten4:hunter2@192.0.2.9>",
        "Contact:sips:xten4:hunter2@192.0.2.9;lr",
        "m: <SIP:a@b>,<sip:xten4:hunter2,5ecre7@192.0.2.9>",
    ],
)
def test_secrets_in_headers_are_hidden_however_they_are_written(header: str) -> None:
    text = shown(request("REGISTER", header, "Subject: still here"))
    assert "***" in text and "Subject: still here" in text


@pytest.mark.parametrize("name", ["Route", "RECORD-ROUTE"])
def test_a_ticket_into_a_dialog_is_hidden(name: str) -> None:
    """R-SEC-02: whoever has it is not challenged in that dialog; the addresses of the path stay."""
    ticket = Tickets(b"key").issue(FLOW, "dialog-1@192.0.2.9")
    value = record_route("192.0.2.1:5060", "udp", ticket)
    text = shown(request("BYE", f"{name}: {value}, <sip:proxy@192.0.2.4;lr>"))
    assert ticket not in text and "<sip:***@192.0.2.1:5060;transport=udp;lr>, <sip:proxy@192.0.2.4;lr>" in text


def test_everything_else_is_as_it_was_on_the_wire() -> None:
    data = request(
        "PUBLISH", "x-OWN :  spaced ", "Contact: <sip:a@192.0.2.9:5060;lr>, <sip:b@h>", body="<presence/>\r\n"
    )
    assert masking.message(data, bodies=False) == data.decode()


def test_a_message_that_was_cut_within_credentials_shows_none() -> None:
    data = request("REGISTER", f"Authorization: {DIGEST}")
    for end in range(len(data)):
        shown(data[:end])


@pytest.mark.parametrize(
    "kind", ["text/plain", "message/cpim", "application/im-iscomposing+xml", "multipart/mixed;boundary=x"]
)
def test_what_people_write_is_shown_only_where_that_is_allowed(kind: str) -> None:
    data = request("MESSAGE", f"Content-Type: {kind}", body="dear Ann")
    assert "dear Ann" not in shown(data) and "[8 octets, not shown]" in shown(data)
    assert shown(data, bodies=True).endswith("dear Ann")


@pytest.mark.parametrize(
    "data",
    [
        answer(200, "MESSAGE", body="dear Ann"),
        request("INFO", "c: text/plain", body="dear Ann"),
        request(
            "INVITE",
            "Content-Type: multipart/mixed;boundary=x",
            body="--x\r\nContent-Type: Message/CPIM\r\n\r\ndear Ann",
        ),
        request("INFO", "Content-Type: application/dtmf-relay", body="Signal=dear Ann"),
        request("MESSAGE", body="dear Ann").replace(b"\r\n\r\n", b"\n\n"),
        request("MESSAGE", body="dear Ann").replace(b"\r\n\r\n", b"\r\n"),
        request("MESSAGE", body="dear Ann").replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1),
        b"nothing that SIP knows\r\n\r\ndear Ann",
        b"message sip:a@b\r\ndear Ann",
        request("NOTIFY", "Content-Encoding: deflate", body="dear Ann"),
        request("NOTIFY", body="dear Ann\0"),
    ],
)
def test_what_may_be_a_text_is_hidden_too(data: bytes) -> None:
    assert "dear Ann" not in shown(data)


def test_a_subscription_shows_its_document() -> None:
    assert shown(request("NOTIFY", "Content-Type: application/pidf+xml", body="<presence/>")).endswith("<presence/>")


@pytest.mark.parametrize(
    "line",
    [
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hunter2|2^20|1:4",
        "a=crypto:1 inline:hunter2",
        "A=CRYPTO:hunter2",
        "a=key-mgmt:mikey hunter2",
        "a=ice-pwd:hunter2",
        "k=clear:hunter2",
    ],
)
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_keys_of_media_are_hidden(line: str, end: str) -> None:
    sdp = end.join(["v=0", "m=audio 4000 RTP/SAVP 0", line, "a=sendrecv", ""])
    text = shown(request("INVITE", "Content-Type: application/sdp", body=sdp))
    assert "m=audio 4000 RTP/SAVP 0" in text and "a=sendrecv" in text and "***" in text


def test_the_suite_of_a_key_can_be_read() -> None:
    line = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hunter2"
    assert shown(request("INVITE", body=line)).endswith("a=crypto:1 AES_CM_128_HMAC_SHA1_80 ***")


def test_credentials_in_a_message_within_a_message_are_hidden() -> None:
    body = f"INVITE sip:a@b SIP/2.0\r\nAuthorization: {DIGEST}\r\n"
    assert 'realm="example.org"' in shown(request("NOTIFY", "Content-Type: message/sipfrag", body=body))


LOG_IN = (
    '<StartApplicationSession xmlns="urn:x"><applicationInfo><applicationID>desk</applicationID>'
    "<applicationSpecificInfo>{}</applicationSpecificInfo></applicationInfo></StartApplicationSession>"
)


@pytest.mark.parametrize(
    "secret",
    [
        "<userName>u</userName><password>hunter2</password>",
        "<x:password a='>'>hunter2</x:password >",
        f"<password a='{'x' * 5000}'>hunter2</password>",
        "<password b='hunter2",
        "<Password\n>hunter2</Password>",
        "<password><![CDATA[</password>hunter2]]></password>",
        "<password><!-- </password> -->hunter2</password>",
        "<password>hunter2",
        "<userPassword>hunter2</userPassword>",
        "<login password='hunter2'/>",
        '<login  x:passwd = "hunter2',
        "<authCode>hunter2</authCode>",
    ],
)
def test_the_password_of_a_program_is_hidden(secret: str) -> None:
    """R-CTI-01, D-36: in the log-in of an application session (ECMA-354), over TCP or within SIP."""
    document = LOG_IN.format(secret)
    text = masking.document(document.encode(), bodies=True)
    assert "hunter2" not in text and "<applicationID>desk</applicationID>" in text
    shown(request("INFO", "Content-Type: application/csta+xml", body=document), bodies=True)


def test_a_document_that_cannot_be_read_here_is_hidden() -> None:
    document = LOG_IN.format("<password>hunter2</password>")
    for data in (
        document.encode("utf-16"),
        b'<?xml version="1.0" encoding="UTF-7"?>' + document.replace("<p", "+ADw-p").encode(),
        b'<!DOCTYPE a [<!ENTITY e "hunter2">]>' + document.replace("hunter2", "&e;").encode(),
        document.encode("cp037"),
    ):
        text = masking.document(data, bodies=True)
        assert text == f"[{len(data)} octets, not shown]"


@pytest.mark.parametrize(
    "piece",
    [
        "<?xml",
        "<password ",
        " password=",
        "a=crypto:",
        "cseq:",
        "\r\n c",
        'Digest "',
        "<x:",
        "password",
        "<charactersToSend ",
        "sip:a:",
        "sip:",
        "\n",
        "\r ",
        '",',
    ],
)
def test_a_hostile_message_costs_little(piece: str) -> None:
    """Reading runs in the loop of the edge: no message of 16 KiB takes a quarter of a second, however it is made."""
    data = (f"INVITE sip:a SIP/2.0\r\nAuthorization: Digest x\r\n{piece} ".encode() + piece.encode() * 16_384)[:16_384]
    began = time.process_time()
    for one in (data, data.replace(b"Digest x\r\n", b"Digest x\r\n\r\n")):
        masking.message(one, bodies=False)
        masking.document(b"<a>" + one, bodies=False)
        reading.read(sip(one))
        reading.read(csta(one))
    assert time.process_time() - began < 1.0


def test_a_document_without_secrets_is_shown() -> None:
    assert masking.document(MAKE_CALL, bodies=False) == MAKE_CALL.decode()


def test_digits_of_a_call_are_what_people_write() -> None:
    data = b"<GenerateDigits><charactersToSend>4711</charactersToSend></GenerateDigits>"
    assert "4711" not in masking.document(data, bodies=False) and "4711" in masking.document(data, bodies=True)


def test_nothing_speaks_to_a_terminal() -> None:
    text = shown(request("OPTIONS", "Subject: \x1b[2J\u202e"))
    assert "\\x1b[2J\\x202e" in text


@given(st.binary(max_size=400), st.booleans())
@example(b"\r\n" * 3, False)
def test_any_bytes_at_all_can_be_shown(data: bytes, bodies: bool) -> None:
    masking.message(data, bodies=bodies)
    masking.document(data, bodies=bodies)


@given(
    st.text(st.sampled_from("\r\n \t:;,=\"'<>\\aD"), max_size=60),
    st.text(st.sampled_from('\r\n \t,="\\<>'), max_size=8),
)
def test_no_noise_around_it_uncovers_a_response(before: str, between: str) -> None:
    header = f'Authorization: Digest {before}, response{between}="5ecre7"'
    if "\r" not in before + between and "\n" not in before + between:
        shown(request("REGISTER", header))


@pytest.mark.parametrize("header", ["Subject: dear Ann", "s:dear Ann", "SUBJECT :\r\n dear\r\n\tAnn"])
@pytest.mark.parametrize("body", ["", "see you"])
def test_the_subject_of_a_message_is_what_people_write(header: str, body: str) -> None:
    """Hidden as its body is; of a call it is shown."""
    hidden = masking.message(request("MESSAGE", header, "Content-Type: text/plain", body=body), bodies=False)
    assert "Ann" not in hidden and "dear" not in hidden and "Content-Type: text/plain" in hidden
    assert "Ann" in masking.message(request("MESSAGE", header, body=body), bodies=True)
    assert "Ann" in masking.message(request("INVITE", header), bodies=False)
