"""Deployment facts, read from the environment; operator policy lives in `provisioning` tables.

Each variable is declared in `cups_site.variables`, from which docs/configuration.md is made.
"""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from cups_site.variables.declared import BadVariable, check, value

try:
    check()
except BadVariable as error:
    raise ImproperlyConfigured(str(error)) from None

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR: Path = value("CUPS_DATA_DIR") or BASE_DIR / "var"
STATIC_ROOT = DATA_DIR / "static"
try:
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # static is empty unless collectstatic was run; else it would warn
except OSError as error:
    raise ImproperlyConfigured(f"the data directory {DATA_DIR} cannot be used: {error.strerror}") from None


def secret_key() -> str:
    """CUPS_SECRET_KEY, else one that is made once and kept in the data directory."""
    given: str | None = value("CUPS_SECRET_KEY")
    if given is not None:
        return given
    path = DATA_DIR / "secret_key"
    try:
        if not path.exists():
            _make_secret_key(path)
    except OSError as error:
        raise ImproperlyConfigured(f"{path} cannot be written: {error.strerror}; set CUPS_SECRET_KEY") from None
    try:
        key = path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {error.strerror}; set CUPS_SECRET_KEY") from None
    if not key:
        raise ImproperlyConfigured(f"{path} is empty; remove it, or set CUPS_SECRET_KEY")
    return key


def _make_secret_key(path: Path) -> None:
    """Whole from the first moment, whoever looks, and once, however many processes start; raises OSError."""
    fresh = path.with_name(f".secret_key-{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(50))
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def database() -> dict[str, Any]:
    """SQLite in the data directory, or the PostgreSQL of DATABASE_URL."""
    url: str | None = value("DATABASE_URL")
    if url is None:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "cups.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 10,
                # FULL: a 200 promises that the change survives a power cut
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
            },
            "TEST": {"NAME": value("CUPS_TEST_SQLITE")},
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "cups",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": 60,
        "OPTIONS": {
            "connect_timeout": 3,
            "application_name": "cups",
            # A connection that leads nowhere, after a cut of the network, ends within seconds, not after minutes
            "tcp_user_timeout": 8000,
            "keepalives_idle": 4,
            "keepalives_interval": 2,
            "keepalives_count": 2,
        },
    }


