"""Files into a store: once each, with what grew, as sets, redacted."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from cli import SAMPLES, analyze
from history_logs import MONDAY, har, ingest, listed, log, plain, rows, sums, written

pytest.importorskip("deltalake")


def test_a_store_adds_up_to_what_the_files_add_up_to(tmp_path: Path) -> None:
    store = tmp_path / "store"
    files = [
        written(tmp_path / f"{n}.log", log(100 + n, MONDAY + timedelta(days=n))) for n in range(2)
    ]
    said = ingest(store, *files)
    assert said.count("added as") == 2
    assert sums(store) == plain(*files)


def test_the_same_content_changes_nothing_whatever_its_name(tmp_path: Path) -> None:
    store, file = tmp_path / "store", written(tmp_path / "access.log", log(120))
    ingest(store, file)
    before = sorted((path, path.stat().st_mtime_ns) for path in store.rglob("*"))
    rotated = tmp_path / "access.log.2.gz"
    rotated.write_bytes(gzip.compress(file.read_bytes()))
    assert "already there" in ingest(store, rotated)
    assert "already there" in ingest(store, file)
    assert sorted((path, path.stat().st_mtime_ns) for path in store.rglob("*")) == before


def test_a_longer_version_adds_its_new_lines_and_an_older_one_nothing(tmp_path: Path) -> None:
    store, file = tmp_path / "store", written(tmp_path / "access.log", log(120))
    first = ingest(store, file).split()[-1]
    old = written(tmp_path / "copy.log", log(119))
    written(file, log(180))
    said = ingest(store, file)
    assert f"in place of {first}" in said
    assert sums(store) == plain(file)
    assert "copy.log: an earlier state" in ingest(store, old)
    assert sums(store) == plain(file)


def test_standard_input_is_known_again(tmp_path: Path) -> None:
    store = tmp_path / "store"
    data = log(50).encode()
    for expected in ("added as", "already there"):
        done = analyze("ingest", "-", "--store", store, "--no-config", stdin=data)
        assert expected in done.out, done.err
    assert sums(store)["attempts"] == 50


def test_a_set_is_joined_and_replaced_as_one(tmp_path: Path) -> None:
    """HAR and access log of the same requests: attempts count once, on the client's side."""
    store = tmp_path / "store"
    client, server = written(tmp_path / "a.har", har(60)), written(tmp_path / "b.log", log(60))
    alone = ingest(store, server)
    assert sums(store)["attempts"] == 60
    both = ingest(store, server, client)
    assert f"in place of {alone.split()[-1]}" in both
    assert sums(store)["attempts"] == 60
    assert "already there" in ingest(store, client)
    written(server, log(70))
    done = analyze("ingest", server, "--store", store, "--no-config")
    assert done.code == 2
    assert "together with a.har" in done.err
    assert "history forget --ingest" in done.err
    assert sums(store)["attempts"] == 60


def test_a_har_that_was_saved_again_with_more_is_not_counted_twice(tmp_path: Path) -> None:
    store = tmp_path / "store"
    first, second = written(tmp_path / "a.har", har(40)), written(tmp_path / "b.har", har(50))
    ingest(store, first)
    done = analyze("ingest", second, "--store", store, "--no-config")
    assert done.code == 2
    assert "b.har begins as a.har does" in done.err
    analyze("history", "forget", "--input", "a.har", "--store", store)
    ingest(store, second)
    assert sums(store) == plain(second)


def test_what_is_no_capture_is_said_and_the_rest_is_stored(tmp_path: Path) -> None:
    store, file = tmp_path / "store", written(tmp_path / "a.log", log(30))
    done = analyze("ingest", file, tmp_path / "none.log", "--store", store, "--no-config")
    assert done.code == 0
    assert "none.log: There is no such file" in done.err
    assert sums(store)["attempts"] == 30
    strict = analyze("ingest", file, tmp_path / "none.log", "--store", store, "--strict")
    assert strict.code == 4
    done = analyze("ingest", tmp_path / "none.log", "--store", store, "--no-config")
    assert done.code == 3
    assert "There is no such file" in done.err


