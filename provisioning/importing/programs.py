"""The sections of the provisioning file about programs: webhooks, and accounts that act as somebody."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model

from provisioning.history import recording
from provisioning.importing.access import address
from provisioning.importing.grammar import BadFile, Entry
from provisioning.importing.sections import Section, plain
from provisioning.importing.tables import SECRET, Tables
from provisioning.models import Integrator, Webhook, WebhookTarget


def _acting(entry: Entry, tables: Tables) -> dict[str, Any]:
    """As whom; empty where the entry does not say it."""
    if not {"user", "watcher"} & set(entry.values):
        return {}
    persona = tables.user(entry, "user") if entry.values.get("user") else None
    watcher = tables.aor(entry.values["watcher"], entry) if entry.values.get("watcher") else ""
    return {"persona": persona, "watcher": watcher}


def _identity(row: Any) -> dict[str, Any]:
    return {"user": address(row.persona)} if row.persona is not None else {"watcher": plain(row.watcher)}


def webhook(entry: Entry, tables: Tables) -> None:
    """An address on the web; a new one without a secret gets one that is made up."""
    values = tables.columns(entry, ["name", "url", "enabled", "secret"])
    key = {"name": str(values.pop("name", ""))}
    held = Webhook.objects.filter(**key).select_related("persona").first()
    acting = _acting(entry, tables) or ({"persona": held.persona, "watcher": held.watcher} if held else {})
    if held is not None:
        values.setdefault("url", held.url)
    secret = values.pop("secret", None)
    row = tables.row("webhooks", Webhook, entry, key, {**values, **acting})
    if secret is not None and row.secret != str(secret):
        row.secret = str(secret)
        tables.save("webhooks", row, entry, {"secret": (SECRET, SECRET)})
    if "targets" not in entry.values:
        return
    wanted = sorted({str(tables.aor(one, entry)) for one in tables.words(entry, "targets")})
    before = sorted(map(str, row.targets.values_list("uri", flat=True)))
    if wanted != before:
        row.targets.exclude(uri__in=wanted).delete()
        WebhookTarget.objects.bulk_create(WebhookTarget(webhook=row, uri=uri) for uri in wanted if uri not in before)
        recording.written([row])
        tables.report.changed["webhook targets"] += 1
        tables.note("webhook targets", "~", row, {"targets": (before, wanted)})


def webhooks() -> Iterable[Any]:
    """Without their secrets."""
    for row in Webhook.objects.select_related("persona").prefetch_related("targets").order_by("name"):
        targets = sorted(plain(one.uri) for one in row.targets.all())
        yield {"name": row.name, "url": row.url, "enabled": row.enabled, **_identity(row), "targets": targets}


def integrator(entry: Entry, tables: Tables) -> None:
    """What an account may do; the account itself, with its password and tokens, is there already."""
    name = str(entry.values.get("account", ""))
    account = get_user_model().objects.filter(username=name).first()
    if account is None:
        raise BadFile(f"line {entry.line}: no account “{name}”; accounts are made in the admin")
    rest = tables.columns(entry, ["publish_own", "may_send"])
    held = Integrator.objects.filter(user=account).select_related("persona").first()
    acting = _acting(entry, tables) or ({"persona": held.persona, "watcher": held.watcher} if held else {})
    row = tables.row("integrators", Integrator, entry, {"user": account}, {**rest, **acting})
    if "publish_for" in entry.values:
        wanted = [tables.who(one, entry) for one in tables.words(entry, "publish_for")]
        tables.many("integrators", row, "publish_for", wanted)


def integrators() -> Iterable[Any]:
    """By account."""
    rows = Integrator.objects.select_related("user", "persona").prefetch_related("publish_for")
    for row in rows.order_by("user__username"):
        found = {"account": row.user.get_username(), **_identity(row), "publish_own": row.publish_own}
        publish_for = sorted(plain(one.aor) for one in row.publish_for.all())
        yield {**found, "publish_for": publish_for, "may_send": row.may_send}


SECTIONS = (
    Section("webhooks", "webhooks", Webhook, webhook, webhooks),
    Section("integrators", "integrators", Integrator, integrator, integrators),
)
