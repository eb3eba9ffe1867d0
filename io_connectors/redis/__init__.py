"""Redis and Valkey as a source: dump files, append-only files, live servers."""
