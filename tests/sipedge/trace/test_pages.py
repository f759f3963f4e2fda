"""The trace by REST and on the administrator's pages: for those with the right, filtered, and safe to look at."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from presence.models import EdgeLease
from provisioning import asking
from sipedge.trace import reading
from sipedge.trace.answers import row, shown
from sipedge.trace.filters import Filter
from tests.sipedge.trace.kept import DIGEST, MAKE_CALL, answer, csta, request, sip

pytestmark = pytest.mark.django_db

PAGE = "/admin/sipedge/signallingtrace/"
TALK = (
    sip(request("REGISTER", f"Authorization: {DIGEST}", "Subject: <script>alert(1)</script>")),
    sip(answer(404, "REGISTER"), outgoing=True),
    sip(request("SUBSCRIBE").replace(b"dialog-1@", b"dialog/2<b>&@")),
    csta(MAKE_CALL),
)


class Edge:
    """Answers as an edge with this talk does."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.silent = False

    def ask(self, edge: str, name: str, **given: Any) -> dict[str, Any]:
        assert (edge, name) == ("edge-1", "trace")
        self.asked.append(given)
        if self.silent:
            raise asking.NoAnswer
        wanted = Filter.parse(given["wanted"])
        entries = [
            {**row(one, reading.read(one)), "message": shown(one, bodies=False)}
            for one in TALK
            if wanted.may_match(one) and wanted.matches(reading.read(one)) and one.number > (given.get("since") or 0)
        ]
        return {"on": True, "entries": entries[: given["limit"]], "until": TALK[-1].number, "more": False}

    def ask_all(self, edges: list[str], name: str, **given: Any) -> dict[str, Any]:
        return {edge: None if self.silent else self.ask(edge, name, **given) for edge in edges}


@pytest.fixture
def edge(monkeypatch: pytest.MonkeyPatch) -> Edge:
    made = Edge()
    monkeypatch.setattr(asking, "ask_now", made.ask)
    monkeypatch.setattr(asking, "ask_all_now", made.ask_all)
    now = timezone.now()
    for name, clean, left in (("edge-1", False, 30), ("stopped", True, 30), ("lost", False, -30)):
        EdgeLease.objects.create(
            edge=name, host="h:1", started_at=now, renewed_at=now, settled_at=now, clean=clean,
            expires_at=now + timedelta(seconds=left),
        )  # fmt: skip
    return made


@pytest.fixture
def api() -> APIClient:
    user = get_user_model().objects.create_superuser("integrator")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.create(user=user).key}")
    return client


@pytest.fixture
def pages() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client


def test_rest_answers_what_is_wanted_without_secrets(edge: Edge, api: APIClient) -> None:
    found = api.get("/api/v1/trace/").json()
    assert [one["first_line"] for one in found["results"]] == [
        "REGISTER sip:xten3@example.org SIP/2.0", "SIP/2.0 404 Said", "SUBSCRIBE sip:xten3@example.org SIP/2.0",
        "MakeCall",
    ]  # fmt: skip
    assert (found["on"], found["more"], found["silent"], found["until"]) == (True, False, [], TALK[-1].number)
    first = found["results"][0]
    assert first["from"] == "sip:xten4@example.org" and first["edge"] == "edge-1" and first["time"].endswith("Z")
    assert 'response="***"' in first["message"] and "5ecre7" not in str(found)
    only = api.get("/api/v1/trace/", {"aor": "2002", "protocol": "csta", "since": 5, "limit": 7}).json()
    assert [one["document"] for one in only["results"]] == ["MakeCall"]
    assert edge.asked[-1]["since"] == 5 and edge.asked[-1]["limit"] == 7


@pytest.mark.parametrize(
    ("path", "query"),
    [
        *(
            (path, query)
            for path in ("trace/", "trace/export/", "trace/pcap/")
            for query in ({"status": "x"}, {"peer": "a b"}, {"since": "-1"}, {"protocol": "h323"})
        ),
        ("trace/", {"limit": "0"}),
        ("trace/", {"limit": "501"}),
        ("trace/", {"before": "now"}),
    ],
)
def test_a_bad_filter_is_a_problem_that_names_the_field(edge: Edge, api: APIClient, path: str, query: Any) -> None:
    found = api.get(f"/api/v1/{path}", query)
    assert found.status_code == 400 and found["Content-Type"] == "application/problem+json"
    assert set(found.json()["errors"]) == set(query)


def test_without_an_edge_there_is_no_trace(edge: Edge, api: APIClient) -> None:
    """DESIGN section 15: no answer is 503 with Retry-After, never an empty success."""
    edge.silent = True
    for path in ("trace/", "trace/export/", "trace/pcap/"):
        found = api.get(f"/api/v1/{path}")
        assert found.status_code == 503 and found["Retry-After"] == "5" and found.json()["status"] == 503


