"""Every capture of other projects is read without an exception, and whole."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from analyzer.errors import Problem
from analyzer.ingest import capture

pytestmark = pytest.mark.corpus


def index(folder: Path) -> list[dict[str, str]]:
    with (folder / "INDEX.tsv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_every_har_is_read_whole(corpus: Path) -> None:
    for about in index(corpus / "har"):
        path = corpus / "har" / about["file"]
        if not path.exists() or path.suffix == ".yaml":
            continue
        problems: list[Problem] = []
        frame = capture.read_frame([str(path)], problems=problems)
        assert "internal" not in {problem.kind for problem in problems}, about["file"]
        if about["entries"]:
            left_out = sum(p.count for p in problems if p.lost)
            assert frame.height + left_out == int(about["entries"]), about["file"]
        statuses = dict(part.split("×") for part in about["statuses"].split("; ") if "×" in part)
        for status, count in statuses.items():
            wanted = None if status in ("0", "-1") else int(status)
            got = frame["status"].to_list().count(wanted)
            assert got == int(count), (about["file"], status)


def test_the_derived_captures_are_read_as_far_as_they_go(corpus: Path) -> None:
    expected = {
        "mitmproxy+mitmproxy__chrome.truncated-mid-entry.har": (1, {"truncated"}),
        "mitmproxy+mitmproxy__chrome.truncated-mid-utf8-utf16.har": (0, {"truncated"}),
        "mitmproxy+mitmproxy__flows_error_log.zhar": (None, set()),
        "microsoft+playwright__har-sha1.har.zip": (1, set()),
        "haralyzer+haralyzer__single_entry.har": (None, set()),
        "sitespeedio+compare__browsertime-firefox-wikipedia.har.gz": (None, set()),
    }
    for name, (height, kinds) in expected.items():
        problems: list[Problem] = []
        frame = capture.read_frame([str(corpus / "har" / name)], problems=problems)
        assert {problem.kind for problem in problems} == kinds, name
        assert frame.height == height if height is not None else frame.height > 0, name


def test_nginx_logs(corpus: Path) -> None:
    read = {"nginx_combined/vectordotdev+vrl__parse_nginx_log_combined.log": 6,
            "nginx_main/vectordotdev+vrl__parse_nginx_log_main.log": 4,
            "nginx_malformed/crowdsecurity+hub__hub-nginx-http-malformed.log": 12}  # fmt: skip
    for name, height in read.items():
        problems: list[Problem] = []
        frame = capture.read_frame([str(corpus / "logs" / name)], problems=problems)
        own = frame.filter(frame["format"] == "combined")
        assert own.height == height, name
        assert {problem.kind for problem in problems} <= {"bad_line", "assumed_zone"}, name
