"""The one way by which files bring users into the tables, whatever their format: in bulk, aliases included."""

from provisioning.importing.tables import BATCH
from provisioning.models import Alias, Persona
from provisioning.uri import Aor

SECRETS = ("md5", "sha256", "md5_full", "sha256_full", "pin")
"Columns with digests and hashes."

COLUMNS = ("name", "enabled", "confirm_watchers", "offline_messages", "publish_policy", *SECRETS)
"What files change of a user."


def save_users(fresh: list[Persona], changed: list[Persona], columns: tuple[str, ...] = COLUMNS) -> None:
    """Write new users with their address of record among the aliases (D-01), and these columns of changed ones."""
    Persona.objects.bulk_create(fresh, batch_size=BATCH)
    Alias.objects.bulk_create([Alias(uri=one.aor, persona=one) for one in fresh], batch_size=BATCH)
    Persona.objects.bulk_update(changed, columns, batch_size=BATCH)


def taken(aors: list[Aor]) -> list[Alias]:
    """The aliases among these addresses, with their users."""
    found: list[Alias] = []
    for start in range(0, len(aors), BATCH):
        found += Alias.objects.filter(uri__in=aors[start : start + BATCH]).select_related("persona")
    return found
