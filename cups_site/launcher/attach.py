"""`./run manage`: a management command beside a running product, with the same data and the same bus."""

import os
import sys

from cups_site.launcher import deployment, valkey

NEED_NO_DATABASE = {"help", "check", "migrate", "makemigrations", "prepare", "spectacular"}
"Commands that make a database, or do without one."


def main() -> None:
    """Become manage.py."""
    words = sys.argv[1:]
    try:
        deployment.check_variables()
        data = deployment.data_dir()
        if words and words[0] not in NEED_NO_DATABASE and not deployment.has_database(data):
            raise deployment.Problem(f"no database in {data} yet; start once, or set CUPS_DATA_DIR as at the start")
    except deployment.Problem as problem:
        sys.exit(f"./run manage: {problem}")
    given = deployment.valkey_url()
    path = deployment.valkey_socket(data)
    environment = deployment.environment(data, given or (valkey.url(path) if path.exists() else ""))
    os.execve(sys.executable, deployment.manage(*words), environment)


if __name__ == "__main__":
    main()
