"""How a process begins: it reads its settings, and one that cannot be used ends it with one sentence."""

import os
import sys


def configure() -> None:
    """Load Django's settings; exits with a sentence where they cannot be used."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cups_site.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    try:
        _ = settings.DATABASES
    except ImproperlyConfigured as error:
        sys.exit(str(error))