SECRET_KEY = secret_key()
DEBUG = value("CUPS_DEBUG")
ALLOWED_HOSTS = value("CUPS_ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = value("CUPS_TRUSTED_ORIGINS") or []
DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

VALKEY_URL = value("VALKEY_URL") or ""
"Bus, broker and channel layer; empty: none of them, each process finds changes by looking."

CUPS_SIP_LISTEN = value("CUPS_SIP_LISTEN") or ""
CUPS_CSTA_LISTEN = value("CUPS_CSTA_LISTEN") or ""
"Where programs control phones (CSTA over TCP or TLS); empty: nowhere."
CUPS_DNS = value("CUPS_DNS") or []
"Name servers for other domains (RFC 3263); empty: those of the machine."
CUPS_EDGES = value("CUPS_EDGES")
CUPS_EDGE_NAME = value("CUPS_EDGE_NAME")
CUPS_EDGE_SHARE = value("CUPS_EDGE_SHARE")
"Of this process, if it is an edge."
CUPS_LEASE_SECONDS = value("CUPS_LEASE_SECONDS")
"Seconds after which an edge that gives no sign of life is taken for dead (`sipedge.lease`)."
CUPS_RTP_PORTS = value("CUPS_RTP_PORTS")
"UDP ports for conferences of phones: two for each party; the first and the last one."
CUPS_TRACE_MESSAGES = value("CUPS_TRACE_MESSAGES")
"Messages that each edge keeps for the signalling trace: some minutes of a busy day; 0: none."
CUPS_TRACE_BYTES = value("CUPS_TRACE_BYTES")
"Memory of an edge that they may take, the objects around them included."
CUPS_METRICS_LISTEN = value("CUPS_METRICS_LISTEN")
"Where an edge, or the Celery worker, answers Prometheus; empty: nowhere. Each process needs an address of its own."
CUPS_METRICS_TOKEN = value("CUPS_METRICS_TOKEN") or ""
"What Prometheus has to show everywhere (`Authorization: Bearer`)."
CUPS_METRICS_NETWORKS = value("CUPS_METRICS_NETWORKS") or []
"Who may read /metrics of the web process without a token; with neither it is not there."
CUPS_WEBHOOK_PRIVATE = value("CUPS_WEBHOOK_PRIVATE")
"Whether webhooks may lead to addresses that only this network can reach."
CUPS_ADMIN_PASSWORD = value("CUPS_ADMIN_PASSWORD")
"Of the first administrator; used when there is none yet."
CUPS_DEMO = value("CUPS_DEMO")
"Whether an empty database gets demonstration users."

CUPS_API_RATE = value("CUPS_API_RATE")
"Requests of REST that one account may make in a minute: more than a script without pauses makes; 0: any number."
CUPS_API_RATE_STRANGERS = value("CUPS_API_RATE_STRANGERS")
"Requests without a token that counts, of an address in a minute: a monitor with an old one stays below; 0: any."
DATA_UPLOAD_MAX_MEMORY_SIZE = 8_388_608
"Bytes of a request: a thousand rows with all their texts; more would only fill the memory."

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
    "cups_site.request_id.identified",
    "cups_site.metrics.web.measured",
    "cups_site.problems.problems",
    "cups_site.throttles.strangers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "provisioning.languages.spoken",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "cups_site.doors.recorded",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "cups_site.repeats.repeated",
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
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = value("CUPS_HTTPS")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if value("CUPS_HTTPS") else None

LANGUAGE_CODE = "en"
TIME_ZONE = value("CUPS_TIME_ZONE")
USE_TZ = True
USE_I18N = True
USE_THOUSAND_SEPARATOR = False  # numbers stand in addresses and attributes of pages, too
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
"Of pages for people (`provisioning.languages`), each by its own name."
LOCALE_PATHS = [BASE_DIR / "cups_site" / "locale"]
LANGUAGE_COOKIE_AGE = 31_536_000  # a year: a choice is not asked for again
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = SESSION_COOKIE_SECURE
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "provisioning.api.authentication.Tokens",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["cups_site.rights.ByTable"],
    "DEFAULT_THROTTLE_CLASSES": ["cups_site.throttles.PerAccount"],
    "DEFAULT_FILTER_BACKENDS": [
        "cups_site.pages.Filters",
        "rest_framework.filters.SearchFilter",
        "cups_site.pages.Ordering",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "provisioning.api.media.Json",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_PAGINATION_CLASS": "cups_site.pages.Pages",
    "DEFAULT_SCHEMA_CLASS": "cups_site.schema.Schema",
    "EXCEPTION_HANDLER": "cups_site.rest.problem",
    "PAGE_SIZE": 50,
}
NAMED_CHOICES = (
    "AccessKind ClientCertificates Condition DeviceKind DeviceMatch Effect FilterKind ForeignTransport Method "
    "PatternKind PrivacyKind PublishPolicy Role RouteMatch State SubjectKind Transport"
).split()
"What the OpenAPI document calls sets of choices, since many fields are named alike."

SPECTACULAR_SETTINGS = {
    "TITLE": "Unified presence server",
    "DESCRIPTION": "Provisioning and live presence.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SERVE_AUTHENTICATION": [
        "provisioning.api.authentication.Tokens",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "OAS_VERSION": "3.1.0",  # a list of ids in DELETE is nothing that 3.0 could describe
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        **{name: f"provisioning.choices.{name}" for name in NAMED_CHOICES},
        "CallRight": "cti.models.CallRight",
        "SwitchKind": "cti.models.SwitchKind",
        "Decision": ["allow", "block"],
        "RowAction": ["create", "update", "delete"],
        "Deed": ["created", "changed", "deleted"],
    },
}

UNFOLD = {
    "DASHBOARD_CALLBACK": "cups_site.dashboard.fill",
    "SITE_TITLE": _("Presence server"),
    "SITE_HEADER": _("Presence server"),
    "SITE_SYMBOL": "sensors",
    "SHOW_HISTORY": True,
    "SHOW_LANGUAGES": True,
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

CUPS_LOG_FORMAT = value("CUPS_LOG_FORMAT")
LOG_LEVEL = value("CUPS_LOG_LEVEL")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "cups_site.logs.formatter"}},
    "filters": {"refused": {"()": "cups_site.logs.Refused"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "axes": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "websockets": {"level": "ERROR"},
        "django.request": {"filters": ["refused"]},
        "django.server": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
