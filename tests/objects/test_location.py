"""Addresses of object storage: what they may say, and that they hold no keys."""

from __future__ import annotations

import pytest

from engram_store.errors import ConfigurationError
from io_connectors.engram.address import is_url, place_of
from io_connectors.engram.objects.location import Location, is_object_url


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIAKEY:hush-hush@bucket/prefix",
        "s3://AKIAKEY@bucket/prefix",
        "s3://bucket/prefix?access_key=AKIAKEY&secret_key=hush-hush",
        "s3://bucket/prefix#hush-hush",
        "gs://someone:hush-hush@bucket/prefix",
        "abfs://container:hush-hush@account.dfs.core.windows.net/prefix",
        "abfs://container@account.dfs.core.windows.net/prefix?sas_token=hush-hush",
    ],
)
def test_an_address_with_a_key_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="may not stand there") as refused:
        Location.parse(url)
    assert "hush-hush" not in str(refused.value) and "AKIAKEY" not in str(refused.value)


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix"])
def test_an_address_without_a_bucket_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="names no bucket"):
        Location.parse(url)


@pytest.mark.parametrize(
    ("url", "shown", "folder"),
    [
        ("s3://b/p/q/", "s3://b/p/q", "./engram-staging/b_p_q"),
        ("S3://b?region=eu-west-1", "s3://b", "./engram-staging/b"),
        ("gs://b/p", "gs://b/p", "./engram-staging/b_p"),
        ("abfss://c@a.dfs.core.windows.net/p", "abfss://c@a.dfs.core.windows.net/p",
         "./engram-staging/c@a.dfs.core.windows.net_p"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_options_and_has_a_folder(url: str, shown: str, folder: str) -> None:
    location = Location.parse(url)
    assert (location.shown, location.folder) == (shown, folder)
    assert is_object_url(url) and is_url(url)
    assert place_of(url, "run", "report.json") == f"{shown}/runs/run/report.json"


@pytest.mark.parametrize("target", ["./s3", "/data/s3:", "http://s3/", "s3", "ftp://bucket"])
def test_other_targets_are_no_object_storage(target: str) -> None:
    assert not is_object_url(target)


@pytest.mark.parametrize("url", ["gs://b/p", "abfs://c@a.dfs.core.windows.net/p"])
def test_other_storages_open_as_pyarrow_has_them(url: str) -> None:
    _, path = Location.parse(url).open()
    assert path == ("b/p" if url.startswith("gs") else "c/p")
