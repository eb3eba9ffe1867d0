"""The embedded store over HTTP."""
