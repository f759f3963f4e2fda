"""A log line is one line, says what it is about, and nothing that a peer sent can break or fake it."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import Client
from hypothesis import given
from hypothesis import strategies as some

from cups_site import logs
from cups_site.request_id import HEADER, identified
from sipedge.about import MESSAGE
from tests import builders

HOSTILE = 'a\r\nlevel=error event="all is lost"\x1b[2J\u2028\u202e\x85"}'


def line(form: str, text: str, **fields: object) -> str:
    """A line as a process would write it, by structlog or by the standard library."""
    record = logging.LogRecord("peer", logging.INFO, "", 0, text, (), None)
    if fields:
        record.msg = {"event": text, **fields}
        record._logger, record._name = logging.getLogger("peer"), "info"  # type: ignore[attr-defined]
    return logs.formatter(form).format(record)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What is written meanwhile."""
    written: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    handler = Keeping()
    handler.setFormatter(logs.formatter("json"))
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("form", ["logfmt", "json"])
@pytest.mark.parametrize("fields", [{}, {"peer": HOSTILE}, {"peer": HOSTILE.encode()}, {"peer": [HOSTILE]}])
def test_what_a_peer_sent_stays_within_its_value(form: str, fields: dict[str, object]) -> None:
    written = line(form, HOSTILE, **fields)
    assert len(written.splitlines()) == 1
    assert not logs.CONTROLS.search(written)
    if form == "json":
        assert json.loads(written)["event"].startswith("a\\r\\nlevel=error")


@given(some.text(max_size=50))
def test_any_text_is_one_line_that_can_be_read(text: str) -> None:
    for form in ("logfmt", "json"):
        written = line(form, "x", peer=text)
        assert len(written.splitlines()) == 1 and written.encode()
    assert json.loads(line("json", "x", peer=text))["peer"] is not None


def test_a_long_value_is_cut() -> None:
    assert len(line("json", "x", peer="a" * 65_000)) < 2 * logs.LONGEST


def test_json_has_a_time_a_level_a_logger_and_the_event(lines: list[str]) -> None:
    structlog.get_logger("peers").warning("refused", reason="busy", count=3, well=False, nobody=None)
    found = json.loads(lines[0])
    assert {"event": "refused", "reason": "busy", "count": 3, "well": False, "nobody": None}.items() <= found.items()
    assert found["timestamp"].endswith("Z") and (found["level"], found["logger"]) == ("warning", "peers")


def test_a_traceback_is_one_line_of_json() -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), (type(error), error, error.__traceback__))
    written = logs.formatter("json").format(record)
    assert len(written.splitlines()) == 1
    assert "test_logs.py" in json.loads(written)["exception"]


def test_lines_about_a_message_name_it() -> None:
    """Call-ID and branch, without being said each time; and no longer than the message is worked on."""
    request = builders.parsed("PUBLISH")
    about = (request.method, request.call_id, request.via.branch or "")
    token = MESSAGE.set(about)
    found = json.loads(line("json", "x"))
    assert (found["method"], found["call_id"], found["branch"]) == about
    MESSAGE.reset(token)
    assert "call_id" not in json.loads(line("json", "x"))


def test_a_request_id_comes_in_and_goes_out(lines: list[str]) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        logging.getLogger("view").warning("working")
        return HttpResponse()

    request = HttpRequest()
    request.META["HTTP_X_REQUEST_ID"] = "front-7"
    assert identified(view)(request)[HEADER] == "front-7"
    assert json.loads(lines[0])["request_id"] == "front-7"
    assert "request_id" not in structlog.contextvars.get_contextvars()


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "a\x1bb", 'a"b', "ä"])
def test_an_id_that_is_none_is_replaced(given: str) -> None:
    request = HttpRequest()
    request.META["HTTP_X_REQUEST_ID"] = given
    found = identified(lambda _: HttpResponse())(request)[HEADER]
    assert len(found) == 32 and found != given


def test_every_answer_has_an_id() -> None:
    assert Client().get("/livez", headers={HEADER: "abc"})[HEADER] == "abc"
