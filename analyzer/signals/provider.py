"""Parties: whose model, which gateway and which edge a request had to do with."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from analyzer.columns import Frame
from analyzer.signals import hosts, model
from analyzer.signals.catalogue import Product, SignalData

KNOWN_HOST = "_known_host"
"""Internal column: the host is a provider's or a gateway's."""
DECLARED_HOST = "_declared_host"
"""Internal column: somebody said with ``--gateway`` that the host is a gateway."""


def add_by_host(frame: Frame, data: SignalData, declared: tuple[str, ...] = ()) -> Frame:
    """Fill ``provider``, ``provider_host`` and ``gateway`` by the host that was asked.

    Adds the internal columns ``_known_host`` and ``_declared_host``. Meant for the distinct hosts
    of a frame.
    """
    frame = hosts.prepare(frame)
    provider = hosts.which((entry.slug, entry.hosts) for entry in data.providers)
    profiles = hosts.which((entry.slug, entry.hosts) for entry in data.gateways)
    wrong = hosts.which((entry.slug, entry.wrong_hosts) for entry in data.gateways)
    routers = [entry for entry in data.products if entry.kind == "gateway"]
    products = hosts.which((entry.slug, entry.hosts) for entry in routers)
    named = hosts.among(_host_of(text) for text in declared)
    gateway = pl.coalesce(profiles, wrong, products)
    own = provider.is_not_null() & profiles.is_null()
    return frame.with_columns(
        pl.coalesce("gateway", gateway).alias("gateway"),
        pl.coalesce("provider", provider).alias("provider"),
        pl.when(pl.col("host").is_not_null()).then(own).alias("provider_host"),
        named.alias(DECLARED_HOST),
        (own | profiles.is_not_null() | products.is_not_null()).alias(KNOWN_HOST),
    )


def _host_of(text: str) -> str:
    """Return the host of a host or URL that somebody typed."""
    return text.strip().lower().rpartition("://")[2].partition("/")[0]


def add_by_model(frame: Frame, data: SignalData) -> Frame:
    """Fill ``provider`` by the family of the model's name where the host told nothing."""
    frame = frame.with_columns(model.normalise(pl.col("model"), data).alias("_asked"))
    asked = pl.col("_asked")
    found = [
        pl.when(asked.str.contains(pattern)).then(pl.lit(entry.slug))
        for entry in data.providers
        if (pattern := _family(entry.models))
    ]
    return frame.with_columns(pl.coalesce("provider", *found).alias("provider")).drop("_asked")


def _family(prefixes: tuple[str, ...]) -> str:
    """Return a pattern for names that begin so, or have a vendor's prefix before it."""
    return rf"(?:^|[/.])(?:{'|'.join(prefixes)})" if prefixes else ""


def add_by_header(frame: Frame, data: SignalData, shown: frozenset[str] | None = None) -> Frame:
    """Fill ``edge`` and ``gateway`` by response headers.

    A provider's own host has no gateway: what its headers show is the provider's. ``shown`` are the
    columns in which there is anything, if they are known.
    """
    shown = shown_columns(frame) if shown is None else shown
    edge = _passed((p for p in data.products if p.kind == "edge"), shown)
    gateway = _passed((p for p in data.products if p.kind == "gateway"), shown)
    own = pl.col("provider_host").fill_null(False)
    return frame.with_columns(
        pl.coalesce("edge", edge).alias("edge"),
        pl.coalesce("gateway", pl.when(~own).then(gateway)).alias("gateway"),
    )


def shown_columns(frame: Frame) -> frozenset[str]:
    """Return the columns in which there is anything; of a lazy frame, all of them.

    A log has nothing in most columns, and looking for words in nothing takes time too.
    """
    names = frame.collect_schema().names()
    if not isinstance(frame, pl.DataFrame):
        return frozenset(names)
    return frozenset(name for name in names if frame[name].null_count() < frame.height)


def _passed(products: Iterable[Product], shown: frozenset[str]) -> pl.Expr:
    found = [pl.lit(None, dtype=pl.String)]
    for product in products:
        signs = [
            _sign(sign.name, sign.contains)
            for sign in product.headers
            if f"resp_header.{sign.name}" in shown
        ]
        if product.server and "server" in shown:
            signs.append(pl.col("server").str.contains_any(list(product.server)).fill_null(False))
        if signs:
            found.append(pl.when(pl.any_horizontal(signs)).then(pl.lit(product.slug)))
    return pl.coalesce(found)


def _sign(name: str, contains: str | None) -> pl.Expr:
    column = pl.col(f"resp_header.{name}")
    if contains is None:
        return column.is_not_null()
    return column.str.to_lowercase().str.contains(contains, literal=True).fill_null(False)
