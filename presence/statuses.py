"""Domain errors as the web says them: REST and WebSocket share one table."""

from presence.engine import errors

STATUSES: dict[type[errors.DomainError], int] = {
    errors.DocumentTooLarge: 413,
    errors.EntityTagMismatch: 412,
    errors.NotAcceptable: 406,
    errors.NotAuthorised: 403,
    errors.TryAgainLater: 503,
    errors.UnknownPresentity: 404,
    errors.UnsupportedMediaType: 415,
}
"Domain error -> status; all others are 400."


def status_of(error: errors.DomainError) -> int:
    """The HTTP status that a domain error deserves."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 400)
