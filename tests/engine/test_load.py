"""Loading: packaged and user's directories, overrides, the cache."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analyzer.engine import cache, files
from analyzer.engine.load import load
from analyzer.errors import ConfigError


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def base(make: Any, tmp_path: Path) -> Path:
    return Path(
        make.directory(
            tmp_path / "knowledge",
            make.text("gateway.sample", evidence=["resp_header.x-why"]),
            make.text("edge.other", match={"status": 504, "resp_header.cf-ray": {"exists": True}}),
        )
    )


def user(tmp_path: Path, **named: str) -> Path:
    """A user's directory; ``a_md`` is the file a.md."""
    root = tmp_path / "mine"
    root.mkdir(exist_ok=True)
    for name, content in named.items():
        (root / name.replace("_", ".")).write_text(content, encoding="utf-8")
    return root


def messages(kb: Any) -> str:
    return "\n".join(problem.message for problem in kb.problems)


def test_rules_are_sorted_and_their_headers_collected(base: Path) -> None:
    kb = load(base)

    assert [rule.id for rule in kb.rules] == [
        "edge.other",
        "gateway.sample",
        "unknown.unclassified",
    ]
    assert kb.headers == {"resp_header.x-why", "resp_header.cf-ray"}
    assert kb.problems == ()
    assert len(kb.version) == 12


def test_data_files_are_kept_by_path_and_lists_are_put_in(make: Any, tmp_path: Path) -> None:
    root = make.directory(
        tmp_path / "k",
        make.text(match={"server": {"in": "$ids"}}),
        _lists__ids="[a, b]",
        providers="[{slug: acme, name: Acme}]",
        gateways__acme="{id: acme, name: The gateway}",
    )
    kb = load(root)

    assert kb.rule("gateway.sample").match == {"server": {"in": ["a", "b"]}}
    assert set(kb.data) == {"providers", "gateways/acme"}
    assert kb.names["acme"] == "The gateway"
    assert kb.signals.providers[0].slug == "acme"


def test_a_directory_that_is_not_there_is_an_error(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such knowledge directory"):
        load(base, [tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tier": "x"}, "gateway/broken.md:6:1: tier: 'x' is not one of"),
        ({"match": {"statu": 1}}, "gateway/broken.md:11:9: match.statu"),
        ({"supersedes": ["gateway.sample"]}, "gateway.broken -> gateway.sample -> gateway.broken"),
    ],
)
def test_a_broken_packaged_rule_is_an_error_with_its_place(
    make: Any, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    root = make.directory(
        tmp_path / "k",
        make.text("gateway.broken", **change),
        make.text("gateway.sample", supersedes=["gateway.broken"]),
    )

    with pytest.raises(ConfigError) as caught:
        load(root)

    assert said in str(caught.value)


def test_two_packaged_files_with_one_id_are_an_error(make: Any, tmp_path: Path) -> None:
    root = make.directory(tmp_path / "k", make.text("gateway.sample"))
    (root / "gateway" / "copy.md").write_text(make.text("gateway.sample"))

    with pytest.raises(ConfigError, match=r"already that of gateway/copy\.md"):
        load(root)


# -- the user's own ----------------------------------------------------------------------------


def test_a_users_rule_joins(make: Any, base: Path, tmp_path: Path) -> None:
    kb = load(base, [user(tmp_path, a_md=make.text("local.mine"), README_md="no rule")])

    assert kb.rule("local.mine").builtin is False
    assert kb.rule("gateway.sample").builtin is True
    assert kb.problems == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("nothing", "a.md:1:1: the first line"),
        ("rule:tier", "a.md:6:1: tier: 'x' is not one of"),
        ("rule:same", "a.md:2:1: id 'gateway.sample' is already that of gateway/sample.md"),
    ],
)
def test_a_broken_rule_of_a_user_is_left_out_and_said(
    make: Any, base: Path, tmp_path: Path, content: str, said: str
) -> None:
    text = {"rule:tier": make.text("local.a", tier="x"), "rule:same": make.text()}.get(
        content, content
    )

    kb = load(base, [user(tmp_path, a_md=text, b_md=make.text("local.fine"))])

    assert said in messages(kb)
    assert "(rule left out)" in messages(kb)
    assert kb.rule("local.fine")
    assert len(kb.rules) == 4


OVERRIDE = """---
extends: {id: gateway.sample, rev: %s}
override:
  confidence: low
  billing: {expected: billed}
  references: {append: [{url: 'https://mine.example', date: 2026-11-22}]}
  match: {and: {host: llm.example}}
---
"""


