"""Every environment variable is declared once, read by its declaration, and described by the page made from it."""

import ast
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cups_site import settings
from cups_site.variables import page
from cups_site.variables.declared import SHOWN, VARIABLES, BadVariable, Variable
from cups_site.variables.kinds import Text
from tests.system import ROOT

PACKAGES = ("cups_site", "sipedge", "presence", "cti", "provisioning")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
SOURCES += [ROOT / "manage.py", ROOT / "run"]
PASSES_ON = {"cups_site/launcher/deployment.py"}
"Hands the whole environment to children."
BEFORE_ALL = {"cups_site/starting.py": "DJANGO_SETTINGS_MODULE"}
"Django's own, which is set before there is anything else."
READS = {"cups_site/variables/declared.py"}


def test_the_page_is_what_the_code_says() -> None:
    text = page.PAGE.read_text()
    assert page.with_tables(text) == text, "python -m cups_site.variables.page"
    assert len(re.findall(r"^\| `[A-Z_]+` \|", text, re.MULTILINE)) == len(VARIABLES)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_else_reads_the_environment(path: Path) -> None:
    """`os.environ` and `os.getenv` are for the declarations; whoever needs a value asks them."""
    place = str(path.relative_to(ROOT))
    tree = ast.parse(path.read_text())
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")]
    imported = [
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "os"
        for alias in node.names
    ]  # fmt: skip
    assert not {"environ", "getenv"} & set(imported)
    if place in READS:
        return
    for node in uses:
        line = ast.get_source_segment(path.read_text(), node) or ""
        whole = path.read_text().splitlines()[node.lineno - 1]
        if place in PASSES_ON:
            assert f"**{line}" in whole
        elif place in BEFORE_ALL:
            assert f'{line}.setdefault("{BEFORE_ALL[place]}"' in whole
        elif place == "run":
            assert 'os.environ["CUPS_TEST_DATABASE"] = ' in whole, "for the tests that it starts"
        else:
            raise AssertionError(f"{place}:{node.lineno} reads the environment itself")


def test_every_declared_variable_is_used() -> None:
    sources = "".join(path.read_text() for path in SOURCES if "variables" not in path.parts)
    assert [one.name for one in VARIABLES if f'"{one.name}"' not in sources] == []


