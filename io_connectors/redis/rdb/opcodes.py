"""What stands between the keys of a file, and in front of a key."""

from __future__ import annotations

from io_connectors.redis.rdb import skip

EXPIRES_MS, EXPIRES_S = 252, 253
FREQUENCY, IDLE = 249, 248
SELECT_DB, END = 254, 255
AUX, RESIZE_DB = 250, 251
MODULE_AUX, FUNCTION_PRE_GA, FUNCTION = 247, 246, 245
SLOT_INFO = 244
#: In Redis what modules know of the next key, in Valkey a slot that is being moved here.
KEY_META = SLOT_IMPORT = 243


def _function_pre_ga(window: skip.Heads, position: int) -> int:
    """A function of a release candidate of Redis 7: name, engine, description if any, code."""
    position = skip.string(window, skip.string(window, position))
    described, position = skip.read_length(window, position)
    if described:
        position = skip.string(window, position)
    return skip.string(window, position)


#: What may stand in front of a key.
_BEFORE_KEY = frozenset((EXPIRES_MS, EXPIRES_S, FREQUENCY, IDLE))
BEFORE_KEY_OF_REDIS = _BEFORE_KEY | {KEY_META}
BEFORE_KEY_OF_VALKEY = _BEFORE_KEY

#: Opcode → how to skip what belongs to it.
_BOTH: dict[int, skip.Step] = {
    EXPIRES_S: skip.fixed(4),
    EXPIRES_MS: skip.fixed(8),
    FREQUENCY: skip.fixed(1),
    IDLE: skip.length,
    SELECT_DB: skip.length,
    RESIZE_DB: skip.sequence(skip.length, skip.length),
    AUX: skip.sequence(skip.string, skip.string),
    MODULE_AUX: skip.module,
    FUNCTION: skip.string,
    FUNCTION_PRE_GA: _function_pre_ga,
    SLOT_INFO: skip.sequence(skip.length, skip.length, skip.length),
}
REDIS = {**_BOTH, KEY_META: skip.repeated(skip.fixed(4), skip.module_parts)}
VALKEY = {**_BOTH, SLOT_IMPORT: skip.sequence(skip.string, skip.repeated(skip.length, skip.length))}
