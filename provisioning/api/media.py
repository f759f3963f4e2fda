"""What the REST API reads and writes beside rows as JSON."""

import json
from io import BytesIO
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer


class Json(JSONParser):
    """JSON that every database and every answer can hold."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Any value; raises ParseError, also for what is nested too deeply, and for halves of characters."""
        body = stream.read()
        try:
            found = super().parse(BytesIO(body), media_type, parser_context)
            if b"\\ud" in body or b"\\uD" in body:  # a surrogate, perhaps without its other half
                json.dumps(found, ensure_ascii=False).encode()
        except RecursionError:
            raise ParseError("The document is nested too deeply.") from None
        except UnicodeEncodeError:
            raise ParseError("A text has one half of a character without the other.") from None
        return found


def raw(kind: str) -> type[BaseRenderer]:
    """A renderer for a view that makes its answer, of this media type, by itself; Accept can name it then."""
    return type("Raw", (BaseRenderer,), {"media_type": kind, "format": "raw", "render": _as_it_is})


def _as_it_is(self: BaseRenderer, data: Any, accepted_media_type: str | None = None, context: Any = None) -> Any:
    return data
