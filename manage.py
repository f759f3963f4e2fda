#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cups_site.settings")
    from django.core.management import execute_from_command_line

    import cups_site.celery  # noqa: F401  (shared tasks find their broker)

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
