"""docs/operations.md: its commands do what the page says, in its order, on PostgreSQL and with two edges."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipedge.backup.file import Reader
from sipedge.draining import DRAINED
from tests.services import PostgreSQL, valkey
from tests.system import ROOT, Deployment, deployed, new_database

DOCS = ROOT / "docs"
PAGE = (DOCS / "operations.md").read_text()
BLOCKS = re.findall(r"^```sh( run)?\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_every_link_leads_somewhere() -> None:
    titles = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", PAGE, re.M)}
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        path, _, title = target.partition("#")
        assert not path or (DOCS / path).exists(), target
        assert path or title in titles, target


def test_every_management_command_is_one() -> None:
    commands = {one.stem for one in ROOT.glob("*/management/commands/*.py")} | {"check"}
    named = re.findall(r"(?:\./run manage|manage\.py) ([a-z_]+)", PAGE)
    assert named and set(named) <= commands


def test_other_pages_lead_to_titles_that_are_there() -> None:
    text = (DOCS / "configuration.md").read_text()
    for title in re.findall(r"operations\.md#([a-z-]+)", text):
        assert f"\n## {title.capitalize()}\n" in PAGE


def test_what_is_not_run_is_marked() -> None:
    assert sum(not run for run, _ in BLOCKS) == 3
    assert PAGE.count("*not run*") >= 4


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with PostgreSQL() as server, valkey() as bus, deployed(server=server.url, bus=bus) as found:
        found.environment["EMPTY_DATABASE_URL"] = new_database(server.url)
        yield found


@pytest.mark.system
def test_the_commands_of_the_page(deployment: Deployment, tmp_path: Path) -> None:
    _, edge = deployment.start_edges(2)
    deployment.start_worker()
    (tmp_path / "run").write_text(
        f'#!/bin/sh\nshift\nexec {shlex.quote(sys.executable)} {shlex.quote(str(ROOT / "manage.py"))} "$@"\n'
    )
    (tmp_path / "run").chmod(0o755)
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {**deployment.environment, "EMPTY_DATA_DIR": str(empty), "PATH": os.environ["PATH"]}
    said = []
    for run, block in BLOCKS:
        if run:
            done = subprocess.run(
                ["sh", "-eu", "-c", block], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
            said.append(done.stdout)
    everything = "".join(said)
    for words in ("no issues", "log-in  as before", "worker ready: ", "restored ", "edge-2 is drained"):
        assert words in everything, words
    assert edge.wait(20) == DRAINED
    with Reader(tmp_path / "cups-everything.zip") as reader:
        assert "secret_key" in reader.keys or any(name.startswith("tls/") for name in reader.keys)
        users = sum(1 for _ in reader.table("provisioning.persona")) - 1
    assert users > 20
