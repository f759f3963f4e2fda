"""A client that is generated from our OpenAPI document, at a running server: the document says what is true."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.rest import Web, integrator
from tests.system import Deployment, deployed

pytestmark = pytest.mark.system

NAME = "presence_server_client"

CONFIG = f"""
package_name_override: {NAME}
post_hooks: []
content_type_overrides:
  application/pidf+xml: application/octet-stream
  application/resource-lists+xml: application/octet-stream
  application/vnd.tcpdump.pcap: application/octet-stream
"""
"The tool reads JSON; documents of other types are octets for it."


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with deployed(provisioned="domains: [example.org]") as found:
        yield found
        assert "Traceback" not in found.logs()


@pytest.fixture(scope="module")
def web(deployment: Deployment) -> Web:
    return integrator(deployment)


@pytest.fixture(scope="module")
def generated(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The package, made as docs/rest.md says."""
    folder = tmp_path_factory.mktemp("client")
    status, document = web.ask("GET", "schema/", Accept="application/vnd.oai.openapi+json")
    assert status == 200
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "config.yml").write_text(CONFIG)
    tool = Path(sys.executable).parent / "openapi-python-client"
    words = [tool, "generate", "--path", "openapi.json", "--config", "config.yml", "--output-path", "out"]
    done = subprocess.run([*map(str, words), "--meta", "none"], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr, done.stdout + done.stderr
    (folder / "out").rename(folder / NAME)
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module(NAME)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == NAME]:
            del sys.modules[name]


def call(name: str) -> Any:
    """An operation on users."""
    return importlib.import_module(f"{NAME}.api.users.{name}")


def test_users_are_made_listed_changed_and_refused(generated: ModuleType, web: Web) -> None:
    models = importlib.import_module(f"{NAME}.models")
    client = generated.AuthenticatedClient(base_url=web.address, token=web._token, prefix="Token")

    wanted = models.PersonaRequest(domain="example.org", user="alice", name="Alice", password="correct horse")
    made = call("users_create").sync_detailed(client=client, body=wanted, idempotency_key="one")
    assert made.status_code == HTTPStatus.CREATED
    assert isinstance(made.parsed, models.Persona) and made.parsed.aor == "sip:alice@example.org"
    again = call("users_create").sync_detailed(client=client, body=wanted, idempotency_key="one")
    assert again.parsed == made.parsed

    several = [models.PersonaRequest(domain="example.org", user=f"u{number}") for number in range(3)]
    many = call("users_create").sync(client=client, body=several)
    assert [one.user for one in many] == ["u0", "u1", "u2"]

    page = call("users_list").sync(client=client, search="alice")
    assert page.count == 1 and page.results == [made.parsed]
    walk = call("users_list").sync(client=client, cursor="", limit=2)
    assert walk.count is None and len(walk.results) == 2 and walk.next_

    one = call("users_retrieve").sync_detailed(made.parsed.id, client=client)
    tag = one.headers["ETag"]
    change = models.PatchedPersonaRequest(name="Alice Adams")
    changed = call("users_partial_update").sync_detailed(made.parsed.id, client=client, body=change, if_match=tag)
    assert changed.status_code == HTTPStatus.OK and changed.parsed.name == "Alice Adams"
    stale = call("users_partial_update").sync_detailed(made.parsed.id, client=client, body=change, if_match=tag)
    assert stale.status_code == HTTPStatus.PRECONDITION_FAILED
    assert isinstance(stale.parsed, models.Problem) and "changed since" in stale.parsed.detail
    known = call("users_retrieve").sync_detailed(made.parsed.id, client=client, if_none_match=changed.headers["ETag"])
    assert known.status_code == HTTPStatus.NOT_MODIFIED

    wrong = call("users_create").sync(client=client, body=models.PersonaRequest(domain="example.org", user="a b"))
    assert isinstance(wrong, models.Problem) and wrong.status == 400 and "user" in wrong.errors
    nobody = call("users_retrieve").sync(999_999, client=client)
    assert isinstance(nobody, models.Problem) and nobody.status == 404
    assert call("users_destroy").sync_detailed(made.parsed.id, client=client).status_code == HTTPStatus.NO_CONTENT
