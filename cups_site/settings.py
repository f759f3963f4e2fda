"""Deployment facts, read from the environment; operator policy lives in `provisioning` tables.

Each variable that is read here stands in docs/configuration.md.
"""

import os
import secrets
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static


def env(name: str, default: str = "") -> str:
    """The text of an environment variable, without white space around it."""
    return os.environ.get(name, default).strip()


def env_flag(name: str, default: bool) -> bool:
    """A yes or no."""
    text = env(name).lower()
    if text in ("", "1", "0", "true", "false", "yes", "no", "on", "off"):
        return default if not text else text in ("1", "true", "yes", "on")
    raise ImproperlyConfigured(f"{name}: expected 1 or 0, got {text!r}")


def env_addresses(name: str) -> list[tuple[str, int]]:
    """A comma separated list of IP addresses of name servers, with :port where it is not 53."""
    found = []
    for text in env_list(name):
        parts = urlsplit(f"//{text}" if text.count(":") < 2 or "[" in text else f"//[{text}]")
        try:
            found.append((str(ip_address(parts.hostname or "")), parts.port or 53))
        except ValueError:
            raise ImproperlyConfigured(f"{name}: {text!r} is no IP address with a port") from None
    return found


def env_ports(name: str, default: str) -> tuple[int, int]:
    """A range of ports, `first-last`."""
    first, _, last = env(name, default).partition("-")
    if not (first.isdecimal() and last.isdecimal() and 1024 <= int(first) <= int(last) <= 65535):
        raise ImproperlyConfigured(f"{name}: expected first-last between 1024 and 65535")
    return int(first), int(last)


def env_count(name: str, default: int) -> int:
    """A whole number, not below 0."""
    text = env(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise ImproperlyConfigured(f"{name}: expected a whole number, got {text!r}")
    return int(text)


def env_address(name: str) -> tuple[str, int] | None:
    """`host:port`, an IPv6 host in brackets; None when it is empty."""
    text = env(name)
    if not text:
        return None
    host, _, port = text.rpartition(":")
    if not host or (":" in host and host[0] != "[") or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ImproperlyConfigured(f"{name}: expected host:port, got {text!r}")
    return host.strip("[]"), int(port)


def env_networks(name: str) -> list[IPv4Network | IPv6Network]:
    """A comma separated list of IP addresses and networks."""
    try:
        return [ip_network(text) for text in env_list(name)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from None


def env_list(name: str, default: str = "") -> list[str]:
    """A comma separated list."""
    return [part.strip() for part in env(name, default).split(",") if part.strip()]


BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env("CUPS_DATA_DIR") or BASE_DIR / "var")
DATA_DIR.mkdir(parents=True, exist_ok=True)


def secret_key() -> str:
    """CUPS_SECRET_KEY, else one that is made once and kept in the data directory."""
    given = env("CUPS_SECRET_KEY")
    if given:
        return given
    path = DATA_DIR / "secret_key"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    key = path.read_text().strip()
    if not key:
        raise ImproperlyConfigured(f"{path} is empty; remove it, or set CUPS_SECRET_KEY")
    return key


def database() -> dict[str, Any]:
    """SQLite in the data directory, or the PostgreSQL of DATABASE_URL."""
    url = env("DATABASE_URL")
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "cups.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 10,
                # FULL: a 200 promises that the change survives a power cut
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
            },
            "TEST": {"NAME": env("CUPS_TEST_SQLITE") or None},
        }
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ImproperlyConfigured("DATABASE_URL: expected postgresql://user:password@host:port/name")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "cups",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": 60,
        "OPTIONS": {"connect_timeout": 3, "application_name": "cups"},
    }


SECRET_KEY = secret_key()
DEBUG = env_flag("CUPS_DEBUG", False)
ALLOWED_HOSTS = env_list("CUPS_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CUPS_TRUSTED_ORIGINS")
DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

