"""Perspective: what a rule's layer means, given who wrote the record and whose host was asked.

Rules are written once, for a gateway's host. Two things depend on where the capture was taken:

* ``behind`` (only with ``emitted_by: edge``) is what stands behind the edge: the provider if the
  host that was asked is a provider's own, else the gateway. Where a gateway wrote the record, the
  edge stands between the gateway and the provider, so behind it is the provider.
* Seen from the client, ``gateway`` at a provider's own host is ``upstream``, in layer and emitter:
  a provider's own proxy is the provider. Rows that a proxy wrote keep that proxy's hop.

Disagreement between rules is tested before perspective, on the words that the rules say.
"""

from __future__ import annotations

import polars as pl

from analyzer.engine.rule import BEHIND

GATEWAY, UPSTREAM = "gateway", "upstream"
BEHIND_IS_UPSTREAM = (GATEWAY, UPSTREAM)
"""Hops whose records show an edge on the way to the provider."""


def layer(said: pl.Expr, hop: pl.Expr, provider_host: pl.Expr) -> pl.Expr:
    """Return the layer of a verdict from what the rule says."""
    own = provider_host.fill_null(value=False)
    behind = (
        pl.when(hop.is_in(BEHIND_IS_UPSTREAM) | own)
        .then(pl.lit(UPSTREAM))
        .otherwise(pl.lit(GATEWAY))
    )
    resolved = pl.when(said == BEHIND).then(behind).otherwise(said)
    return emitted_by(resolved, hop, provider_host)


def marked(said: pl.Expr, rows: pl.DataFrame) -> pl.Expr:
    """Return who wrote the answer where the rule cannot say: whoever left a mark in it.

    A rule about what is wrong with a request fits whoever refuses it; the markers know who did. The
    hop nearest to the client wins, because it had the last word.
    """
    seen = [
        pl.when(rows[f"{kind}_marker"].is_not_null()).then(pl.lit(kind))
        for kind in ("edge", "gateway", "upstream")
    ]
    return pl.when(said == "unknown").then(pl.coalesce(*seen, said)).otherwise(said)


def emitted_by(said: pl.Expr, hop: pl.Expr, provider_host: pl.Expr) -> pl.Expr:
    """Return who wrote the answer from what the rule says."""
    own = provider_host.fill_null(value=False) & hop.eq("client").fill_null(value=False)
    return pl.when(own & (said == GATEWAY)).then(pl.lit(UPSTREAM)).otherwise(said)
