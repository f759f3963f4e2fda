"""The files in deploy/ fit the product: units that systemd takes, variables that exist, commands that are there."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cups_site.variables.declared import VARIABLES
from sipedge.draining import DRAINED
from tests.system import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PYTHON = "/opt/cups/.venv/bin/python"
KNOWN = {variable.name: variable for variable in VARIABLES}


class Unit(configparser.RawConfigParser):
    """A unit file; a key that comes twice keeps its last value."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, interpolation=None, delimiters=("=",))
        self.optionxform = str  # type: ignore[assignment,method-assign]
        self.read_string(path.read_text())


def program(name: str) -> str:
    """Its path; skipped where it is not installed, since the product does not need it."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def assignments(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_every_service_is_fenced_in(path: Path) -> None:
    service = Unit(path)["Service"]
    for key, value in {
        "User": "cups", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes",
        "PrivateDevices": "yes", "CapabilityBoundingSet": "", "RestrictSUIDSGID": "yes", "UMask": "0077",
        "LockPersonality": "yes", "RestrictNamespaces": "yes", "SystemCallArchitectures": "native",
    }.items():  # fmt: skip
        assert service[key] == value, key


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_every_service_runs_what_is_there(path: Path) -> None:
    words = shlex.split(Unit(path)["Service"]["ExecStart"])
    if words[0] != PYTHON:
        assert words[0] in ("/usr/bin/valkey-server", "/bin/sh")
        return
    if words[1] == "-m":
        __import__(words[2])
        assert any(word.startswith("cups_site.") for word in words)
    else:
        commands = {one.stem for one in ROOT.glob("*/management/commands/*.py")}
        assert words[1] == "manage.py" and words[2] in commands


def test_a_drained_edge_stays_down() -> None:
    service = Unit(DEPLOY / "systemd" / "cups-edge@.service")["Service"]
    assert service["RestartPreventExitStatus"] == service["SuccessExitStatus"] == str(DRAINED)
    assert service["Restart"] == "always"


@pytest.mark.parametrize("path", sorted((DEPLOY / "systemd").glob("*.env")), ids=lambda path: path.name)
def test_environments_hold_what_is_read(path: Path) -> None:
    given = assignments(path)
    assert given and given.keys() <= KNOWN.keys()
    for name in given:
        KNOWN[name].read(given)


def test_two_edges_share_the_addresses_and_nothing_else() -> None:
    first, second = (assignments(DEPLOY / "systemd" / f"edge-{number}.env") for number in (1, 2))
    assert first.keys() == second.keys()
    for name in first:
        assert not set(first[name].split(",")) & set(second[name].split(",")), name
    assert [KNOWN["CUPS_EDGE_SHARE"].read(one) for one in (first, second)] == [(0, 2), (1, 2)]
    containers = [compose()["services"][f"edge-{number}"]["environment"] for number in (1, 2)]
    for one in (assignments(DEPLOY / "systemd" / "cups.env"), *containers):
        assert "CUPS_SIP_LISTEN" in one
    assert containers[0]["CUPS_SIP_LISTEN"] == containers[1]["CUPS_SIP_LISTEN"]
    assert [KNOWN["CUPS_EDGE_SHARE"].read(one) for one in containers] == [(0, 2), (1, 2)]


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """With this interpreter in the place of the installed one, which verify looks for."""
    analyze = program("systemd-analyze")
    for path in (DEPLOY / "systemd").iterdir():
        if path.suffix != ".env":
            text = path.read_text().replace(PYTHON, sys.executable).replace("/usr/bin/valkey-server", sys.executable)
            (tmp_path / path.name).write_text(text)
    shutil.copy(tmp_path / "cups-edge@.service", tmp_path / "cups-edge@1.service")
    names = [str(path) for path in sorted(tmp_path.iterdir()) if "@." not in path.name]
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", *names], cwd=tmp_path, capture_output=True, text=True
    )
    said = [line for line in done.stderr.splitlines() if "cups" in line]
    assert (done.returncode, said) == (0, [])


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())
    return found


def test_containers_get_what_is_read() -> None:
    services = compose()["services"]
    ours = {name: one for name, one in services.items() if one["image"] == "cups"}
    assert {"web", "edge-1", "edge-2", "worker", "beat", "prepare"} == set(ours)
    for name, one in ours.items():
        given = {key: re.sub(r"\$\{.*?\}", "x", str(value)) for key, value in one["environment"].items()}
        assert given.keys() <= KNOWN.keys(), name
        for key in given:
            KNOWN[key].read(given)
        assert one["cap_drop"] == ["ALL"] and one["read_only"] is True
    for name in ours.keys() - {"prepare"}:
        assert "prepare" in ours[name]["depends_on"], "migrations come first"
    first, second = (ours[name]["environment"] for name in ("edge-1", "edge-2"))
    for key in ("CUPS_EDGE_NAME", "CUPS_EDGE_SHARE", "CUPS_METRICS_LISTEN"):
        assert first[key] != second[key]


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    """With a certificate of its own, as whoever may."""
    nginx, openssl = program("nginx"), program("openssl")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=presence.example.org",
         "-keyout", str(tmp_path / "web.key"), "-out", str(tmp_path / "web.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    site = (DEPLOY / "nginx" / "cups.conf").read_text().replace("/etc/cups/", f"{tmp_path}/")
    (tmp_path / "site.conf").write_text(site)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error; events {{}} "
        f"http {{ access_log off; include {tmp_path}/site.conf; }}"
    )
    done = subprocess.run([nginx, "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
