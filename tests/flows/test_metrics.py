"""A running edge, web process and worker tell Prometheus what they have done (docs/metrics.md)."""

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.metrics.catalogue import Numbers, catalogue, key, numbers
from tests.phone import pidf
from tests.services import free_port, valkey
from tests.system import Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

TOKEN = "for-prometheus"


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with valkey() as bus, deployed(bus=bus) as found:
        yield found
        assert "Traceback" not in found.logs()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def scrape(address: str, token: str = "") -> str:
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return str(answer.read().decode())


def told(address: str, process: str) -> Numbers:
    """The numbers; the metrics are exactly those of the catalogue, and those of the process itself."""
    text = scrape(address)
    found = {family.name for family in text_string_to_metric_families(text) if family.name.startswith("cups_")}
    assert found == {one.name.removesuffix("_total") for one in catalogue()[process]}
    return numbers(text)


def test_what_clients_do_is_counted_at_the_edge(deployment: Deployment) -> None:
    """REGISTER, PUBLISH and SUBSCRIBE, their answers, the NOTIFYs, and what is held afterwards."""
    port = free_port()
    deployment.start_edge(CUPS_METRICS_LISTEN=f"127.0.0.1:{port}")
    address = f"http://127.0.0.1:{port}/metrics"
    before = told(address, "edge")
    assert not any(name == "cups_sip_requests_received_total" for name, _ in before)
    with deployment.phone("u0") as one, deployment.peer("u1") as watcher:
        assert one.register("<sip:u0@192.0.2.1>").status == 200
        assert one.publish(pidf(one.aor)).status == 200
        subscription = watcher.subscribe(one.aor)
        subscription.heard(0)
        assert one.publish(pidf(one.aor, "closed")).status == 200
        subscription.sees("closed")
        done = key("cups_sip_requests_sent_total", method="NOTIFY", outcome="2xx")
        looked = key("cups_edge_loop_lag_seconds_count")
        wait_until(lambda: (now := numbers(scrape(address))).get(done) == 2 and now[looked] > 0, "NOTIFYs answered")
        wait_until(lambda: numbers(scrape(address))[key("cups_edge_bus_up")] == 1, "the bus")
        after = told(address, "edge")
        assert watcher.ask("FOO", f"sip:{one.aor}").status == 501
    asked, answered = "cups_sip_requests_received_total", "cups_sip_answers_sent_total"
    assert after[key(asked, method="SUBSCRIBE", role="engine")] == 1
    for method, granted in (("REGISTER", 1), ("PUBLISH", 2)):
        codes = {dict(labels)["code"]: number for (name, labels), number in after.items()
                 if name == answered and ("method", method) in labels}  # fmt: skip
        assert codes["200"] == granted and codes.keys() & {"401", "407"}
        assert after[key(asked, method=method, role="proxy")] == sum(codes.values())
    assert after[key("cups_notify_sent_total")] == 2
    held = ("cups_edge_subscriptions", "cups_edge_bindings", "cups_edge_bus_up", "cups_edge_database_up")
    assert [after[key(name)] for name in held] == [1, 1, 1, 1]
    assert after[key("cups_edge_publications")] == 2
    assert after[key("cups_edge_dialogs", kind="subscription")] == 1
    assert after[key("cups_commit_batch_plans_sum")] >= 4
    assert after[key("cups_commit_batch_plans_count")] == after[key("cups_commit_duration_seconds_count")] > 0
    assert after[key("cups_trace_messages")] > 8 and after[key("cups_trace_bytes")] > 4_000
    assert after[key("process_resident_memory_bytes")] > 10_000_000
    last = numbers(scrape(address))
    assert last[key(asked, method="other", role="engine")] == last[key(answered, method="other", code="501")] == 1


def test_news_that_wait_and_notifies_that_fail_are_counted(deployment: Deployment) -> None:
    """While a NOTIFY is unanswered later changes wait; 481 ends the subscription."""
    port = free_port()
    deployment.start_edge(CUPS_METRICS_LISTEN=f"127.0.0.1:{port}")

    def counted(name: str, **labels: str) -> float:
        return numbers(scrape(f"http://127.0.0.1:{port}/metrics")).get(key(name, **labels), 0)

    with deployment.peer("u0") as one, deployment.peer("u1") as watcher:
        wait_until(lambda: counted("cups_edge_bus_up") == 1, "the bus")
        watcher.subscribe(one.aor).heard(0)
        wait_until(lambda: counted("cups_sip_requests_sent_total", method="NOTIFY", outcome="2xx") == 1, "an answer")
        watcher.answer_with = 0
        tag = one.publish(pidf(one.aor)).get("SIP-ETag")
        wait_until(lambda: counted("cups_notify_sent_total") == 2, "a NOTIFY that nobody answers")
        one.publish(pidf(one.aor, "closed"), tag=tag)
        wait_until(lambda: counted("cups_notify_coalesced_total") >= 1, "the change to wait")
        watcher.answer_with = 481
        wait_until(lambda: counted("cups_notify_failed_total", reason="refused") == 1, "the end")
        assert counted("cups_sip_requests_sent_total", method="NOTIFY", outcome="4xx") == 1
        assert counted("cups_edge_subscriptions") == 0


def test_an_edge_serves_without_metrics_where_the_port_is_taken(deployment: Deployment) -> None:
    """The log says which variable is wrong."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        deployment.start_edge(CUPS_METRICS_LISTEN=f"127.0.0.1:{taken.getsockname()[1]}")
        assert "CUPS_METRICS_LISTEN cannot be opened" in deployment.logs()
        assert "in use" in deployment.logs()
        with deployment.phone("u0") as one:
            assert one.register("<sip:u0@192.0.2.1>").status == 200


def test_web_and_worker_tell_theirs(deployment: Deployment) -> None:
    """The web process to those who show the token; the worker with its tasks, and how long they waited."""
    port = free_port()
    deployment.environment |= {"CUPS_METRICS_TOKEN": TOKEN, "CUPS_METRICS_LISTEN": f"127.0.0.1:{port}"}
    web = deployment.start_web()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        scrape(f"{web}/metrics")
    with urllib.request.urlopen(f"{web}/healthz", timeout=10):
        pass
    found = numbers(scrape(f"{web}/metrics", TOKEN))
    assert found[key("cups_web_requests_total", view="healthz", method="GET", code="200")] == 1
    assert found[key("cups_web_requests_total", view="metrics", method="GET", code="403")] == 1
    assert found[key("cups_users")] == 1504
    deployment.start_worker()
    worker = f"http://127.0.0.1:{port}/metrics"
    wait_until(lambda: listens(port), "the worker's address, which opens beside its start")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        scrape(worker)
    done = key("cups_tasks_total", task="presence.tasks.refresh_backend", outcome="success")
    wait_until(lambda: numbers(scrape(worker, TOKEN)).get(done, 0) >= 1, "a task", 30)
    found = numbers(scrape(worker, TOKEN))
    assert found[key("cups_task_wait_seconds_count")] >= 1
    assert found[key("cups_task_duration_seconds_count", task="presence.tasks.refresh_backend")] >= 1
