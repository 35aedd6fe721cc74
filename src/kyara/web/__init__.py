"""The review page and the HTTP API. Needs the extra `web`."""
