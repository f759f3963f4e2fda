"""How a process begins: it reads its settings, and one that cannot be used ends it with one sentence."""

import os
import sys

from cups_site import compiled
from cups_site.variables.declared import BadVariable


def configure() -> None:
    """Take compiled modules where there are any, and load Django's settings; exits with a sentence where it cannot."""
    try:
        compiled.use()
    except BadVariable as error:
        sys.exit(str(error))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cups_site.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    try:
        _ = settings.DATABASES
    except ImproperlyConfigured as error:
        sys.exit(str(error))