def test_an_override_changes_what_it_names(base: Path, tmp_path: Path) -> None:
    kb = load(base, [user(tmp_path, a_md=OVERRIDE % 1)])
    rule = kb.rule("gateway.sample")

    assert (rule.confidence, rule.billing_expected, rule.builtin) == ("low", "billed", False)
    assert rule.billing_why == "Refused before the model ran."
    assert [one.url for one in rule.references] == [
        "https://docs.example/503",
        "https://mine.example",
    ]
    assert rule.match == {"all": [{"status": 503}, {"host": "llm.example"}]}
    assert rule.sections["Fix"] == "Text of Fix."
    assert kb.problems == ()


def test_an_override_of_a_rule_that_has_moved_on_warns(base: Path, tmp_path: Path) -> None:
    kb = load(base, [user(tmp_path, a_md=OVERRIDE % 7)])

    assert kb.rule("gateway.sample").confidence == "low"
    assert "is at revision 1 now, the override was written for 7" in messages(kb)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "extends: {id: gateway.sampel, rev: 1}",
            "a.md:2:11: there is no rule 'gateway.sampel'. Did you",
        ),
        ("extends: {id: gateway.sample}", "a.md:2:1: expected {id: …, rev: …}"),
        ("extends: {id: gateway.sample, rev: 1}\ntitle: x", "a.md:3:1: beside 'extends' only"),
        ("extends: {id: gateway.sample, rev: 1}\noverride: {id: x}", "'id' cannot be overridden"),
        (
            "extends: {id: gateway.sample, rev: 1}\noverride: {references: []}",
            "a list takes append",
        ),
        ("extends: {id: gateway.sample, rev: 1}\noverride: {match: {status: 1}}", "replace or and"),
        (
            "extends: {id: gateway.sample, rev: 1}\noverride: {tier: x}",
            "a.md:3:12: tier: 'x' is not one",
        ),
        (
            "extends: {id: gateway.sample, rev: 1}\noverride:\n  match: {and: {hots: x}}",
            "Did you mean 'host",
        ),
    ],
)
def test_a_broken_override_leaves_the_packaged_rule(
    base: Path, tmp_path: Path, content: str, said: str
) -> None:
    kb = load(base, [user(tmp_path, a_md=f"---\n{content}\n---\n")])

    assert said in messages(kb)
    assert kb.rule("gateway.sample").builtin is True


def test_list_verbs(base: Path, tmp_path: Path) -> None:
    from analyzer.engine.overlay import merge

    before = {"evidence": ["a", "b"], "next": {"user": ["x"]}}

    assert merge(before, {"evidence": {"remove": ["a"], "append": ["c"]}})["evidence"] == ["b", "c"]
    assert merge(before, {"evidence": {"replace": ["z"]}})["evidence"] == ["z"]
    assert merge(before, {"next": {"user": {"append": ["y"]}}})["next"] == {"user": ["x", "y"]}
    assert merge(before, {"decided_by": {"append": ["y"]}})["decided_by"] == ["y"]
    assert before == {"evidence": ["a", "b"], "next": {"user": ["x"]}}


def test_a_circle_through_users_rules_leaves_those_out(
    make: Any, base: Path, tmp_path: Path
) -> None:
    mine = user(
        tmp_path,
        a_md=make.text("local.a", supersedes=["local.b"]),
        b_md=make.text("local.b", supersedes=["local.a"]),
    )

    kb = load(base, [mine])

    assert "local.a -> local.b -> local.a" in messages(kb)
    assert [rule.id for rule in kb.rules if rule.folder == "local"] == []


def test_an_override_that_closes_a_circle_gives_way_to_the_packaged_rule(
    make: Any, base: Path, tmp_path: Path
) -> None:
    override = (
        "---\nextends: {id: gateway.sample, rev: 1}\n"
        "override: {supersedes: {append: [local.a]}}\n---\n"
    )
    mine = user(tmp_path, o_md=override, a_md=make.text("local.a", supersedes=["gateway.sample"]))

    kb = load(base, [mine])

    assert kb.rule("gateway.sample").builtin is True
    assert kb.rule("local.a") is None
    assert "round in a circle" in messages(kb)


def test_a_user_makes_a_list_longer_that_a_packaged_rule_refers_to(
    make: Any, tmp_path: Path
) -> None:
    root = make.directory(
        tmp_path / "k", make.text(match={"server": {"in": "$ids"}}), _lists__ids="[a]"
    )
    mine = user(tmp_path, knowledge_yaml="lists: {ids: [b]}\n")

    assert load(root, [mine]).rule("gateway.sample").match == {"server": {"in": ["a", "b"]}}