@pytest.mark.parametrize("one", VARIABLES, ids=lambda one: one.name)
def test_defaults_and_examples_are_of_their_kind(one: Variable) -> None:
    assert one.read({one.name: one.example}) is not None
    assert (one.read({}) is None) == (not one.default)
    assert bool(one.default) != bool(one.otherwise), "the page says what happens without it"
    assert one.read({one.name: "  "}) == (None if one.empty else one.read({}))


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("CUPS_EDGES", "0", "expected a whole number from 1 to 64, got '0'"),
        ("CUPS_TRACE_BYTES", "-1", "expected a whole number, got '-1'"),
        ("CUPS_HTTPS", "maybe", "expected 1 or 0, got 'maybe'"),
        ("CUPS_WEB_LISTEN", "127.0.0.1:0", "expected host:port, got '127.0.0.1:0'"),
        ("CUPS_METRICS_LISTEN", "::1:9464", "expected host:port, got '::1:9464'"),
        ("CUPS_RTP_PORTS", "9-1", "expected first-last between 1024 and 65535, got '9-1'"),
        ("CUPS_DNS", "ns.example", "expected IP addresses, each with a port where it is not 53, got 'ns.example'"),
        ("CUPS_LOG_LEVEL", "loud", "expected DEBUG, INFO, WARNING, ERROR or CRITICAL, got 'loud'"),
        ("CUPS_LOG_FORMAT", "xml", "expected logfmt or json, got 'xml'"),
        ("CUPS_TIME_ZONE", "Europe/Atlantis", "expected a time zone such as Europe/Berlin, got 'Europe/Atlantis'"),
        ("CUPS_TIME_ZONE", "../etc", "expected a time zone such as Europe/Berlin, got '../etc'"),
        ("DATABASE_URL", "mysql://root:hush@db/x", "expected a URL that begins with postgresql:// or postgres://"),
        ("DATABASE_URL", "postgresql://u:hush@db:port/x", "expected a URL that begins with postgresql:// or postgres://"),
        ("VALKEY_URL", "hush", "expected a URL that begins with redis:// or rediss:// or unix://"),
        ("CUPS_EDGE_SHARE", "3/2", "expected which process of how many, like 2/4, 64 at most, got '3/2'"),
        ("CUPS_EDGE_SHARE", "0/2", "expected which process of how many, like 2/4, 64 at most, got '0/2'"),
        ("CUPS_EDGE_SHARE", "1/65", "expected which process of how many, like 2/4, 64 at most, got '1/65'"),
        ("CUPS_EDGES", "9" * 5000, f"expected a whole number from 1 to 64, got '{'9' * SHOWN}'"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_sentence(name: str, text: str, sentence: str) -> None:
    (one,) = [one for one in VARIABLES if one.name == name]
    with pytest.raises(BadVariable) as caught:
        one.read({name: text})
    assert str(caught.value) == f"{name}: {sentence}"


def test_another_name_counts_when_the_first_is_empty() -> None:
    (one,) = [one for one in VARIABLES if one.name == "VALKEY_URL"]
    assert one.read({"VALKEY_URL": " ", "REDIS_URL": "redis://b/0"}) == "redis://b/0"
    assert one.read({"VALKEY_URL": "redis://a/0", "REDIS_URL": "redis://b/0"}) == "redis://a/0"
    with pytest.raises(BadVariable, match=r"^REDIS_URL: "):
        one.read({"REDIS_URL": "b"})


def test_a_share_counts_from_nought() -> None:
    (one,) = [one for one in VARIABLES if one.name == "CUPS_EDGE_SHARE"]
    assert (one.read({}), one.read({"CUPS_EDGE_SHARE": "2/4"})) == ((0, 1), (1, 4))


def test_a_secret_key_is_made_once_and_never_seen_in_part(tmp_path: Path) -> None:
    """However many processes start at the same moment."""
    path = tmp_path / "secret_key"

    def start(number: int) -> str:
        settings._make_secret_key(path)
        return path.read_text()

    with ThreadPoolExecutor(8) as beside:
        keys = set(beside.map(start, range(64)))
    assert len(keys) == 1 and len(keys.pop()) > 50
    assert [one.name for one in tmp_path.iterdir()] == ["secret_key"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_empty_can_mean_nothing() -> None:
    one = Variable("X", "", Text(), "", "", "default", empty=True)
    assert (one.read({"X": ""}), one.read({})) == (None, "default")


@pytest.mark.system
@pytest.mark.parametrize(
    "words",
    [
        ("manage.py", "check"),
        ("-m", "cups_site.launcher"),
        ("-m", "cups_site.launcher.attach", "check"),
        ("-m", "celery", "-A", "cups_site.celery", "worker"),
        ("-m", "uvicorn", "cups_site.asgi:application"),
    ],
)
def test_every_process_ends_with_the_sentence(words: tuple[str, ...], tmp_path: Path) -> None:
    """At its start, without a traceback."""
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env={"CUPS_DATA_DIR": str(tmp_path), "CUPS_LOG_LEVEL": "loud"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert (
        (done.stdout + done.stderr)
        .strip()
        .splitlines()[-1]
        .endswith("CUPS_LOG_LEVEL: expected DEBUG, INFO, WARNING, ERROR or CRITICAL, got 'loud'")
    )
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.system
def test_a_data_directory_that_cannot_be_used_is_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env={"CUPS_DATA_DIR": "/dev/null/data"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "the data directory /dev/null/data cannot be used: Not a directory\n")