VALKEY_URL = env("VALKEY_URL") or env("REDIS_URL")
"Bus, broker and channel layer; empty: none of them, each process finds changes by looking."

CUPS_SIP_LISTEN = env("CUPS_SIP_LISTEN")
CUPS_CSTA_LISTEN = env("CUPS_CSTA_LISTEN", "tcp:127.0.0.1:1040")
"Where programs control phones (CSTA over TCP or TLS); empty: nowhere."
CUPS_DNS = env_addresses("CUPS_DNS")
"Name servers for other domains (RFC 3263); empty: those of the machine."
CUPS_EDGES = int(env("CUPS_EDGES", "1"))
CUPS_RTP_PORTS = env_ports("CUPS_RTP_PORTS", "16384-16583")
"UDP ports for conferences of phones: two for each party; the first and the last one."
CUPS_TRACE_MESSAGES = env_count("CUPS_TRACE_MESSAGES", 10_000)
"Messages that each edge keeps for the signalling trace: some minutes of a busy day; 0: none."
CUPS_TRACE_BYTES = env_count("CUPS_TRACE_BYTES", 16_777_216)
"Memory of an edge that they may take, the objects around them included."
CUPS_METRICS_LISTEN = env_address("CUPS_METRICS_LISTEN")
"Where an edge, or the Celery worker, answers Prometheus; empty: nowhere. Each process needs an address of its own."
CUPS_METRICS_TOKEN = env("CUPS_METRICS_TOKEN")
"What Prometheus has to show everywhere (`Authorization: Bearer`)."
CUPS_METRICS_NETWORKS = env_networks("CUPS_METRICS_NETWORKS")
"Who may read /metrics of the web process without a token; with neither it is not there."
CUPS_WEBHOOK_PRIVATE = env_flag("CUPS_WEBHOOK_PRIVATE", False)
"Whether webhooks may lead to addresses that only this network can reach."

INSTALLED_APPS = [
    "cups_site.admin_site.Unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "rest_framework.authtoken",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "channels",
    "provisioning",
    "presence",
    "cti",
    "sipedge",
]

MIDDLEWARE = [
    "cups_site.metrics.web.measured",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "cups_site.urls"
ASGI_APPLICATION = "cups_site.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "cups_site" / "templates"],  # what is said differently than by unfold
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours: a forgotten password does not lock an administrator out for a day
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_VERBOSE = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env_flag("CUPS_HTTPS", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_flag("CUPS_HTTPS", False) else None

LANGUAGE_CODE = "en"
TIME_ZONE = env("CUPS_TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = False
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)  # empty unless collectstatic was run; its absence would be a warning each start
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["cups_site.rights.ByTable"],
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.SearchFilter",
        "rest_framework.filters.OrderingFilter",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "cups_site.rest.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "cups_site.rest.problem",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Unified presence server",
    "DESCRIPTION": "Provisioning and live presence.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SERVE_AUTHENTICATION": [
        "rest_framework.authentication.SessionAuthentication",
        "rest_framework.authentication.TokenAuthentication",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
}

UNFOLD = {
    "DASHBOARD_CALLBACK": "cups_site.dashboard.fill",
    "SITE_TITLE": "Presence server",
    "SITE_HEADER": "Presence server",
    "SITE_SYMBOL": "sensors",
    "SHOW_HISTORY": True,
    "SCRIPTS": [lambda request: static("presence/labels.js")],
    "SIDEBAR": {"show_search": True, "command_search": True, "navigation": "cups_site.navigation.sidebar"},
}

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [VALKEY_URL]},
    }
    if VALKEY_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

CELERY_BROKER_URL = VALKEY_URL.replace("unix://", "redis+socket://", 1) or "memory://"  # kombu's name for a socket
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True

LOG_LEVEL = env("CUPS_LOG_LEVEL", "INFO").upper()
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "cups_site.logs.formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "axes": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "websockets": {"level": "ERROR"},
        "django.server": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
