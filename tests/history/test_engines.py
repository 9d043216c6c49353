"""Other readers of the table get the same sums: DataFusion, DuckDB."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from history_logs import MONDAY, har, ingest, log, sums, written

deltalake = pytest.importorskip("deltalake")

SQL = """
SELECT kind, week, sum(attempts) AS attempts, sum(failed) AS failed, sum(n) AS timed,
       count(*) AS held
FROM history GROUP BY kind, week ORDER BY kind, week
"""
WEEKLY = (Path(__file__).parents[2] / "docs" / "history.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engines")
    one = written(folder / "a.log", log(400, MONDAY, every_s=3000))
    ingest(folder / "store", one)
    ingest(
        folder / "store",
        written(folder / "b.log", log(90, MONDAY + timedelta(days=3))),
        written(folder / "b.har", har(90, MONDAY + timedelta(days=3))),
    )
    # A longer version takes the place of the rows of before: old files are still on the disk.
    written(one, log(450, MONDAY, every_s=3000))
    ingest(folder / "store", one)
    return folder / "store"


def own(store: Path) -> pl.DataFrame:
    return pl.SQLContext(history=pl.scan_delta(str(store)), eager=True).execute(SQL)


def by_datafusion(store: Path, sql: str) -> pl.DataFrame:
    from deltalake.query import QueryBuilder

    table = deltalake.DeltaTable(str(store))
    return pl.DataFrame(QueryBuilder().register("history", table).execute(sql).read_all())


def by_duckdb(store: Path, sql: str) -> pl.DataFrame:
    duckdb = pytest.importorskip("duckdb")
    files = deltalake.DeltaTable(str(store)).file_uris()
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE VIEW history AS SELECT * FROM "
            f"read_parquet({files!r}, hive_partitioning = true, union_by_name = true)"
        )
        found = connection.execute(sql)
        names = [column[0] for column in found.description]
        return pl.DataFrame(found.fetchall(), schema=names, orient="row", infer_schema_length=None)


@pytest.mark.parametrize("read", [by_datafusion, by_duckdb])
def test_another_engine_gets_the_same_sums(read, store: Path) -> None:
    expected = own(store)
    found = read(store, SQL)
    assert found["kind"].to_list() == expected["kind"].to_list()
    for name in ("week", "attempts", "failed", "timed", "held"):
        cast = pl.String if name == "week" else pl.Float64
        assert found[name].cast(cast).to_list() == expected[name].cast(cast).to_list(), name
    kept = sums(store)
    counts = found.filter(kind="counts")
    assert float(counts["attempts"].cast(pl.Float64).sum()) == kept["attempts"]
    assert float(counts["failed"].cast(pl.Float64).sum()) == kept["failed"]


@pytest.mark.parametrize("read", [by_datafusion, by_duckdb])
def test_the_queries_of_the_documentation_run(read, store: Path) -> None:
    queries = [part.partition("```")[0] for part in WEEKLY.split("```sql\n")[1:]]
    assert len(queries) == 2
    for query in queries:
        assert read(store, query).height > 0
