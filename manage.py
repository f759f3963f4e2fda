#!/usr/bin/env python
"""Django's command line for this project."""

import sys

from cups_site import starting


def main() -> None:
    """Run one management command."""
    starting.configure()
    from django.core.management import execute_from_command_line

    import cups_site.celery  # noqa: F401  (shared tasks find their broker)

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
