"""Bedrock's model invocation log: tokens of each request, no money."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage import moments
from analyzer.ingest.formats.usage.cells import Cells
from analyzer.ingest.formats.usage.export import Export


class BedrockInvocations(Export):
    """Amazon Bedrock model invocation log."""

    name = "bedrock-invocations"
    title = "Amazon Bedrock model invocation log (JSON lines)"
    hop = "upstream"
    keys = (frozenset({"schematype", "requestid", "modelid", "operation", "timestamp"}),)
    known = frozenset({
        "schematype", "schemaversion", "timestamp", "accountid", "identity", "region", "requestid",
        "operation", "modelid", "requestmetadata", "inferenceregion", "errorcode", "status",
        "input.inputtokencount", "input.cachereadinputtokencount",
        "input.cachewriteinputtokencount", "input.inputcontenttype", "input.inputbodyjson",
        "input.inputbodys3path", "output.outputtokencount", "output.outputcontenttype",
        "output.outputbodyjson", "output.outputbodys3path",
    })  # fmt: skip

    def rows(self, cells: Cells) -> pl.DataFrame:
        """Return a row for each invocation; what its time stands for is not documented."""
        code = cells.text("errorcode")
        return cells.rows(
            **moments.at_once(cells.time("timestamp"), None, 1000.0),
            provider="bedrock",
            requests=1,
            entry=code.to_frame("c").select(
                pl.when(pl.col("c").is_not_null()).then(pl.lit("error"))
            ).to_series(),
            request_id=cells.text("requestid"),
            model=cells.text("modelid"),
            meter=cells.text("operation"),
            status=cells.text("status"),
            error_code=code,
            stream=cells.text("operation").str.contains("Stream", literal=True),
            input_tokens=cells.count("input.inputtokencount"),
            output_tokens=cells.count("output.outputtokencount"),
            cached_tokens=cells.count("input.cachereadinputtokencount"),
            cache_write_tokens=cells.count("input.cachewriteinputtokencount"),
        )  # fmt: skip


FORMAT = BedrockInvocations()
