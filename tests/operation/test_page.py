"""docs/operations.md names commands, files and titles that are there."""

import re

from tests.system import ROOT

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