SETTINGS = """
disable: [edge.other, edge.nothing]
suppress:
  - {id: gateway.sample, why: Known., until: 2020-01-01}
  - {id: gateway.sample, why: For ever., where: {host: old.example}}
  - {id: gateway.sample, why: Broken., where: {hots: x}}
lists: {ids: [c]}
"""


def test_knowledge_yaml_disables_suppresses_and_lengthens_lists(
    make: Any, base: Path, tmp_path: Path
) -> None:
    mine = user(
        tmp_path,
        knowledge_yaml=SETTINGS,
        a_md=make.text("local.a", match={"server": {"in": "$ids"}}),
    )

    kb = load(base, [mine])

    assert kb.rule("edge.other") is None
    assert kb.disabled == ("edge.other",)
    assert [one.why for one in kb.suppressions] == ["For ever."]
    assert kb.rule("local.a").match == {"server": {"in": ["c"]}}
    told = messages(kb)
    assert "there is no rule 'edge.nothing' to disable" in told
    assert "the suppression of 'gateway.sample' ended on 2020-01-01" in told
    assert "suppress.2.where: hots: there is no column" in told


def test_a_broken_knowledge_yaml_is_said(base: Path, tmp_path: Path) -> None:
    kb = load(base, [user(tmp_path, knowledge_yaml="disabled: [x]\n", more_yaml="a: [\n")])

    assert "knowledge.yaml:1:1: disabled:" in messages(kb)
    assert "more.yaml:2:1: no YAML" in messages(kb)
    assert len(kb.rules) == 3


def test_a_users_entries_come_before_the_packaged_ones(make: Any, tmp_path: Path) -> None:
    root = make.directory(tmp_path / "k", providers="[{slug: a, name: A}]")
    mine = user(tmp_path, providers_yaml="[{slug: mine, name: Mine}]")

    assert [one["slug"] for one in load(root, [mine]).data["providers"]] == ["mine", "a"]


# -- order and cache ---------------------------------------------------------------------------


def test_the_order_of_files_on_disk_never_matters(
    make: Any, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = user(tmp_path, b_md=make.text("local.b"), a_md=make.text("local.a"))
    first = load(base, [mine], cached=False)
    scandir = os.scandir

    class Shuffled:
        def __init__(self, path: str) -> None:
            with scandir(path) as entries:
                self.entries = random.Random(3).sample(found := list(entries), len(found))

        def __enter__(self) -> list[Any]:
            return self.entries[::-1]

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(files.os, "scandir", Shuffled)

    assert load(base, [mine], cached=False) == first


def test_what_the_cache_gives_back_equals_what_was_read(base: Path) -> None:
    assert load(base) == load(base) == load(base, cached=False)
    assert list(cache.directory().glob("*.msgpack"))


def test_a_change_of_content_of_the_same_size_is_seen(make: Any, base: Path) -> None:
    load(base)
    path = base / "gateway" / "sample.md"
    stat = path.stat()
    path.write_text(path.read_text().replace("A sample", "A simple"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))

    assert load(base).rule("gateway.sample").title == "A simple"


def test_new_times_alone_do_not_cost_a_cold_start(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from analyzer.engine import assemble

    before = load(base)
    monkeypatch.setattr(assemble, "assemble", lambda *_, **__: pytest.fail("read again"))
    for path in base.rglob("*.md"):
        os.utime(path, (1, 1))

    assert load(base) == before


@pytest.mark.parametrize("garbage", [b"", b"\x00\x01", b"\x81\xa6engine\xa1x"])
def test_a_broken_cache_is_the_same_as_none(base: Path, garbage: bytes) -> None:
    before = load(base)
    (path,) = cache.directory().glob("*.msgpack")
    path.write_bytes(garbage)

    assert load(base) == before
    assert path.read_bytes() != garbage


def test_a_cache_directory_that_cannot_be_made_is_no_error(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert len(load(base).rules) == 3


def test_another_engine_reads_again(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(base)
    monkeypatch.setattr(cache, "engine_stamp", lambda: "another")
    found = [files.walk(base)]

    assert cache.Cache([base], found).read() is None


def test_a_warm_load_imports_neither_yaml_nor_pydantic(base: Path) -> None:
    load(base)
    code = (
        "import sys; from pathlib import Path; from analyzer.engine.load import load;"
        f"kb = load(Path({str(base)!r})); assert len(kb.rules) == 3;"
        "print([name for name in ('yaml', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
