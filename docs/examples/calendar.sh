#!/bin/sh
# TOKEN=... sh calendar.sh http://127.0.0.1:8000 alice@example.org: a meeting begins, goes on, and is over
url="$1/api/v1/presence/$2/component/"
ask() { curl --silent --fail-with-body -H "Authorization: Token $TOKEN" "$@"; }
tag() { sed -n 's/.*"etag":"\([^"]*\)".*/\1/p'; }
said='{"source": "Calendar", "activities": ["meeting"], "note": "Back at 3", "expires": 3600}'
etag=$(ask -X PUT "$url" --json "$said" | tag)
etag=$(ask -X PUT "$url" -H "If-Match: \"$etag\"" | tag) # refreshed, before it runs out
ask "$1/api/v1/presence/$2/"
ask -X DELETE "$url" -H "If-Match: \"$etag\""
