"""From inputs of several kinds to one Analysis, through the library."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from cli import SAMPLES

import analyzer
from analyzer.errors import ConfigError, NothingUsable
from analyzer.pipeline import Options, run

OVERLOAD = SAMPLES / "upstream-overload"
USAGE_HEAD = (
    "generation_id,created_at,cost_total,cost_web_search,cost_cache,cost_file_processing,"
    "byok_usage_inference,tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,"
    "model_permaslug,provider_name,variant,cancelled,streamed,user,finish_reason_raw,"
    "finish_reason_normalized,generation_time_ms,time_to_first_token_ms,api_key_disabled,"
    "api_key_name,app_name\n"
)
NGINX = (
    '203.0.113.7 - - [22/Nov/2026:14:2{m}:44 +0000] "POST /v1/chat/completions HTTP/1.1" {s} 157 '
    '"-" "OpenAI/Python 1.40" rt={rt} ua="10.0.0.5:8080" us="{us}" ut="{rt}" uct="{uct}" uht="{uht}"\n'
)


@pytest.fixture
def usage(tmp_path: Path) -> Path:
    path = tmp_path / "usage.csv"
    row = (
        "gen-1782618417-a,2026-11-22 14:21:44.120,0.0123,0,0,0,0,10389,137,0,0,openai/gpt-oss-120b,"
        "Example,standard,false,true,,stop,stop,2940,1016,false,demo,demo\n"
    )
    path.write_text(USAGE_HEAD + row)
    return path


@pytest.fixture
def nginx(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_text(
        NGINX.format(m=0, s=502, rt="0.004", us=502, uct="-", uht="-")
        + NGINX.format(m=1, s=200, rt="1.204", us=200, uct="0.001", uht="0.400")
        + NGINX.format(m=2, s=504, rt="60.004", us=504, uct="0.001", uht="-")
        + "no log line at all\n"
    )
    return path


def test_usage_rows_of_another_time_settle_nothing(usage: Path) -> None:
    found = analyzer.analyze(OVERLOAD, usage)
    assert (found.billing.usage_rows, found.billing.settled) == (1, True)
    assert found.billing.usage_inputs == ["usage.csv"]
    assert "settles none of them" in found.billing.text
    assert {item.value for item in found.billing.outcomes} == {"not_covered"}
    assert not any("No usage export" in note.text for note in found.quality.not_measured)


def test_usage_alone_is_nothing_to_analyse(usage: Path) -> None:
    with pytest.raises(NothingUsable, match="1 usage rows and no attempts"):
        analyzer.analyze(usage)


def test_a_proxy_log_gives_verdicts_of_its_hop(nginx: Path) -> None:
    found = analyzer.analyze(nginx)
    assert found.totals.attempts == 3
    assert [(g.layer, g.cause) for g in found.groups] == [
        ("gateway", "upstream_connect_failure"),
        ("gateway", "upstream_timeout"),
    ]
    (problem,) = found.quality.problems
    assert (problem.input, problem.first_record, problem.count) == ("access.log", 4, 1)


def test_a_log_behind_the_same_host_and_time_is_not_counted_twice(tmp_path: Path) -> None:
    import json

    capture = json.loads((SAMPLES / "one-model-route-down" / "browser.har").read_text())
    entries = [e for e in capture["log"]["entries"] if "/v1/chat" in e["request"]["url"]]
    start = entries[0]["startedDateTime"]
    stamp = datetime.fromisoformat(start).astimezone(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    (tmp_path / "x.har").write_text(json.dumps(capture))
    (tmp_path / "access.log").write_text(
        f'203.0.113.7 - - [{stamp}] "POST /v1/chat/completions HTTP/1.1" 503 157 "-" "x"\n'
    )
    alone = analyzer.analyze(tmp_path / "x.har").totals
    both = analyzer.analyze(tmp_path / "x.har", tmp_path / "access.log").totals
    assert (both.attempts, both.failed) == (alone.attempts, alone.failed)
    assert (alone.corroborating, both.corroborating) == (0, 1)


def test_read_and_classify_give_frames() -> None:
    rows = analyzer.read(OVERLOAD)
    failed = analyzer.classify(OVERLOAD)
    llm = rows.filter(pl.col("llm"))
    assert llm.filter(~pl.col("ok")).height == failed.height == 11
    assert {"layer", "cause", "rule", "billing", "billing_basis"} <= set(failed.columns)
    assert failed["layer"].null_count() == 0


def test_the_order_of_inputs_changes_no_count() -> None:
    files = sorted((SAMPLES / "bad-key").glob("*.har"))
    one = analyzer.analyze(*files)
    two = analyzer.analyze(*reversed(files))
    assert one.totals == two.totals
    assert one.verdict.text == two.verdict.text
    assert {g.fingerprint: g.count for g in one.groups} == {
        g.fingerprint: g.count for g in two.groups
    }


def test_declared_gateway_makes_traffic_llm(tmp_path: Path) -> None:
    import json

    entry = {
        "startedDateTime": "2026-11-22T14:21:44.120Z",
        "time": 12,
        "request": {"method": "GET", "url": "https://llm.example/custom", "headers": []},
        "response": {
            "status": 503,
            "headers": [],
            "content": {"text": "", "mimeType": "", "size": 0},
        },
        "timings": {"send": 0, "wait": 12, "receive": 0},
    }
    path = tmp_path / "x.har"
    path.write_text(json.dumps({"log": {"version": "1.2", "creator": {}, "entries": [entry]}}))
    with pytest.raises(NothingUsable, match=r"--gateway llm\.example"):
        analyzer.analyze(path)
    assert analyzer.analyze(path, gateways=["llm.example"]).totals.failed == 1
    assert analyzer.analyze(path, all_traffic=True).totals.failed == 1


def test_a_missing_knowledge_directory_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="no such knowledge directory"):
        analyzer.analyze(OVERLOAD, knowledge=["nowhere"])


def test_a_suppressed_failure_is_counted_and_said(tmp_path: Path) -> None:
    (tmp_path / "knowledge.yaml").write_text(
        "suppress:\n  - id: upstream.anthropic-overloaded\n    why: ticket 12\n"
    )
    found = analyzer.analyze(OVERLOAD, knowledge=[tmp_path])
    assert found.totals.failed == 11
    assert found.verdict.of == sum(group.count for group in found.groups) == 2
    (note,) = [n for n in found.quality.notes if "ticket 12" in n.text]
    assert note.count == 9


def test_temporary_rows_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    import tempfile

    from analyzer import spill

    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(spill.Spill.__init__, "__defaults__", (1,))
    with run([str(OVERLOAD)], Options(rows=True)) as result:
        assert list(tmp_path.iterdir())
        assert result.collected.spill.scan().collect().height == 22
    assert not list(tmp_path.iterdir())
