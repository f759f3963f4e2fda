"""`./run start`: set up, start all processes, say where they are, stop them in order."""

import asyncio
import contextlib
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path

from cups_site.launcher import deployment, valkey
from cups_site.launcher.deployment import Problem, manage
from cups_site.launcher.supervisor import Child, Failed, Supervisor
from cups_site.variables.declared import value

EDGE_DRAINED = 3
"Exit status of an edge that was drained; see sipedge.draining."

WORKER_READY = "worker ready"
"What the Celery worker prints when it takes tasks; see cups_site.celery."

UNHEARD_WARNINGS = ("ignore::UserWarning", "ignore:StreamingHttpResponse must consume:Warning")
"Of celery about root, of Django about the iterator of whitenoise's files."


def main() -> int:
    """Run until a signal; 0 after an ordered stop."""
    try:
        return asyncio.run(_run())
    except Problem as problem:
        print(f"./run start: {problem}", file=sys.stderr)
        return 1


async def _run() -> int:
    deployment.check_variables()
    data = deployment.data_dir()
    host, port = deployment.web_address()
    count = deployment.edges()
    _check_free(host, port)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    supervisor = Supervisor()
    started = asyncio.create_task(_start(supervisor, data, host, port, count))
    stop = asyncio.create_task(stopping.wait())
    status = 0
    try:
        await asyncio.wait({started, stop}, return_when=asyncio.FIRST_COMPLETED)
        if started.done():
            started.result()
            await stop
        else:
            started.cancel()
            with contextlib.suppress(asyncio.CancelledError, Failed, Problem):
                await started
    except Failed as failure:
        print(f"./run start: {failure}", file=sys.stderr)
        status = 1
    finally:
        print("stopping", flush=True)
        await supervisor.stop()
    return status


async def _start(supervisor: Supervisor, data: Path, host: str, port: int, count: int) -> None:
    given = deployment.valkey_url()
    path = deployment.valkey_socket(data)
    environment = deployment.environment(data, given or valkey.url(path))
    if not given:
        path.unlink(missing_ok=True)
        await supervisor.start(
            Child("valkey", valkey.words(data, path), environment, ready_when=lambda: _answers_at(path))
        )
    prepared = await _manage({**environment, "CUPS_ADMIN_PASSWORD": _admin_password()}, "prepare")
    web = [sys.executable, "-m", "uvicorn", "cups_site.asgi:application", "--host", host, "--port", str(port)]
    web += ["--log-level", "warning", "--no-access-log", "--lifespan", "off"]
    celery = [
        sys.executable,
        "-m",
        "celery",
        "-q",
        "-A",
        "cups_site.celery",
        "worker",
        "--pool",
        "threads",
        "-c",
        "2",
        "-B",
    ]
    celery += ["--schedule", str(data / "beat"), "--loglevel", "warning", "--without-gossip", "--without-mingle"]
    quiet = {**environment, "PYTHONWARNINGS": ",".join(UNHEARD_WARNINGS)}
    children = [Child("web", web, quiet, ready_when=lambda: _answers(host, port))]
    for number in range(1, count + 1):
        name = f"edge-{number}"
        its = {**environment, **deployment.edge(number, count), **deployment.metrics_address(number - 1)}
        children.append(Child(name, manage("run_sipedge"), its, ready_line="edge ready", stays_down=EDGE_DRAINED))
    its = {**quiet, **deployment.metrics_address(count)}
    children.append(Child("worker", celery, its, ready_line=WORKER_READY))
    await asyncio.gather(*(supervisor.start(child) for child in children))
    shown = f"[{host}]" if ":" in host else host
    print()
    print(f"admin   http://{shown}:{port}/admin/")
    print(f"chat    http://{shown}:{port}/messenger/")
    print(f"REST    http://{shown}:{port}/api/v1/docs/")
    print(prepared, end="")
    if value("CUPS_DEMO"):
        print("try     ./run manage try_it")
    print("ready", flush=True)


async def _manage(environment: dict[str, str], *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *manage(*words), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        output, errors = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        raise
    if process.returncode:
        last = errors.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise Failed(f"manage.py {words[0]} failed: {last[0]}")
    return output.decode()


def _admin_password() -> str:
    """CUPS_ADMIN_PASSWORD, else one made up now; it is used only when there is no administrator yet."""
    return value("CUPS_ADMIN_PASSWORD") or secrets.token_urlsafe(9)


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Problem(
                f"the address {host}:{port} cannot be used for the web ({error.strerror}); set CUPS_WEB_LISTEN"
            ) from None


async def _answers(host: str, port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        line = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in line


async def _answers_at(path: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(str(path))
    except OSError:
        return False
    writer.close()
    return True


if __name__ == "__main__":
    sys.exit(main())
