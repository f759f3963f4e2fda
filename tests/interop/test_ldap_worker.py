"""Directories in a running product: a worker synchronises, edges hear of it, and a kill in the middle harms nothing."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.slapd import ADMIN, PASSWORD, PEOPLE, Slapd
from tests.rest import integrator
from tests.services import free_port, valkey
from tests.system import ROOT, Deployment, deployed
from tests.waiting import wait_until

pytestmark = pytest.mark.system

OFFICE = """
domains: [example.org]
directories:
  - name: office
    server: {server}
    ca_file: {authority}
    bind_name: {admin}
    password: {password}
    base: {base}
    domain: example.org
    mail_attributes: mail
    interval: 0
"""


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[Slapd]:
    server = Slapd(tmp_path / "slapd")
    server.load({"uid": f"user{number}", "mail": f"m{number}@example.org"} for number in range(200))
    server.start()
    yield server
    server.stop()


def office(slapd: Slapd, server: str = "") -> str:
    return OFFICE.format(
        server=server or slapd.url, authority=slapd.authority, admin=ADMIN, password=PASSWORD, base=PEOPLE
    )


def test_a_worker_does_what_is_asked_for_by_rest_and_an_edge_knows_the_users(slapd: Slapd) -> None:
    with valkey() as bus, deployed(bus=bus, provisioned="domains: []") as deployment:
        deployment.apply(office(slapd))
        deployment.start_edge()
        deployment.start_worker()
        web = integrator(deployment)
        status, found = web.ask("GET", "directories/?name=office")
        assert status == 200 and found["results"][0]["has_password"]
        address = f"directories/{found['results'][0]['id']}"
        assert len(web.ask("POST", f"{address}/test/")[1]["samples"]) == 5

        def ended(action: str) -> dict[str, Any]:
            status, run = web.ask("POST", f"{address}/{action}/", {})
            assert status == 202, run
            path = f"directory-runs/{run['id']}/"
            return wait_until(
                lambda: (said := web.ask("GET", path)[1])["state"] not in ("waiting", "running") and said, action, 40
            )

        assert ended("dry-run")["counts"]["created"] == 200
        assert web.ask("GET", "users/")[1]["count"] == 0
        done = ended("run")
        assert (done["state"], done["counts"]["created"]) == ("done", 200)
        deployment.apply("domains: [example.org]\nusers: [{uri: user7@example.org, password: given}]")
        with deployment.phone("user7@example.org", password="given") as phone:
            wait_until(lambda: phone.register(expires=60).status == 200, "the edge knows the user", 20)
        assert "Traceback" not in deployment.logs() and PASSWORD not in deployment.logs()


def test_a_process_that_is_killed_in_the_middle_has_changed_nothing(slapd: Slapd) -> None:
    with deployed(provisioned="domains: []") as deployment, socket.create_server(("127.0.0.1", free_port())) as silent:
        deployment.apply(office(slapd, f"ldap://127.0.0.1:{silent.getsockname()[1]}"))
        process = subprocess.Popen(
            [sys.executable, "manage.py", "sync_directory", "office"], cwd=ROOT, env=deployment.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        silent.settimeout(60)
        with contextlib.closing(silent.accept()[0]):  # it asks, and will not be answered
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        deployment.apply(office(slapd))
        said, status = deployment.attempt("sync_directory", "office")
        assert status == 1 and "under way" in said
        assert asked(deployment, "Persona.objects.count()") == "0"
        asked(deployment, "DirectoryRun.objects.update(alive_at='2026-01-01T00:00Z')")
        assert "created 200" in deployment.manage("sync_directory", "office")
        assert runs(deployment) == "['done', 'failed']"


def runs(deployment: Deployment) -> str:
    return asked(deployment, "list(DirectoryRun.objects.values_list('state', flat=True))")


def asked(deployment: Deployment, what: str) -> str:
    return deployment.manage("shell", "-v0", "-c", f"from provisioning.models import *; print({what})").strip()
