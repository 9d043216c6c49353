"""Azure API Management's log of language models: tokens of each request, no money."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export

_TOLD = frozenset({"correlationid", "prompttokens", "completiontokens", "deploymentname"})
_UTC = "timegenerated [utc]"


class AzureLlmLog(Export):
    """Rows of ``ApiManagementGatewayLlmLog``."""

    name = "azure-apim-llm"
    title = "Azure API Management LLM log (CSV or JSON of ApiManagementGatewayLlmLog)"
    hop = "gateway"
    required = (_TOLD,)
    keys = (_TOLD,)
    known = _TOLD | {
        "timegenerated", _UTC, "apiversion", "isstreamcompletion", "modelname", "operationname",
        "region", "requestid", "requestmessages", "responsemessages", "sequencenumber",
        "totaltokens", "tenantid", "sourcesystem", "type", "_resourceid", "_subscriptionid",
        "_billedsize", "_isbillable", "backendid",
    }  # fmt: skip

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each request; the time is the start of its processing.

        A long exchange is split into several records of ascending number; they are one request.
        """
        made = cells.rows(
            **moments.at_once(cells.time("timegenerated", _UTC), "start", 1.0),
            gateway="azure-api-management",
            provider="azure",
            requests=1,
            request_id=cells.text("correlationid"),
            upstream_request_id=cells.text("requestid"),
            model=cells.text("modelname", "deploymentname"),
            meter=cells.text("operationname"),
            stream=cells.flag("isstreamcompletion"),
            input_tokens=cells.count("prompttokens"),
            output_tokens=cells.count("completiontokens"),
            input_includes_cache=True,
        )
        number = cells.count("sequencenumber").fill_null(0)
        later = made.with_columns(n=number).sort("n", "record")
        folded = later.group_by(_one(later), maintain_order=True).agg(pl.all().drop_nulls().first())
        return folded.drop("_one", "n").sort("record")


def _one(rows: pl.DataFrame) -> pl.Expr:
    """Return what is the same for the records of one request."""
    own = pl.concat_str(pl.lit("#"), pl.col("record").cast(pl.String))
    return pl.coalesce("request_id", own).alias("_one")


FORMAT = AzureLlmLog()
