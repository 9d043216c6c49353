"""Bodies that are still packed: Polly's chunks, hexadecimal digits, compression."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any

import pytest

from analyzer.ingest.base import Limits
from analyzer.ingest.formats.har_packed import Budget, inflated

BODY = '{"model":"m","choices":[{"message":{"content":"Hi é"},"finish_reason":"stop"}]}'
RAW = BODY.encode()
ZIPPED = gzip.compress(RAW)
DEFLATED = zlib.compress(RAW)


def base(data: bytes) -> str:
    return base64.b64encode(data).decode()


def array(data: bytes, step: int = 20, code: Any = base) -> str:
    return json.dumps([code(data[at : at + step]) for at in range(0, len(data), step)])


def zstd(data: bytes) -> bytes:
    try:
        from compression.zstd import compress
    except ImportError:
        from backports.zstd import compress
    return compress(data)


PACKED: list[tuple[str, dict[str, Any], str | None, str]] = [
    # what it is, content, content-encoding header, body kind
    ("base64 chunks", {"text": array(ZIPPED), "encoding": "base64"}, "gzip", "json"),
    ("one chunk", {"text": array(ZIPPED, 999), "encoding": "base64"}, "gzip", "json"),
    ("chunks without the word base64", {"text": array(ZIPPED)}, "gzip", "json"),
    ("chunks of deflate", {"text": array(DEFLATED), "encoding": "base64"}, "deflate", "json"),
    ("chunks of raw deflate", {"text": array(DEFLATED[2:-4]), "encoding": "base64"}, "deflate",
     "json"),
    ("chunks of zstd", {"text": array(zstd(RAW)), "encoding": "base64"}, "zstd", "json"),
    ("chunks of plain text", {"text": array(RAW), "encoding": "base64"}, "gzip", "json"),
    ("hexadecimal chunks", {"text": array(ZIPPED, code=bytes.hex)}, "gzip", "json"),
    ("hexadecimal body", {"text": b"\x89PNG\0".hex(), "_isBinary": True}, None, "binary"),
    ("hexadecimal body that is none", {"text": BODY, "_isBinary": True}, None, "json"),
    ("gzip in base64", {"text": base(ZIPPED), "encoding": "base64"}, "gzip", "json"),
    ("gzip that no header names", {"text": base(ZIPPED), "encoding": "base64"}, None, "json"),
    ("unpacked, header kept", {"text": base(RAW), "encoding": "base64"}, "gzip", "json"),
    ("unpacked text, header kept", {"text": BODY}, "br", "json"),
    ("an array that is the body", {"text": '["a","b"]'}, None, "json"),
    ("chunks of brotli", {"text": array(b"\x0b\x02\x80\xffabc"), "encoding": "base64"}, "br",
     "absent"),
    ("broken chunks", {"text": '["H4sI!","x"]', "encoding": "base64"}, "gzip", "absent"),
    ("an array of something else", {"text": "[1,2]", "encoding": "base64"}, "gzip", "absent"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "header", "kind"), [pytest.param(*row[1:], id=row[0]) for row in PACKED]
)
def test_packed_bodies(run, entry, har, content, header, kind) -> None:
    headers = [{"name": "content-type", "value": "application/json"}]
    if kind == "binary":
        headers = [{"name": "content-type", "value": "image/png"}]
    if header:
        headers.append({"name": "Content-Encoding", "value": header})
    response = {"headers": headers, "content": {"size": 999, "mimeType": "", **content}}
    got = run(har(entry(response=response), creator="Polly.JS"))
    assert got.row["body_kind"] == kind
    assert got.kinds == (["unreadable_body"] if kind == "absent" else [])
    if kind == "json" and content["text"] != '["a","b"]':
        assert got.row["finish_reason"] == "stop"
        # Polly writes the size of what came over the network.
        assert got.row["response_bytes"] == len(RAW)


def test_a_stream_that_broke_off_inside_its_compression(run, entry, har) -> None:
    events = b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n' * 500
    packer = zlib.compressobj(wbits=31)
    cut = (packer.compress(events) + packer.flush(zlib.Z_SYNC_FLUSH))[:-1]
    headers = [
        {"name": "content-type", "value": "text/event-stream"},
        {"name": "content-encoding", "value": "gzip"},
    ]
    response = {"headers": headers, "content": {"text": array(cut), "encoding": "base64"}}
    row = run(har(entry(response=response), creator="Polly.JS")).row
    assert (row["body_kind"], row["stream_state"]) == ("sse", "truncated")
    assert row["visible_output"] is True


@pytest.mark.parametrize("size", [4 << 20, 40 << 20])
def test_a_bomb_is_no_body(size: int) -> None:
    bomb = gzip.compress(b"\0" * size, 9)
    assert inflated(bomb, {}, Budget()) is None
    raw = zlib.compress(b"\0" * size, 9)[2:-4]
    assert inflated(raw, {"content-encoding": "deflate"}, Budget(), raw=True) is None


def test_many_small_bombs_are_one_large_one() -> None:
    budget = Budget()
    small = gzip.compress(b"\0" * 60_000, 9)
    got = [inflated(small, {}, budget) for _ in range(2_000)]
    assert got[0] == b"\0" * 60_000
    assert got[-1] is None
    assert sum(len(data) for data in got if data) < 20 << 20
    # What an API answers goes on being read.
    assert inflated(ZIPPED, {}, Budget()) == RAW
    honest = gzip.compress(
        json.dumps([{"n": n, "t": f"{n * 7919}"} for n in range(9_000)]).encode()
    )
    many = Budget()
    assert all(inflated(honest, {}, many) for _ in range(200))


def test_the_limit_is_that_of_an_entry(run, entry, har) -> None:
    text = base(gzip.compress(json.dumps({"n": list(range(30_000))}).encode()))
    response = {"content": {"text": text, "encoding": "base64", "mimeType": "application/json"}}
    assert run(har(entry(response=response))).row["body_kind"] == "json"
    got = run(har(entry(response=response)), limits=Limits(entry_bytes=100_000))
    assert (got.row["body_kind"], got.kinds) == ("absent", ["unreadable_body"])
