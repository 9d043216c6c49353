from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from analyzer import vocabulary
from analyzer.engine import perspective

OWN, OTHER = True, False


@pytest.mark.parametrize(
    ("said", "hop", "own", "expected"),
    [
        # seen from the client
        ("behind", "client", OWN, "upstream"),
        ("behind", "client", OTHER, "gateway"),
        ("behind", "client", None, "gateway"),
        ("gateway", "client", OWN, "upstream"),
        ("gateway", "client", OTHER, "gateway"),
        ("gateway", "client", None, "gateway"),
        # records that a hop wrote keep their own hop
        ("gateway", "edge", OWN, "gateway"),
        ("gateway", "gateway", OWN, "gateway"),
        ("gateway", "network", OWN, "gateway"),
        ("gateway", None, OWN, "gateway"),
        # what stands behind an edge is never left unsaid
        ("behind", "edge", OTHER, "gateway"),
        ("behind", "edge", OWN, "upstream"),
        ("behind", "network", OTHER, "gateway"),
        ("behind", "gateway", OTHER, "upstream"),
        ("behind", "upstream", OTHER, "upstream"),
        ("behind", None, None, "gateway"),
    ],
)
def test_the_layer_of_a_verdict(said: str, hop: Any, own: Any, expected: str) -> None:
    assert layer(said, hop, own) == expected


@pytest.mark.parametrize("hop", ["client", "network", "edge", "gateway", "upstream", None])
@pytest.mark.parametrize("own", [True, False, None])
def test_other_layers_and_emitters_stay_and_no_answer_is_outside_the_vocabulary(
    hop: Any, own: Any
) -> None:
    for word in vocabulary.LAYER_WORDS:
        if word != "gateway":
            assert layer(word, hop, own) == word
    for word in vocabulary.EMITTER_WORDS:
        expected = "upstream" if (word, hop, own) == ("gateway", "client", True) else word
        assert emitter(word, hop, own) == expected
    assert layer("behind", hop, own) in vocabulary.LAYER_WORDS


def layer(said: str, hop: Any, own: Any) -> str:
    return _one(perspective.layer, said, hop, own)


def emitter(said: str, hop: Any, own: Any) -> str:
    return _one(perspective.emitted_by, said, hop, own)


def _one(function: Any, said: str, hop: Any, own: Any) -> str:
    schema = {"said": pl.String, "hop": pl.String, "own": pl.Boolean}
    frame = pl.DataFrame({"said": [said], "hop": [hop], "own": [own]}, schema=schema)
    return str(frame.select(function(pl.col("said"), pl.col("hop"), pl.col("own"))).item())