def test_a_file_that_is_given_twice_is_stored_once(tmp_path: Path) -> None:
    store, file = tmp_path / "store", written(tmp_path / "a.log", log(30))
    copy = written(tmp_path / "b.log", log(30))
    said = ingest(store, file, copy)
    assert "b.log: already there" in said
    assert sums(store) == plain(file)


def test_keys_are_tagged_alike_in_one_store_and_unlike_in_another(tmp_path: Path) -> None:
    sample = SAMPLES / "bad-key"
    tags = []
    for name, days in (("one", 0), ("one", 1), ("two", 0)):
        # The second capture of the first store is of the same key on another day.
        text = next(sample.glob("*.har")).read_text()
        file = written(
            tmp_path / f"{days}.har", text.replace("2026-11-2", "2026-11-1") if days else text
        )
        ingest(tmp_path / name, file)
        found = rows(tmp_path / name, ["kind", "key_tag"]).filter(pl.col("kind") == "counts")
        tags.append(set(found["key_tag"].drop_nulls()))
    assert len(tags[0]) == 1
    assert tags[1] == tags[0]
    assert not tags[2] & tags[0]


def test_no_secret_is_stored(tmp_path: Path) -> None:
    secret = "sk-proj-" + "a1B2c3D4" * 5
    text = har(20).replace(
        '"headers": [], "queryString"',
        f'"headers": [{{"name": "Authorization", "value": "Bearer {secret}"}}], "queryString"',
    )
    body = json.dumps(json.dumps({"error": {"message": f"Incorrect API key provided: {secret}"}}))
    store, file = (
        tmp_path / "store",
        written(tmp_path / "a.har", text.replace('"text": "{}"', f'"text": {body}')),
    )
    assert secret in file.read_text()
    ingest(store, file)
    found = pl.scan_delta(str(store)).select(pl.col(pl.String)).collect()
    texts = {text for column in found for text in column.drop_nulls()}
    assert any("Incorrect API key provided" in text for text in texts)
    assert not any(secret in text for text in texts)


def test_age_is_kept_to(tmp_path: Path) -> None:
    store = tmp_path / "store"
    old = written(tmp_path / "old.log", log(30, MONDAY - timedelta(days=500)))
    new = written(tmp_path / "new.log", log(40))
    now = str(int((MONDAY + timedelta(days=1)).timestamp()))
    done = analyze("ingest", old, new, "--store", store, "--keep", "400d", SOURCE_DATE_EPOCH=now)
    assert done.code == 0, done.err
    assert "from before 2025-10-13" in done.out
    assert sums(store) == plain(new)
    assert [row["inputs"] for row in listed(store)["ingests"]] == [["new.log"]]


@pytest.mark.parametrize("age", ["400", "d", "0d", "-3d", "400 years"])
def test_what_is_no_age_is_said(age: str, tmp_path: Path) -> None:
    done = analyze("ingest", "a.log", "--store", tmp_path, f"--keep={age}")
    assert done.code == 2
    assert "400d or 57w" in done.err
    assert not list(tmp_path.iterdir())


def test_a_table_of_before_gets_the_columns_that_it_lacks(tmp_path: Path) -> None:
    from deltalake import DeltaTable

    from analyzer.history import schema

    store, file = tmp_path / "store", written(tmp_path / "a.log", log(30))
    fewer = pl.Schema({n: t for n, t in schema.columns().items() if n not in ("payer", "n")})
    settings = {"whichhop.schema_version": "1", "whichhop.salt": "00" * 16}
    DeltaTable.create(
        str(store), fewer, partition_by=["kind", "week"], configuration=settings,
        raise_if_key_not_exists=False,
    )  # fmt: skip
    assert sums(store)["timed"] == 0
    ingest(store, file)
    assert sums(store) == plain(file)
