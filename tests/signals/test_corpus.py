"""Bodies of other projects' captures: nothing raises, and recorded LLM answers are whole."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analyzer import vocabulary
from analyzer.signals.body import read_answer, read_request

pytestmark = pytest.mark.corpus


def entries(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted((folder / "har").glob("*.har")):
        try:
            log = json.loads(path.read_bytes().decode("utf-8-sig"), strict=False)["log"]
            found = [e for e in log["entries"] if isinstance(e["response"]["content"], dict)]
        except (ValueError, KeyError, TypeError):
            continue  # broken captures are the ingester's matter
        yield from ((path, entry) for entry in found)


def test_every_body_is_read(corpus: Path) -> None:
    count = 0
    for path, entry in entries(corpus):
        content = entry["response"]["content"]
        body = content.get("text")
        if content.get("encoding") == "base64" and isinstance(body, str):
            try:
                body = base64.b64decode(body)
            except binascii.Error:
                body = None
        facts = read_answer(body, content.get("mimeType"), entry["response"].get("status"))
        assert facts.body_kind in vocabulary.words(vocabulary.BODY_KINDS), path
        if "traceloop" in path.name and facts.body_kind == "sse":
            assert facts.stream_state == "complete", path
            assert facts.visible_output is True, path
        sent = entry["request"].get("postData") or {}
        asked = read_request(sent.get("text"), sent.get("mimeType"))
        assert asked.model or not asked.llm_body
        count += 1
    assert count > 100
