"""A migration into a bucket is the migration into a folder: the same records, whatever happens between."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from pyarrow import fs

from demo import cache
from engram_store.errors import TargetTerminalError
from io_connectors.engram.address import open_home
from io_connectors.engram.public.choices import DeliveryChoices
from pipelines import redis
from tests.pipelines.command import Ended, Started, start, until, verb
from tests.pipelines.stored import Stored, stored
from tests.server.proxy import FAULTS, Fault, Often, Proxy
from tests.servers.neo4j_samples import Neo4jSamples
from tests.servers.objects import KEYS, ObjectServer, path_of
from tests.servers.samples import SampleDatabases

PAGES = ("--batch-size", "25")


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 800 keys, in about 30 pages of 25."""
    path = tmp_path_factory.mktemp("dump") / "shop.rdb"
    cache.build(path, products=200)
    return path


@pytest.fixture(scope="module")
def undisturbed(dump: Path, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    target = tmp_path_factory.mktemp("undisturbed") / "store"
    begin(str(target), target.parent, *of(dump)).end().succeeded()
    return stored(target)


def of(dump: Path) -> tuple[str, ...]:
    return ("pipelines.redis", "--use-rdb", str(dump), *PAGES)


def begin(target: str, folder: Path, *arguments: str, workers: int = 2) -> Started:
    """Starts a migration, with its mirror and its report in a folder of the test's."""
    own = ("--staging", str(folder / "mirror"), "--report-dir", str(folder / "report"))
    flags = ("--target", target, "--parallel-workers", str(workers), *own)
    return start(*arguments, *flags, environment=KEYS)


def ask(name: str, url: str, folder: Path, *more: str) -> Ended:
    return verb(name, *more, "--target", url, "--staging", str(folder / "mirror"), environment=KEYS)


def arrived(url: str, folder: Path) -> Stored:
    """What a bucket holds, read in a mirror of another machine."""
    other = folder / "another machine"
    with open_home(url, choices=DeliveryChoices(str(other))).reader():
        pass
    return stored(other)


def served(url: str, folder: Path) -> dict[str, tuple[str, bytes]]:
    """What readers of another machine are given: content and vector of each memory."""
    found: dict[str, tuple[str, bytes]] = {}
    with open_home(url, choices=DeliveryChoices(str(folder / "reader"))).reader() as reader:
        for space in reader.spaces():
            for memory in reader.scan(space):
                vector = reader.embedding(space, memory.id)
                assert vector is not None
                found[f"{space}/{memory.id}"] = memory.content, vector.tobytes()
    assert found
    return found


def objects(server: ObjectServer, url: str, below: str = "") -> dict[str, int]:
    """The objects of a store: name → when they were put."""
    base = path_of(url)
    selector = fs.FileSelector(f"{base}/{below}".rstrip("/"), recursive=True, allow_not_found=True)
    found = server.files().get_file_info(selector)
    return {info.path[len(base) + 1 :]: info.mtime_ns for info in found if info.is_file}


def pages(server: ObjectServer, url: str) -> dict[str, int]:
    return {name: put for name, put in objects(server, url, "runs").items() if "/memories/" in name}


def until_pages(server: ObjectServer, url: str, some: int, running: Started) -> None:
    until(lambda: len(pages(server, url)) >= some or not running.running(), 240)


def test_a_folder_and_a_bucket_hold_the_same(
    object_server: ObjectServer, bucket_url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    dump, own = tmp_path / "shop.rdb", ("--staging", str(tmp_path / "mirror"), "--parallel-workers", "1")
    cache.build(dump, products=10)
    for target in (bucket_url, str(tmp_path / "store")):
        assert (
            redis.main([*of(dump)[1:], *own, "--report-dir", str(tmp_path / "report"), "--target", target])
            == 0
        )
    found = arrived(bucket_url, tmp_path)
    assert found.records
    assert found.differences(stored(tmp_path / "store")) == []
    ended = capfd.readouterr()
    # No secret is anywhere but in the environment.
    files, base = object_server.files(), path_of(bucket_url)
    kept = [files.open_input_stream(f"{base}/{name}", compression=None).read()
            for name in objects(object_server, bucket_url)]  # fmt: skip
    kept += [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    kept += [ended.out.encode(), ended.err.encode()]
    for secret in (KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"]):
        assert not any(secret.encode() in data for data in kept)


@pytest.mark.objects
@pytest.mark.parametrize("workers", [1, 2])
def test_postgresql(bucket_url: str, sample_database: SampleDatabases, tmp_path: Path, workers: int) -> None:
    source = ("pipelines.postgresql", "--source", sample_database("northwind"), "--batch-size", "100")
    same_in_both(bucket_url, tmp_path, *source, workers=workers)


@pytest.mark.objects
@pytest.mark.parametrize("workers", [1, 2])
def test_neo4j(bucket_url: str, neo4j_sample: Neo4jSamples, tmp_path: Path, workers: int) -> None:
    server = neo4j_sample("movies")
    source = ("pipelines.neo4j", "--source", server.url, "--source-password", server.password)
    same_in_both(bucket_url, tmp_path, *source, "--batch-size", "50", workers=workers)


@pytest.mark.objects
@pytest.mark.parametrize("workers", [1, 2])
def test_redis(bucket_url: str, dump: Path, tmp_path: Path, workers: int) -> None:
    same_in_both(bucket_url, tmp_path, *of(dump), workers=workers)
    again = begin(bucket_url, tmp_path, *of(dump), workers=workers).end()
    again.succeeded()
    assert " 0 of them in this attempt" in again.out


def same_in_both(url: str, folder: Path, *source: str, workers: int) -> None:
    begin(url, folder, *source, workers=workers).end().succeeded()
    begin(str(folder / "store"), folder, *source, workers=workers).end().succeeded()
    found = arrived(url, folder)
    assert found.records
    assert found.differences(stored(folder / "store")) == []
    ask("validate", url, folder, *source[1:]).succeeded()


@pytest.mark.objects
@pytest.mark.parametrize("mirror", ["kept", "lost"])
def test_a_migration_that_is_killed_goes_on(
    object_server: ObjectServer,
    bucket_url: str,
    dump: Path,
    undisturbed: Stored,
    tmp_path: Path,
    mirror: str,
) -> None:
    folder = tmp_path
    for number, some in enumerate((3, 12, 20)):
        running = begin(bucket_url, folder, *of(dump))
        until_pages(object_server, bucket_url, some, running)
        running.signal(signal.SIGKILL)
        running.end()
        before = pages(object_server, bucket_url)
        if mirror == "lost":
            folder = tmp_path / str(number)
    # Where the mirror is another one, so is the lock's folder; the claim was this machine's.
    begin(bucket_url, folder, *of(dump)).end().succeeded()
    after = pages(object_server, bucket_url)
    assert {name: after[name] for name in before} == before
    assert arrived(bucket_url, tmp_path).differences(undisturbed) == []
    ask("validate", bucket_url, folder).succeeded()


class Killing:
    """Kills a migration when it puts what is meant."""

    def __init__(self, part: str) -> None:
        self._part = part
        self.victim: Started | None = None

    def __call__(self, method: str, path: str) -> Fault | None:
        if self.victim is None or method != "PUT" or self._part not in path:
            return None
        self.victim.signal(signal.SIGKILL)
        return "dropped"


@pytest.mark.objects
@pytest.mark.parametrize(
    "part", ["seal.json", "committed.json", "GENERATION.json", "index.sqlite", "CURRENT", "report.json"]
)
def test_killed_between_two_puts_the_former_generation_serves(
    object_server: ObjectServer, bucket_url: str, dump: Path, undisturbed: Stored, tmp_path: Path, part: str
) -> None:
    small = tmp_path / "shop.rdb"
    cache.build(small, products=20)
    source = ("pipelines.redis", "--use-rdb", str(small), *PAGES, "--run", "shop")
    begin(bucket_url, tmp_path, *source).end().succeeded()
    former = served(bucket_url, tmp_path)
    small.write_bytes(dump.read_bytes())
    killing = Killing(part)
    with Proxy(object_server.port, killing) as proxy:
        port = int(proxy.url.rpartition(":")[2])
        url = object_server.url(path_of(bucket_url).partition("/")[0], port=port)
        killing.victim = begin(url, tmp_path, *source)
        assert killing.victim.end().code == -signal.SIGKILL
    if part != "report.json":
        assert served(bucket_url, tmp_path / "meanwhile") == former
    begin(bucket_url, tmp_path, *source).end().succeeded()
    assert arrived(bucket_url, tmp_path).differences(undisturbed) == []
    ask("validate", bucket_url, tmp_path).succeeded()


@pytest.mark.objects
def test_a_storage_in_trouble(
    object_server: ObjectServer, bucket_url: str, dump: Path, undisturbed: Stored, tmp_path: Path
) -> None:
    trouble = Often(lambda method, path: "/store/" in path)
    with Proxy(object_server.port, trouble) as proxy:
        port = int(proxy.url.rpartition(":")[2])
        url = object_server.url(path_of(bucket_url).partition("/")[0], port=port)
        for _ in range(5):
            ended = begin(url, tmp_path, *of(dump)).end()
            if ended.code == 0:
                break
            ended.failed(4, "cannot be reached")
    assert trouble.met.keys() >= set(FAULTS), trouble.met
    assert arrived(bucket_url, tmp_path).differences(undisturbed) == []


@pytest.mark.objects
def test_a_second_migration_is_refused(
    object_server: ObjectServer, bucket_url: str, dump: Path, tmp_path: Path
) -> None:
    running = begin(bucket_url, tmp_path / "one", *of(dump))
    until(lambda: pages(object_server, bucket_url))
    begin(bucket_url, tmp_path / "two", *of(dump)).end().failed(4, "is in use by process")
    ask("finalize", bucket_url, tmp_path / "two").failed(4, "is in use by process")
    running.end().succeeded()
    ask("finalize", bucket_url, tmp_path / "two").succeeded()


@pytest.fixture
def migrated(bucket_url: str, dump: Path, tmp_path: Path) -> str:
    begin(bucket_url, tmp_path, *of(dump)).end().succeeded()
    return bucket_url


@pytest.mark.objects
def test_what_is_done_to_the_objects_is_found(
    object_server: ObjectServer, migrated: str, tmp_path: Path
) -> None:
    files, base = object_server.files(), path_of(migrated)
    first, second, *_ = sorted(pages(object_server, migrated))
    saved = {name: files.open_input_stream(f"{base}/{name}").read() for name in (first, second, "CURRENT")}

    def put(name: str, data: bytes) -> None:
        with files.open_output_stream(f"{base}/{name}", compression=None) as stream:
            stream.write(data)

    def found(*words: str) -> None:
        for folder in (tmp_path, tmp_path / "".join(words)):
            ended = ask("validate", migrated, folder, "--without-source")
            assert ended.code == 6, ended
            assert all(word in ended.out + ended.err for word in words), ended

    page = Path(first).stem
    files.delete_file(f"{base}/{first}")
    found(page)
    put(first, saved[second])
    found(page)
    put(first, saved[first][: len(saved[first]) // 2])
    found(page, "damaged")
    put(first, saved[first])
    ask("validate", migrated, tmp_path, "--without-source").succeeded()
    for wrong in (b"0123456789abcdef", b"../../etc", b""):
        put("CURRENT", wrong)
        found("CURRENT")
    ask("finalize", migrated, tmp_path).succeeded()
    (index,) = (name for name in objects(object_server, migrated, "serving") if name.endswith(".sqlite"))
    put(index, b"no database" * 100)
    found("index", "damaged")


def test_nothing_is_read_before_the_first_end(bucket_url: str, tmp_path: Path) -> None:
    home = open_home(bucket_url, create=True, choices=DeliveryChoices(str(tmp_path / "mirror")))
    with pytest.raises(TargetTerminalError, match="nothing to read yet"):
        home.reader()
