"""Where a store lies in object storage: ``s3://bucket/prefix``, ``gs://…`` or ``abfs://…``.

Keys never stand in an address. They come from the environment, a profile or the machine, in every
process anew.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from pyarrow import fs

from engram_store.errors import ConfigurationError

#: What an address may say beside bucket and prefix, by its scheme.
_OPTIONS = {
    "s3": {"region", "endpoint_override", "scheme"},
    "gs": {"endpoint_override", "scheme", "project_id"},
    "abfs": {"enable_tls"},
    "abfss": {"enable_tls"},
}
_STAGING = "./engram-staging"
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_CONNECT_SECONDS = 5
_REQUEST_SECONDS = 30
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket and a prefix in it; small, picklable, and free of secrets.

    Attributes:
        url: The address as ``--target`` gave it.
        shown: The address without its options.
    """

    url: str
    shown: str

    @classmethod
    def parse(cls, url: str) -> Location:
        """The location that an address names.

        Raises:
            ConfigurationError: It holds a key, names no bucket, or has an option that we do not know.
        """
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        # The part before the @ of an abfs address is the container, but for a password.
        secret = parts.password is not None or (parts.username is not None and not scheme.startswith("abfs"))
        unknown = sorted(name for name, _ in _options(parts.query) if name not in _OPTIONS[scheme])
        if secret or unknown or parts.fragment:
            named = ", ".join(f"`{name}`" for name in unknown)
            raise ConfigurationError(
                f"the address `{scheme}://…` of the target holds what may not stand there",
                why=f"it has the options {named}" if named else "it holds a user, a key or a fragment",
                suggestion="give keys by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or what else"
                f" the storage has; of options there are {', '.join(sorted(_OPTIONS[scheme]))}",
                example="--target 's3://bucket/prefix?region=eu-west-1'",
            )
        if not parts.netloc:
            raise ConfigurationError(
                f"`{url}` names no bucket",
                suggestion="give a bucket, and a prefix in it",
                example="--target s3://bucket/prefix",
            )
        return cls(url, f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}")

    @property
    def folder(self) -> str:
        """The folder that mirrors it, where the user names none."""
        return f"{_STAGING}/{self.shown.partition('://')[2].replace('/', '_')}"

    def open(self) -> tuple[fs.FileSystem, str]:
        """The file system, and the path of the store in it."""
        parts = urlsplit(self.url)
        if parts.scheme.lower() != "s3":
            found, path = fs.FileSystem.from_uri(self.url)
            return found, path.rstrip("/")
        options = dict(_options(parts.query))
        elsewhere = "endpoint_override" in options or any(os.environ.get(name) for name in _ENDPOINTS)
        region = options.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if not region:
            region = "us-east-1" if elsewhere else fs.resolve_s3_region(parts.netloc)
        found = fs.S3FileSystem(
            region=region,
            scheme=options.get("scheme"),
            endpoint_override=options.get("endpoint_override"),
            # A small object is one request.
            allow_delayed_open=True,
            connect_timeout=_CONNECT_SECONDS,
            request_timeout=_REQUEST_SECONDS,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_TRIES),
        )
        return found, f"{parts.netloc}{parts.path}".rstrip("/")


def is_object_url(target: str) -> bool:
    """Whether a target is an address of object storage."""
    return urlsplit(target).scheme.lower() in _OPTIONS and "://" in target


def _options(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)
