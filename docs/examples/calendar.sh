#!/bin/sh
# TOKEN=... sh calendar.sh http://127.0.0.1:8000 alice@example.org: a meeting begins, goes on, and is over
url="$1/api/v1/presence/$2/component/"
ask() { curl --silent --fail-with-body -H "Authorization: Token $TOKEN" "$@"; }
tag() { echo "$1" | sed -n 's/.*"etag":"\([^"]*\)".*/\1/p'; }
said='{"source": "Calendar", "activities": ["meeting"], "note": "Back at 3", "expires": 3600}'
answer=$(ask -X PUT "$url" --json "$said") || { echo "$answer" >&2; exit 1; }
answer=$(ask -X PUT "$url" -H "If-Match: \"$(tag "$answer")\"") || { echo "$answer" >&2; exit 1; } # before it runs out
ask "$1/api/v1/presence/$2/"
ask -X DELETE "$url" -H "If-Match: \"$(tag "$answer")\""
