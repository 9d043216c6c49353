"""Each lint finds what it is for, and is silent about a sound catalogue."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analyzer import columns
from analyzer.engine import lint, lock, rule_file
from analyzer.engine.lint import ERROR, WARNING, Catalogue
from analyzer.engine.lint.catalogue import read

Found = list[tuple[str, str, str]]


def catalogue(*texts: str, **more: Any) -> Catalogue:
    parsed = []
    for text in texts:
        rule_id = next(one for one in text.split("\n") if one.startswith("id: "))[5:-1]
        path = f"knowledge/{rule_id.replace('.', '/')}.md"
        parsed.append(rule_file.parse(text, path, {}))
    return Catalogue(parsed, **more)


def issues(code: str, *texts: str, **more: Any) -> Found:
    """Return severity, place and message of the issues of one code."""
    chosen = [one for one in lint.lints() if one.code == code]
    assert chosen, code
    found = lint.run(catalogue(*texts, **more), chosen)
    return [(one.severity, str(one.location), one.message) for one in found if one.code == code]


def test_a_sound_catalogue_is_clean(make: Any) -> None:
    assert lint.run(catalogue(make.text(), make.text(**make.unclassified))) == []


def test_lints_have_their_own_codes_and_a_line_for_the_docs() -> None:
    codes = [one.code for one in lint.lints()]

    assert len(codes) == len(set(codes)) >= 16
    assert all(one.doc for one in lint.lints())


def test_what_reading_found_becomes_issues(make: Any) -> None:
    found = lint.run(catalogue(make.text(tier="x", nonsense=1, match={"statu": 1})))

    assert [(one.code, one.severity) for one in found if one.code != "KB040"] == [
        ("KB001", ERROR), ("KB010", ERROR), ("KB002", ERROR),
    ]  # fmt: skip
    assert str(found[0]).startswith("knowledge/gateway/sample.md:6:1 KB001 tier: 'x' is not one of")


def test_an_id_that_is_not_the_path(make: Any) -> None:
    wrong = Catalogue([rule_file.parse(make.text("edge.a"), "knowledge/edge/b.md", {})])

    ((severity, place, message),) = [
        (i.severity, str(i.location), i.message) for i in lint.run(wrong) if i.code == "KB003"
    ]
    assert (severity, place) == (ERROR, "knowledge/edge/b.md:2:1")
    assert "says 'edge.b'" in message
    assert issues("KB003", make.text()) == []


def test_an_id_used_twice_or_again_as_a_former_one(make: Any) -> None:
    assert len(issues("KB004", make.text(), make.text())) == 1
    assert len(issues("KB004", make.text(), make.text("edge.a", aliases=["gateway.sample"]))) == 1
    assert issues("KB004", make.text(), make.text("edge.a")) == []


def test_too_few_examples(make: Any) -> None:
    few = {"match": [{"status": 503}], "no_match": [{"status": 1}, {"server": "x"}]}

    assert issues("KB020", make.text(examples=few)) == [
        (ERROR, "knowledge/gateway/sample.md:12:12", "1 'match' examples; at least 2 are needed")
    ]
    assert issues("KB020", make.text(examples=few, status="draft"))[0][0] == WARNING


def test_an_example_that_does_not_do_what_it_says(make: Any) -> None:
    wrong = {
        "match": [{"status": 503}, {"status": 502}],
        "no_match": [{"status": 1}, {"status": 503}],
        "todo": [{"status": 500}],
    }

    found = {
        message: severity for severity, _, message in issues("KB021", make.text(examples=wrong))
    }

    assert found == {
        "this row does not match; false: status (status eq 503)": ERROR,
        "this row matches, though it should not; true: status eq 503": ERROR,
        "a known gap; false: status (status eq 503)": WARNING,
    }
    assert issues("KB021", make.text()) == []


def test_a_condition_that_no_example_needs(make: Any) -> None:
    match = {"status": 503, "not": [{"body_kind": "json"}]}
    untested = issues("KB022", make.text(match=match))
    examples = {
        "match": [{"status": 503}, {"status": 503, "body_kind": "html"}],
        "no_match": [{"status": 502}, {"status": 503, "body_kind": "json"}],
    }

    assert [(place, "not.0.body_kind" in message) for _, place, message in untested] == [
        ("knowledge/gateway/sample.md:11:33", True)
    ]
    assert issues("KB022", make.text(match=match, examples=examples)) == []


def test_the_only_condition_of_an_any_branch_counts_as_the_branch(make: Any) -> None:
    match = {"any": [{"status": 503}, {"server": "x"}]}
    examples = {
        "match": [{"status": 503}, {"status": 503}],
        "no_match": [{"status": 1}, {"via": "y"}],
    }

    assert [
        message.split("'")[1]
        for _, _, message in issues("KB022", make.text(match=match, examples=examples))
    ] == ["any.1.server"]


CONTEXT = {"requires": [{"models_endpoint_ok": {"within": "1m"}}]}
PROBE = {"t": "00:10", "endpoint": "models", "ok": True}
TRUE = {"name": "t", "rows": [{"t": "00:00", "status": 503, "_expect": "gateway.sample"}, PROBE]}
FALSE = {"name": "f", "rows": [{"t": "00:00", "status": 503}, {**PROBE, "ok": False, "status": 1}]}
SILENT = {"name": "u", "rows": [{"t": "00:00", "status": 503}]}


def with_traces(make: Any, *traces: Any, **changes: Any) -> str:
    examples = {**make.front()["examples"], "traces": list(traces)}
    return str(make.text(examples=examples, context=CONTEXT, **changes))


@pytest.mark.parametrize(
    ("traces", "missing"),
    [
        ((), ["false", "true"]),
        ((TRUE,), ["false"]),
        ((FALSE, SILENT), ["true"]),
        ((TRUE, FALSE), []),
    ],
)
def test_what_is_required_is_shown_both_ways(make: Any, traces: Any, missing: list[str]) -> None:
    found = issues("KB023", with_traces(make, *traces))

    assert [message.rsplit(" ", 1)[1] for _, _, message in found] == missing


def test_traces_are_run(make: Any) -> None:
    lie = {"name": "lie", "rows": [{**TRUE["rows"][0], "_expect": None}, PROBE]}
    hope = {"name": "hope", "rows": [{"t": "00:00", "status": 503, "_expect": "gateway.sample"}]}

    assert issues("KB024", with_traces(make, TRUE, FALSE, SILENT)) == []
    assert [message for _, _, message in issues("KB024", with_traces(make, lie, hope))] == [
        "'lie': it should not get this rule",
        "'hope': gateway.sample expected, got unknown.unclassified",
    ]


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"layer": "client"}, 1),
        ({"billing": {"expected": "unknown", "why": "?"}}, 1),
        ({}, 0),
        ({"layer": "client", "tier": "general"}, 0),
        ({"layer": "client", "supersedes": ["gateway.sample"]}, 0),
        ({"layer": "client", "match": {"status": 504}}, 0),
        ({"layer": "client", "context": {"requires": ["immediate"]}}, 0),
    ],
)
def test_two_rules_that_disagree(make: Any, changes: dict[str, Any], count: int) -> None:
    assert len(issues("KB030", make.text(), make.text("client.other", **changes))) == count


def test_a_rule_that_never_speaks_even_for_its_own_examples(make: Any) -> None:
    winner = make.text("edge.winner", supersedes=["gateway.sample"])

    ((severity, place, message),) = issues("KB031", winner, make.text())
    assert (severity, place) == (WARNING, "knowledge/gateway/sample.md:12:12")
    assert "edge.winner" in message
    assert issues("KB031", make.text("edge.winner", match={"status": 504}), make.text()) == []


def test_a_rule_that_no_sample_shows(make: Any, rows: Any) -> None:
    assert issues("KB032", make.text()) == []
    assert issues("KB032", make.text(), corpus=rows({"status": 503})) == []
    assert len(issues("KB032", make.text(), corpus=rows({"status": 1}))) == 1
    assert issues("KB032", make.text(), corpus=columns.empty()) == []


@pytest.mark.parametrize(
    ("others", "supersedes", "severity", "said"),
    [
        ({}, ["edge.nobody"], ERROR, "there is no rule 'edge.nobody'"),
        ({"edge.a": {"tier": "general"}}, ["edge.a"], WARNING, "no effect: 'edge.a' is general"),
        ({"edge.a": {"supersedes": ["edge.b"]}, "edge.b": {}}, ["edge.a", "edge.b"], WARNING,
         "'edge.b' already follows"),
        ({"edge.a": {"supersedes": ["gateway.sample"]}}, ["edge.a"], ERROR, "round in a circle"),
    ],
)  # fmt: skip
def test_edges_that_lead_nowhere(
    make: Any, others: dict[str, Any], supersedes: list[str], severity: str, said: str
) -> None:
    texts = [make.text(name, **changes) for name, changes in others.items()]

    ((found, _, message),) = issues("KB033", make.text(supersedes=supersedes), *texts)
    assert found == severity
    assert said in message
    assert issues("KB033", make.text(supersedes=["edge.a"]), make.text("edge.a")) == []


@pytest.mark.parametrize(
    ("body", "place", "said"),
    [
        ("", "16:1", "the headings must be"),
        ("## Meaning\nx\n## Fix\ny\n", "18:1", "the headings must be"),
        ("BODY\n## More\nx\n", "16:1", "the headings must be"),
        ("EMPTY", "22:1", "'Diagnosis' is empty"),
    ],
)
def test_headings(make: Any, body: str, place: str, said: str) -> None:
    text = body.replace("BODY", make.body)
    if body == "EMPTY":
        text = make.body.replace("Text of Diagnosis.", "")

    ((_, where, message),) = issues("KB040", make.text(body=text))
    assert where == f"knowledge/gateway/sample.md:{place}"
    assert said in message


def test_a_heading_inside_a_code_block_is_text(make: Any) -> None:
    body = make.body.replace("Text of Fix.", "```\n## not a heading\n```")

    assert issues("KB040", make.text(body=body)) == []


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"title": "{{ hots }} failed"}, "4:1"),
        ({"next": {"user": ["Ask {{ nobody }}"]}}, "15:17"),
        ({"body": "BODY{% if x %}"}, "30:1"),
    ],
)
def test_placeholders_that_cannot_be_filled(make: Any, changes: dict[str, Any], place: str) -> None:
    if "body" in changes:
        changes = {"body": changes["body"].replace("BODY", make.body)}

    assert [
        where.partition(".md:")[2] for _, where, _ in issues("KB042", make.text(**changes))
    ] == [place]
    fine = make.text(title="{{ emitter }} of {{behind}} at {{ host }}")
    assert issues("KB042", fine) == []


def test_links_that_lead_nowhere(make: Any) -> None:
    body = make.body.replace("Text of Fix.", "See [[gateway.sample]] and [[gateway.sampel]].")

    ((severity, _, message),) = issues("KB043", make.text(body=body))
    assert severity == ERROR
    assert message == "[[gateway.sampel]] names no rule. Did you mean 'gateway.sample'?"


def test_certain_needs_a_reference(make: Any) -> None:
    assert len(issues("KB044", make.text(confidence="certain", references=[]))) == 1
    assert issues("KB044", make.text(confidence="certain")) == []
    assert issues("KB044", make.text(confidence="high", references=[])) == []


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({}, None),
        ({"title": "Another title"}, None),
        ({"confidence": "low"}, ERROR),
        ({"match": {"status": 504}}, ERROR),
        ({"context": {"raises": ["immediate"]}}, ERROR),
        ({"supersedes": ["edge.a"]}, ERROR),
        ({"billing": {"expected": "billed", "why": "x"}}, ERROR),
        ({"confidence": "low", "rev": 2}, WARNING),
    ],
)
def test_a_changed_verdict_needs_a_new_revision(
    make: Any, changes: dict[str, Any], severity: str | None
) -> None:
    locked = lock.make([make.rule()])
    found = issues("KB050", make.text(**changes), lock=locked)

    assert [one[0] for one in found] == ([severity] if severity else [])


def test_a_lock_that_knows_too_little_or_too_much(make: Any) -> None:
    assert [one[0] for one in issues("KB050", make.text(), lock={})] == [WARNING]
    gone = lock.make([make.rule(), make.rule("edge.gone")])
    assert "'edge.gone' is gone" in issues("KB050", make.text(), lock=gone)[0][2]
    assert issues("KB050", make.text(), make.text("edge.new", aliases=["edge.gone"]),
                  lock={**gone, **lock.make([make.rule("edge.new")])}) == []  # fmt: skip
    assert issues("KB050", make.text(rev=1), lock=lock.make([make.rule(rev=3)]))[0][2] == (
        "'rev' went back from 3 to 1"
    )


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("Incorrect API key provided: sk-" + "a1b2c3d4" * 4, "an API key"),
        ("Authorization: Bearer " + "Zx9" * 10, "a bearer token"),
        ("AKIA" + "ABCDEFGH12345678", "an AWS key id"),
        ("eyJ" + "hbGciOiJIUzI1" + ".eyJ" + "zdWIiOiIxMjM0" + ".abc", "a JSON Web Token"),
        ("mail jane.doe@" + "company.com", "an e-mail address"),
        ("sk-test-0000000000000000", None),
        ("key_model_access_denied_here", None),
        ("someone@mail.example", None),
    ],
)
def test_secrets_and_people_in_examples(make: Any, value: str, what: str | None) -> None:
    examples = {**make.front()["examples"], "todo": [{"error_message": value}]}
    found = issues("KB060", make.text(examples=examples))

    assert [message for _, _, message in found] == (
        [f"'error_message' holds what looks like {what}"] if what else []
    )


# -- reading a directory and the command -------------------------------------------------------


def test_a_directory_is_read_whole_even_if_files_are_broken(make: Any, tmp_path: Path) -> None:
    root = make.directory(
        tmp_path / "k",
        make.text(match={"server": {"in": "$ids"}}),
        make.text("edge.bad", tier="x"),
        _lists__ids="[a]",
        _lists__bad="{a: 1}",
        providers="a: [",
    )

    found = read(root)

    assert [file.rule.id if file.rule else None for file in found.files] == [
        None, "gateway.sample", "unknown.unclassified",
    ]  # fmt: skip
    assert [problem.code for problem in found.problems] == ["KB001", "KB001"]
    assert found.packaged


def test_a_users_directory_may_name_packaged_rules(make: Any, tmp_path: Path) -> None:
    known = next(iter(read_known()))
    (tmp_path / "a.md").write_text(make.text("local.a", supersedes=[known]))

    found = read(tmp_path)

    assert not found.packaged
    assert lint.run(found) == []


def read_known() -> set[str]:
    from analyzer import data

    return {file.rule.id for file in read(data.root("knowledge")).files if file.rule}


def test_the_module_prints_issues_and_exits_with_one_if_there_are_errors(
    make: Any, tmp_path: Path
) -> None:
    good = make.directory(tmp_path / "good", make.text())
    bad = make.directory(tmp_path / "bad", make.text(tier="x"))
    command = [sys.executable, "-m", "analyzer.engine.lint"]

    clean = subprocess.run([*command, str(good)], capture_output=True, text=True, check=False)
    broken = subprocess.run([*command, str(bad)], capture_output=True, text=True, check=False)

    assert (clean.returncode, clean.stdout) == (0, "2 rules, 0 errors, 0 warnings\n")
    assert broken.returncode == 1
    assert "sample.md:6:1 KB001 tier: 'x' is not one of" in broken.stdout
