"""The codec for Redis and Valkey dumps: RDB files, the bases of append-only files, DUMP payloads.

index = index_file(path)                        # one pass: checked, counted, cut into spans
for span in index.spans:                        # any of them, anywhere, in any order
    for row in read_span(path, index.magic, span):
        ...                                     # KeyRow, or Undecodable with its reason
type, value = decode_dump(payload)              # of a live server
"""

from io_connectors.redis.rdb.dump import decode_dump
from io_connectors.redis.rdb.index import Index, Loss, index_file
from io_connectors.redis.rdb.read import Undecodable, read_span
from io_connectors.redis.rdb.spans import Span, Tally

__all__ = ["Index", "Loss", "Span", "Tally", "Undecodable", "decode_dump", "index_file", "read_span"]
