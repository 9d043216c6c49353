"""Which lines of a cloud's bill are about language models."""

from __future__ import annotations

import polars as pl

from analyzer.ingest.formats.usage.cells import Cells

_MODELS = (
    r"(?i)openai|cognitive services|foundry|ai services|ai and machine learning|bedrock|sagemaker"
    r"|gemini|vertex ai|generative language|anthropic|claude|mistral|deepseek|language model"
    r"|\bllm\b|tokens?\b|_token|tokencount"
)


def of_models(cells: Cells, *names: str) -> Cells:
    """Return the rows in which one of the columns names a service of language models.

    The others (virtual machines, storage, ...) are counted once, as left out.
    """
    mask = pl.repeat(False, cells.height, dtype=pl.Boolean(), eager=True)
    for name in names:
        mask |= cells.text(name).str.contains(_MODELS).fill_null(False)
    others = cells.height - int(mask.sum())
    if others:
        message = f"{others} rows of services other than language models were left out."
        cells.context.notes.add("other_service", message, count=others, lost=False)
    return cells.only(mask)
