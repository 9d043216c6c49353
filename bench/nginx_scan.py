"""The least that a columnar reader of such a log must do: Polars' scan, split at the quotes.

    python bench/nginx_scan.py FILE.log

Reads the pieces that hold the fields of the ``nginx_gen.py`` lines as text, all of them, and does
nothing with them. It is the yardstick that ``analyze`` is measured against, and no product.
"""

from __future__ import annotations

import sys

import polars as pl

PIECES = 19
USED = (0, 1, 2, 3, 5, 6, 7, 9, 11, 13, 15, 17)


def main() -> None:
    pieces = pl.scan_csv(
        sys.argv[1],
        separator='"',
        quote_char=None,
        has_header=False,
        schema={f"p{number}": pl.String() for number in range(PIECES)},
        empty_string_is_null=False,
    )
    # A sink that is handed every batch keeps memory flat, as a reader of a large file must.
    rows = 0

    def count(batch: pl.DataFrame) -> None:
        nonlocal rows
        rows += batch.height

    pieces.select(f"p{number}" for number in USED).sink_batches(count, engine="streaming")
    print(f"{rows} lines")


if __name__ == "__main__":
    main()
