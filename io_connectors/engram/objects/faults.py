"""What object storage complains of, as the errors of the one tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from engram_store.errors import (
    AGAIN,
    ConfigurationError,
    MigrationError,
    TargetTerminalError,
    TargetTransientError,
)

#: Signs in the words of AWS, Google and Azure.
_FORBIDDEN = (
    "ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "INVALID_CLIENT_TOKEN_ID",
    "EXPIRED_TOKEN", "MISSING_AUTHENTICATION_TOKEN", "HTTP status 401", "HTTP status 403",
    "PERMISSION_DENIED", "UNAUTHENTICATED", "AuthorizationFailure", "AuthenticationFailed",
)  # fmt: skip
_NO_BUCKET = ("NO_SUCH_BUCKET", "ContainerNotFound", "NoSuchBucket", "The specified bucket does not exist")
_ELSEWHERE = ("HTTP status 301", "HTTP status 307", "PermanentRedirect", "AuthorizationHeaderMalformed")


@contextmanager
def storage_errors(shown: str, name: str = "") -> Iterator[None]:
    """Turns what object storage complains of into errors of ours; a lost object is a ``FileNotFoundError``.

    Args:
        shown: The store's address.
        name: The object.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise _told(shown, f"{shown}/{name}".rstrip("/"), str(error)) from error


def no_bucket(shown: str, why: str) -> ConfigurationError:
    """The error for a bucket that is not there."""
    return ConfigurationError(
        f"there is no bucket for `{shown}`",
        why=why,
        suggestion="make it, or correct the address; buckets are never made by a migration",
        example="aws s3 mb s3://bucket",
    )


def _told(shown: str, place: str, text: str) -> MigrationError:
    if any(sign in text for sign in _NO_BUCKET):
        return no_bucket(shown, text)
    if any(sign in text for sign in _FORBIDDEN):
        return TargetTerminalError(
            f"the storage refuses access to `{place}`",
            why=text,
            suggestion="give keys in the environment or a profile, where workers run too, with the right to"
            " list, get, put and delete objects there",
            example="AWS_PROFILE=migration",
        )
    if any(sign in text for sign in _ELSEWHERE):
        return ConfigurationError(
            f"the bucket of `{shown}` is in another region",
            why=text,
            suggestion="name its region",
            example=f"--target '{shown}?region=eu-west-1'",
        )
    return TargetTransientError(
        f"`{place}` cannot be reached",
        why=text,
        suggestion=f"see whether the storage is there, and its endpoint right; {AGAIN}",
        example="--target 's3://bucket/prefix?endpoint_override=127.0.0.1:9000&scheme=http'",
    )
