"""`./run manage`: a management command beside a running product, with the same data and the same bus."""

import os
import sys

from cups_site.launcher import deployment, valkey


def main() -> None:
    """Become manage.py."""
    try:
        data = deployment.data_dir()
    except deployment.Problem as problem:
        sys.exit(f"./run manage: {problem}")
    given = os.environ.get("VALKEY_URL") or os.environ.get("REDIS_URL") or ""
    path = deployment.valkey_socket(data)
    environment = deployment.environment(data, given or (valkey.url(path) if path.exists() else ""))
    words = deployment.manage(*sys.argv[1:])
    os.execve(sys.executable, words, environment)


if __name__ == "__main__":
    main()
