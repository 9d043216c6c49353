"""Model names: one spelling for what is one model."""

from __future__ import annotations

import polars as pl

from analyzer.signals.catalogue import SignalData


def normalise(name: pl.Expr, data: SignalData) -> pl.Expr:
    """Return a model's name without vendor prefix, snapshot date and tag, lower case.

    The column ``model`` itself stays as the client wrote it; this is for grouping and comparing.
    """
    plain = name.str.strip_chars().str.to_lowercase()
    for pattern in data.aliases.prefixes:
        plain = plain.str.replace(f"^(?:{pattern})", "")
    for pattern in data.aliases.suffixes:
        plain = plain.str.replace(f"(?:{pattern})$", "")
    known = data.aliases.names
    if known:
        plain = plain.replace(list(known), list(known.values()))
    # A name that is nothing but prefix and suffix stays what it was.
    return pl.when(plain == "").then(name).otherwise(plain)