def test_files_are_files(edge: Edge, api: APIClient) -> None:
    text = api.get("/api/v1/trace/export/", {"method": "register"})
    assert text["Content-Type"].startswith("text/plain") and 'filename="trace.txt"' in text["Content-Disposition"]
    assert text.content.count(b"\n--- ") == 1 and b"5ecre7" not in text.content
    capture = api.get("/api/v1/trace/pcap/")
    assert capture.content[:4] == b"\xd4\xc3\xb2\xa1" and b"5ecre7" not in capture.content


def test_the_trace_is_for_administrators_with_the_right(edge: Edge) -> None:
    """R-SEC-02: who talks to whom is nobody else's business, other administrators' neither."""
    user = get_user_model().objects.create_user("helper", is_staff=True)
    client, pages = APIClient(), Client()
    paths = ("/api/v1/trace/", "/api/v1/trace/export/", "/api/v1/trace/pcap/")
    views = (PAGE, f"{PAGE}tail/", f"{PAGE}edge-1/{TALK[0].number}/")
    assert all(client.get(path).status_code in (401, 403) for path in paths)
    assert all(pages.get(view).status_code == 302 for view in views)
    client.force_authenticate(user)
    pages.force_login(user)
    assert all(client.get(path).status_code == 403 for path in paths)
    assert all(pages.get(view).status_code == 403 for view in views)
    assert not edge.asked
    user.user_permissions.add(Permission.objects.get(codename="view_signallingtrace"))
    user = get_user_model().objects.get(pk=user.pk)
    client.force_authenticate(user)
    assert all(client.get(path).status_code == 200 for path in paths)
    assert all(pages.get(view).status_code == 200 for view in views)
    user.is_staff = False
    user.save()
    assert all(client.get(path).status_code == 403 for path in paths)
    assert client.post("/api/v1/trace/", {}).status_code in (403, 405)


def test_the_page_shows_messages_and_leads_to_each(edge: Edge, pages: Client) -> None:
    text = pages.get(PAGE).content.decode()
    for one in TALK:
        assert f"{PAGE}edge-1/{one.number}/" in text
    assert "call_id=dialog%2F2%3Cb%3E%26%40192.0.2.9" in text and "dialog/2<b>" not in text
    assert 'id="follow"' in text and "<svg" not in text.partition("<form")[2].partition("</table>")[0]
    assert "Signalling trace" in pages.get("/admin/").content.decode()


def test_a_dialog_is_drawn_as_a_ladder(edge: Edge, pages: Client) -> None:
    """DESIGN section 7: a column for each party, an arrow for each message, and each leads to its message."""
    text = pages.get(PAGE, {"call_id": "dialog-1@192.0.2.9"}).content.decode()
    drawn = text[text.index("<svg width") : text.index("</svg>", text.index("<svg width"))]
    assert drawn.count("<polygon") == 2 and drawn.count('class="life"') == 2
    assert f"{PAGE}edge-1/{TALK[1].number}/" in drawn and "404 Said" in drawn and "192.0.2.9:5062" in drawn


def test_one_message_is_shown_whole_and_harmless(edge: Edge, pages: Client) -> None:
    text = pages.get(f"{PAGE}edge-1/{TALK[0].number}/").content.decode()
    assert "&lt;script&gt;alert(1)" in text and "<script>alert(1)" not in text
    assert "response=&quot;***&quot;" in text and "5ecre7" not in text
    assert pages.get(f"{PAGE}edge-1/{TALK[0].number + 1}/").status_code == 404


def test_whoever_follows_gets_rows_and_where_to_go_on(edge: Edge, pages: Client) -> None:
    found = pages.get(f"{PAGE}tail/", {"since": str(TALK[2].number), "protocol": "csta"}).json()
    assert found["rows"].count("<tr") == 1 and "MakeCall" in found["rows"] and found["until"] == TALK[-1].number
    assert pages.get(f"{PAGE}tail/", {"status": "x"}).status_code == 400
    edge.silent = True
    found = pages.get(f"{PAGE}tail/")
    assert found.status_code == 503 and found.json() == {"said": "No edge answers."}


def test_what_cannot_be_understood_or_answered_is_said_on_the_page(edge: Edge, pages: Client) -> None:
    text = pages.get(PAGE, {"status": "lots", "before": "x"}).content.decode()
    assert "Expected a status such as 404, or 4xx." in text and 'aria-invalid="true"' in text
    edge.silent = True
    for path in (PAGE, f"{PAGE}edge-1/5/"):
        assert "No edge answers." in pages.get(path).content.decode()


def test_the_pages_need_no_script_or_style_within_them(edge: Edge, pages: Client) -> None:
    """What a message says can never run: scripts and styles of these pages are files."""
    from django.template.loader import get_template

    for name in ("trace", "trace_rows", "trace_ladder", "trace_message"):
        source = get_template(f"admin/sipedge/{name}.html").template.source
        assert "<style" not in source and "style=" not in source and not re.search(r"\son[a-z]+=", source)
        assert source.count("<script") == source.count("<script src=")
