"""What people read in forms and in the schema says what it means; ids of requirements stay in the code."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

from provisioning.roles import OURS

ID = re.compile(r"\b[DRVW]-([A-Z]+-)?[0-9]{2}\b")


@pytest.mark.parametrize("label", OURS)
def test_help_texts_and_names(label: str) -> None:
    for model in apps.get_app_config(label).get_models():
        for field in model._meta.get_fields():
            for text in (getattr(field, "help_text", ""), getattr(field, "verbose_name", "")):
                assert not ID.search(str(text)), f"{model.__name__}.{field.name}: {text}"


def test_fields_of_forms_in_the_admin() -> None:
    """Those that are no column of a table too."""
    for model, page in admin.site._registry.items():
        if model._meta.app_label in OURS and getattr(page.form, "base_fields", None):
            for name, field in page.form.base_fields.items():
                assert not ID.search(f"{field.label} {field.help_text}"), (model, name)
        assert not ID.search(str(page.search_help_text)), model


def test_the_schema() -> None:
    """Descriptions of REST come from help texts and docstrings of views."""
    text = OpenApiYamlRenderer().render(SchemaGenerator().get_schema(request=None, public=True), {}).decode()
    assert len(text) > 100_000
    assert [line for line in text.splitlines() if ID.search(line)] == []
