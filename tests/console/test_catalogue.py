"""The catalogue of each language: compiled as it is written, complete for the pages, and exact in its placeholders."""

import gettext
import re
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.utils.text import capfirst

from cups_site import navigation
from provisioning.admin_pages import PAGES
from sipedge.selfservice.views import ListForm
from tests import catalogue

CATALOGUES = sorted(catalogue.LOCALE.glob("*/LC_MESSAGES/django.po"))
HELD = re.compile(r"%%|%\(\w+\)[ds]|\{\w+\}")
SCRIPTS = catalogue.ROOT / "sipedge" / "static" / "messenger"


def named(path: Path) -> str:
    return path.parent.parent.name


each = pytest.mark.parametrize("path", CATALOGUES, ids=named)


def named_by_tables() -> set[str]:
    """What the navigation and the form of a privacy list take from tables and pages."""
    found = {capfirst(str(model._meta.verbose_name_plural)) for model in admin.site._registry
             if model._meta.label_lower not in navigation.TITLES}  # fmt: skip
    found |= {page.title for page in PAGES}
    for field in ListForm().fields.values():
        found |= {str(field.label), str(field.help_text)}
        found |= {str(label) for _value, label in getattr(field, "choices", ())}
    return found - {""}


def test_every_language_but_english_has_a_catalogue() -> None:
    assert [named(path) for path in CATALOGUES] == sorted({code for code, _name in settings.LANGUAGES} - {"en"})


@each
def test_it_is_compiled(path: Path) -> None:
    """The .mo is that of the .po, and Python's own reader understands it."""
    messages = catalogue.read(path)
    compiled = path.with_suffix(".mo").read_bytes()
    assert compiled == catalogue.compiled(messages), "run `python -m tests.catalogue`"
    read = gettext.GNUTranslations(BytesIO(compiled))
    for one in messages[1:]:
        if one.plural:
            assert (read.ngettext(one.singular, one.plural, 1), read.ngettext(one.singular, one.plural, 2)) == one.texts
        else:
            assert read.gettext(one.singular) == one.texts[0]
    keys = [one.key for one in messages]
    assert len(keys) == len(set(keys)), "each once"


@each
def test_the_pages_are_translated_in_full(path: Path) -> None:
    known = {(one.singular, one.plural) for one in catalogue.read(path) if all(one.texts) and not one.fuzzy}
    used = {(singular, plural) for singular, plural, _file in catalogue.used()}
    assert len(used) > 200 and ("All is well.", "") in used and ("%(number)d edge runs", "%(number)d edges run") in used
    assert used - known == set()
    assert named_by_tables() - {singular for singular, _plural in known} == set()


@each
def test_placeholders_agree(path: Path) -> None:
    """A text without its number would say less, and one with another placeholder would fail."""
    for one in catalogue.read(path)[1:]:
        for text in one.texts:
            assert sorted(HELD.findall(text)) == sorted(HELD.findall(one.singular)), one.singular


def test_the_scripts_say_nothing_that_has_no_translation() -> None:
    """What a script of the messenger says stands in the list that its page is given, and the other way round."""
    from sipedge.messenger.words import WORDS

    found = {text for file in SCRIPTS.glob("*.js") for text in re.findall(r'\bsaid\("([^"]+)"', file.read_text())}
    assert len(found) > 40
    assert found - set(WORDS) == set()
    activities = WORDS[WORDS.index("appointment") :]
    assert set(WORDS) - set(activities) - found == set()


def test_a_catalogue_is_read_exactly(tmp_path: Path) -> None:
    """Texts in several lines, quotes, plurals; what is marked as fuzzy is not compiled; other lines are errors."""
    path = tmp_path / "django.po"
    path.write_text(
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
        'msgid "a \\"b\\""\nmsgstr ""\n"c"\n" d"\n\n#, fuzzy\nmsgid "e"\nmsgstr "f"\n\n'
        'msgid "one"\nmsgid_plural "many"\nmsgstr[0] "eins"\nmsgstr[1] "viele"\n'
    )
    messages = catalogue.read(path)
    assert [one.texts for one in messages[1:]] == [("c d",), ("f",), ("eins", "viele")]
    read = gettext.GNUTranslations(BytesIO(catalogue.compiled(messages)))
    assert (read.gettext('a "b"'), read.gettext("e"), read.ngettext("one", "many", 5)) == ("c d", "e", "viele")
    path.write_text('msgid "a"\nnonsense\n')
    with pytest.raises(ValueError, match="nonsense"):
        catalogue.read(path)
