"""The command line: forms, exit codes, and a clear sentence for everything that is wrong."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest
from cli import SAMPLES, analyze

OVERLOAD = SAMPLES / "upstream-overload"


def har(*entries: dict[str, object]) -> str:
    return json.dumps(
        {"log": {"version": "1.2", "creator": {"name": "t"}, "entries": list(entries)}}
    )


def entry(url: str, status: int, text: str = "", method: str = "POST") -> dict[str, object]:
    return {
        "startedDateTime": "2026-11-22T14:21:44.120Z",
        "time": 120,
        "request": {
            "method": method,
            "url": url,
            "headers": [],
            "postData": {"mimeType": "application/json", "text": '{"model":"m","messages":[]}'},
        },
        "response": {
            "status": status,
            "headers": [{"name": "content-type", "value": "application/json"}],
            "content": {"mimeType": "application/json", "text": text, "size": len(text)},
        },
        "timings": {"send": 1, "wait": 100, "receive": 19},
    }


@pytest.mark.parametrize(
    "args",
    [
        (OVERLOAD,),
        ("run", OVERLOAD),
        ("--format", "text", OVERLOAD),
        ("-v", OVERLOAD),
        ("--", OVERLOAD),
    ],
)
def test_forms_of_the_command(args: tuple[str | Path, ...]) -> None:
    done = analyze(*args)
    assert done.code == 0, done.err
    assert "pstream" in done.out


def test_first_screen_is_at_most_24_lines_of_80_columns() -> None:
    for sample in sorted(SAMPLES.iterdir()):
        if (sample / "expected.json").exists():
            done = analyze(sample)
            lines = done.out.rstrip("\n").split("\n")
            assert len(lines) <= 24, done.out
            assert max(map(len, lines)) <= 80, done.out


def test_quiet_is_the_verdict_line_and_quieter_is_nothing() -> None:
    whole = analyze(OVERLOAD, "--format", "json")
    text = json.loads(whole.out)["verdict"]["text"]
    assert text in analyze(OVERLOAD, "-q").out
    assert analyze(OVERLOAD, "-qq").out == ""


def test_the_verdict_is_the_same_sentence_in_every_output(tmp_path: Path) -> None:
    text = json.loads(analyze(OVERLOAD, "--format", "json").out)["verdict"]["text"]
    analyze(OVERLOAD, "-o", tmp_path / "r.html", "-o", tmp_path / "r.md", "-o", tmp_path / "r.json")
    import html
    import re

    page = html.unescape(re.sub(r"<[^>]+>", "", (tmp_path / "r.html").read_text()))
    assert text in re.sub(r"\s+", " ", page)
    markdown = re.sub(r"\s+", " ", (tmp_path / "r.md").read_text().replace("\\", ""))
    assert text in html.unescape(markdown)
    assert json.loads((tmp_path / "r.json").read_text())["verdict"]["text"] == text
    screen = re.sub(r"\s+", " ", analyze(OVERLOAD).out)
    assert text in screen


def test_a_saved_analysis_renders_the_same(tmp_path: Path) -> None:
    saved = tmp_path / "a.json"
    analyze(OVERLOAD, "-o", saved, "-o", tmp_path / "direct.html")
    done = analyze("render", saved, "-o", tmp_path / "again.html")
    assert done.code == 0, done.err
    assert (tmp_path / "direct.html").read_bytes() == (tmp_path / "again.html").read_bytes()


def test_output_is_the_same_twice(tmp_path: Path) -> None:
    first, second = (analyze(OVERLOAD, "--format", "json").out for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("name", "data", "code", "said"),
    [
        ("empty.har", b"", 3, "empty"),
        ("text.har", b"hello world\n", 3, "text.har"),
        ("list.har", b"[1, 2, 3]", 3, "list.har"),
        (
            "deep.har",
            b'{"log":{"entries":[' + b"[" * 10_000 + b"]" * 10_000 + b"]}}",
            3,
            "deep.har",
        ),
        (
            "no-llm.har",
            har(entry("https://cdn.example/x.js", 200, method="GET"))
            .encode()
            .replace(b'\\"messages\\":[]', b'\\"x\\":1'),
            3,
            "--gateway cdn.example",
        ),
        ("none.har", har().encode(), 3, "none.har"),
    ],
)
def test_nothing_usable_is_one_clear_sentence(
    tmp_path: Path, name: str, data: bytes, code: int, said: str
) -> None:
    (tmp_path / name).write_bytes(data)
    done = analyze(tmp_path / name)
    assert done.code == code, done.err
    assert said in done.err
    assert done.out == ""
    assert str(tmp_path) not in done.err


def test_missing_file() -> None:
    done = analyze("nowhere/there.har")
    assert done.code == 3
    assert "there.har" in done.err


def test_one_missing_file_beside_a_good_one_is_said_and_the_run_goes_on() -> None:
    done = analyze(OVERLOAD, "nowhere.har", "-v")
    assert done.code == 0
    assert "nowhere.har" in done.out
    assert analyze(OVERLOAD, "nowhere.har", "--strict").code == 4


def test_folder_without_captures(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = analyze(tmp_path)
    assert done.code == 3
    assert done.err.count("\n") <= 3


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--formt", "json"), "--formt"),
        (("--format", "jsn"), "Did you mean 'json'"),
        (("-o", "x.pfd"), ".html, "),
        (("--fail-on", "upstrem"), "Did you mean 'upstream'"),
        (("--knowledge", "no-such-dir"), "no-such-dir"),
        (("--config", "no.toml"), "no.toml"),
        (("--color", "blue"), "auto, always, never"),
    ],
)
def test_usage_errors(args: tuple[str, ...], said: str) -> None:
    done = analyze(OVERLOAD, *args)
    assert done.code == 2, done.err
    assert said in done.err


def test_gates() -> None:
    assert analyze(OVERLOAD, "--fail-on", "upstream").code == 1
    assert analyze(SAMPLES / "healthy", "--fail-on", "any", "--fail-on", "success<100").code == 0


def test_bomb_stops_early(tmp_path: Path) -> None:
    path = tmp_path / "bomb.har.gz"
    block = b" " * (1 << 20)
    with gzip.open(path, "wb", compresslevel=9) as out:
        out.write(b'{"log":{"entries":[')
        for _ in range(2048):
            out.write(block)
    done = analyze(path)
    assert done.code == 3
    assert "bomb" in done.err or "ratio" in done.err


def test_archive_stdin_glob_and_folder_agree(tmp_path: Path) -> None:
    capture = sorted(OVERLOAD.glob("*.har"))[0]
    text = json.loads(analyze(capture, "--format", "json").out)["verdict"]["text"]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(capture, "x.har")
    (tmp_path / "x.har.gz").write_bytes(gzip.compress(capture.read_bytes()))
    runs = [
        analyze(tmp_path / "x.zip", "--format", "json"),
        analyze(tmp_path / "x.har.gz", "--format", "json"),
        analyze("-", "--format", "json", stdin=capture.read_bytes()),
        analyze(str(tmp_path / "*.gz"), "--format", "json"),
    ]
    assert [json.loads(run.out)["verdict"]["text"] for run in runs] == [text] * len(runs)


def test_a_broken_rule_of_the_user_is_said_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "broken.md").write_text("---\nid: local.broken\nlayr: edge\n---\n")
    done = analyze(OVERLOAD, "--knowledge", tmp_path, "-v")
    assert done.code == 0, done.err
    assert "rule left" in done.out
    assert "broken.md" in done.out
    assert str(tmp_path) not in done.out


def test_overwriting_an_input_is_refused(tmp_path: Path) -> None:
    capture = tmp_path / "x.json"
    capture.write_bytes(sorted(OVERLOAD.glob("*.har"))[0].read_bytes())
    before = capture.read_bytes()
    done = analyze(capture, "-o", capture)
    assert (done.code, capture.read_bytes()) == (2, before)
    assert "overwrite" in done.err


def test_ascii_terminal_gets_ascii() -> None:
    done = analyze(OVERLOAD, PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert done.out.isascii()


def test_jsonl_has_the_fields_of_the_contract() -> None:
    from analyzer import sink

    done = analyze(OVERLOAD, "--format", "jsonl")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert rows
    for row in rows:
        assert list(row) == [name for name, _ in sink.FIELDS]
        assert (row["layer"] is None) == (row["ok"] is not False)


def test_explain_shows_conditions_and_why_not() -> None:
    rows = [json.loads(line) for line in analyze(OVERLOAD, "--format", "jsonl").out.splitlines()]
    failed = next(row for row in rows if row["ok"] is False)
    place = f"{failed['input']}#{failed['record']}"
    done = analyze("explain", OVERLOAD, place)
    assert done.code == 0, done.err
    assert failed["rule"] in done.out
    assert "✓" in done.out
    why_not = analyze("explain", OVERLOAD, place, "--rule", "edge.cloudflare-524")
    assert why_not.code == 0, why_not.err
    assert "✗" in why_not.out
    assert analyze("explain", OVERLOAD, place, "--rule", "edge.cloudflare-52").code == 2
    good = next(row for row in rows if row["ok"])
    told = analyze("explain", OVERLOAD, f"{good['input']}#{good['record']}")
    assert told.code == 2
    assert "succeeded" in told.err
