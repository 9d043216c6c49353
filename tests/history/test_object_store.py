"""A store behind an S3 URL, served by moto on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cli import analyze
from history_logs import MONDAY, ingest, listed, log, plain, start, sums, written

pytest.importorskip("deltalake")
server = pytest.importorskip("moto.server")

BUCKET = "history-bucket"
SECRET = "local-test-secret-words"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def url(endpoint: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    import boto3

    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)
    return f"s3://{BUCKET}/{request.node.name[:20]}"


@pytest.mark.slow
def test_an_s3_url_is_a_store_like_any_other(url: str, tmp_path: Path) -> None:
    file = written(tmp_path / "a.log", log(120))
    assert "added as" in ingest(url, file)
    assert "already there" in ingest(url, file)
    written(file, log(150))
    assert "in place of" in ingest(url, file)
    assert sums(url) == plain(file)
    assert listed(url)["store"] == url
    assert analyze("history", "compact", "--store", url).code == 0
    assert sums(url) == plain(file)
    analyze("history", "forget", "--input", "a.log", "--store", url)
    assert sums(url)["attempts"] == 0


@pytest.mark.slow
def test_ingests_at_once_store_a_file_once(url: str, tmp_path: Path) -> None:
    later = MONDAY + timedelta(days=1)
    one, two = written(tmp_path / "a.log", log(120)), written(tmp_path / "b.log", log(80, later))
    running = [
        start("ingest", *files, "--store", url, "--no-config", **os.environ)
        for files in ([one], [one, two], [two])
    ]
    said = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert sums(url) == plain(one, two)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "does not answer"),
        ({"AWS_ALLOW_HTTP": "false"}, "plain HTTP"),
    ],
)
def test_what_keeps_an_object_store_from_being_used_is_said(
    url: str, tmp_path: Path, changed: dict[str, str], says: str
) -> None:
    file = written(tmp_path / "a.log", log(20))
    done = analyze("ingest", file, "--store", url, **changed)
    assert done.code == 2, done.out
    assert says in done.err
    assert SECRET not in done.err
    assert done.err.count("\n") == 1


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_said(url: str, tmp_path: Path) -> None:
    file = written(tmp_path / "a.log", log(20))
    done = analyze("ingest", file, "--store", "s3://no-such-bucket-here/x")
    assert done.code == 2
    assert "there is no such bucket" in done.err
