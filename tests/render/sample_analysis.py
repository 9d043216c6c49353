"""Hand-made Analysis objects: what the renderers must be able to show.

The numbers add up (``test_sample_analysis.py`` checks it) and the texts are those that the
knowledge base and the headline builder write; hosts and names are fictional.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from analyzer.analysis.calls import Calls, ModelCalls, Storm
from analyzer.analysis.model import (
    Alternative,
    AmountMismatch,
    Analysis,
    BilledMoney,
    Billing,
    BillingRow,
    Contradiction,
    Count,
    Evidence,
    Group,
    Hops,
    Input,
    KeyShare,
    Method,
    ModelRow,
    Money,
    NextSteps,
    Note,
    Observed,
    Possible,
    ProblemRow,
    Quality,
    Reference,
    RuleUse,
    Skew,
    Slot,
    Step,
    Timeline,
    Tool,
    Totals,
    Unknown,
    UsageBound,
    UsageCoverage,
    UsageRow,
    Verdict,
    Window,
)
from analyzer.vocabulary import LAYER_WORDS

DAY = datetime(2026, 11, 22, tzinfo=UTC)
TOOL = Tool(version="0.1.0", knowledge_version="4f1c09ab77d2", rules=148)


def at(clock: str) -> datetime:
    """Return the moment ``HH:MM`` or ``HH:MM:SS`` of the sample's day."""
    hours, minutes, *seconds = (int(part) for part in clock.split(":"))
    return DAY + timedelta(hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)


def by_layer(**failed: int) -> dict[str, int]:
    return {layer: failed.get(layer, 0) for layer in LAYER_WORDS}


def model(name: str, attempts: int, undecided: int = 0, **rest: object) -> ModelRow:
    layers = by_layer(**{k: v for k, v in rest.items() if k in LAYER_WORDS})  # type: ignore[misc]
    more = {k: v for k, v in rest.items() if k not in LAYER_WORDS}
    failed = sum(layers.values())
    ok = attempts - failed - undecided
    rate = ok / (ok + failed) if ok + failed else None
    return ModelRow(
        model=name, attempts=attempts, ok=ok, failed=failed, undecided=undecided,
        by_layer=layers, success_rate=rate, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def totals(models: list[ModelRow], *, records: int, left_out: int, **rest: int) -> Totals:
    layers: Counter[str] = Counter()
    for row in models:
        layers.update(row.by_layer)
    ok, failed = sum(r.ok for r in models), sum(r.failed for r in models)
    return Totals(
        records=records, left_out=left_out, attempts=sum(r.attempts for r in models),
        ok=ok, failed=failed, undecided=sum(r.undecided for r in models),
        by_layer=by_layer(**layers), success_rate=ok / (ok + failed) if ok + failed else None,
        **rest,
    )  # fmt: skip


def slots(
    start: datetime, bin_s: int, attempts: list[int], failed: list[dict[str, int]]
) -> Timeline:
    bins = [
        Slot(
            start=start + timedelta(seconds=bin_s * i),
            attempts=n,
            ok=n - sum(layers.values()),
            failed=sum(layers.values()),
            by_layer=layers,
        )
        for i, (n, layers) in enumerate(zip(attempts, failed, strict=True))
    ]
    return Timeline(bin_s=bin_s, slots=bins)


def counts(**values: int) -> list[Count]:
    return [Count(value=value, count=n) for value, n in values.items()]


METHOD = Method(
    definitions=[
        ("attempt", "one HTTP exchange as seen by the most client-side hop that saw it"),
        ("failed", "no usable answer, a 200 whose stream broke included"),
        ("layer", "where the failure arose, as far as the evidence shows"),
    ],
    rules=[
        RuleUse(rule="upstream.anthropic-529@2", title="Anthropic is overloaded", count=298),
        RuleUse(rule="client.context-too-long@1", title="The prompt does not fit", count=14),
    ],
    command="analyze run logs.har access.log -o report.html",
    options={"gateway": "api.gateway.example"},
)


def _incident_models() -> list[ModelRow]:
    return [
        model("claude-sonnet-5", 2140, client=2, network=1, edge=5, upstream=298,
              providers=["anthropic"], top_cause="overloaded", unbilled=303, billing_unknown=3,
              input_tokens=8_120_400, output_tokens=912_300,
              duration_p50_ms=6120.0, duration_p95_ms=21_400.0),
        model("gpt-5.4-mini", 1806, client=14, network=1, edge=3, gateway=2, upstream=4,
              served=["gpt-5.4-mini-2026-09-01"], providers=["openai"],
              top_cause="context_too_long", unbilled=23, billing_unknown=1,
              duration_p50_ms=1830.0, duration_p95_ms=5210.0),
        model("gemini-3.5-flash", 640, undecided=2, client=5, network=1, edge=1, gateway=1,
              upstream=9, providers=["google"], top_cause="rate_limited", unbilled=16,
              billing_unknown=1, duration_p50_ms=940.0, duration_p95_ms=3050.0),
        model("deepseek-chat", 226, providers=["deepseek"], duration_p50_ms=2410.0,
              duration_p95_ms=9800.0),
    ]  # fmt: skip


def _incident_timeline() -> Timeline:
    storm = [2, 6, 14, 26, 31, 29, 24, 27, 31, 28, 22, 19, 15, 11, 7, 4, 2]  # 298 from 14:21
    failed: list[dict[str, int]] = [{} for _ in range(65)]
    for i, n in enumerate(storm):
        failed[21 + i]["upstream"] = n
    other = ["client"] * 21 + ["network"] * 3 + ["edge"] * 9 + ["gateway"] * 3 + ["upstream"] * 13
    for i, layer in enumerate(other):
        slot = failed[(i * 7 + 3) % 65]
        slot[layer] = slot.get(layer, 0) + 1
    timeline = slots(at("14:00"), 60, [74] * 63 + [75] * 2, failed)
    markers = [
        (at("14:21:44"), "First 529 of claude-sonnet-5"),
        (at("14:25:00"), "Peak: 32 failed in 1 min"),
        (at("14:37:51"), "Last 529 of claude-sonnet-5"),
    ]
    return timeline.model_copy(update={"markers": markers})


OVERLOADED = Group(
    fingerprint="g1:7d0c41b2",
    because="Same rule and status 529, error type overloaded_error, phase done",
    rule="upstream.anthropic-529@2",
    title="Anthropic is overloaded (529)",
    layer="upstream", emitted_by="upstream", cause="overloaded", confidence="certain",
    confidence_steps=["certain: the rule's own word", "raised by nothing, lowered by nothing"],
    severity="major", count=298, first=at("14:21:44"), last=at("14:37:51"),
    models=[Count(value="claude-sonnet-5", count=298)],
    hosts=[Count(value="api.gateway.example", count=298)],
    endpoints=[Count(value="messages", count=298)],
    clients=[Count(value="claude-code", count=251), Count(value="anthropic-python", count=47)],
    keys=3, statuses=[Count(value="529", count=298)],
    codes=[Count(value="overloaded_error", count=298)],
    billing={"unbilled": 298}, billing_basis=[Count(value="policy", count=298)],
    billing_why="Refused before the model ran.",
    retry="after-backoff", retry_why="The overload passes; a pause that grows gives it room.",
    decided_by=[], also=[Count(value="unknown.status-5xx", count=298)], possible=[],
    evidence=["E1", "E2", "E3"],
    meaning="The provider has no room for this request. It says so with `overloaded_error`.",
    impact="Every request to this model may fail until the load drops.\n\n"
           "- Streams that run go on.\n- Other models may still work.",
    diagnosis="1. Look at the `529` answers: a `request-id` starting with `req_` is the "
              "provider's.\n2. Compare with another model.",
    fix="Send the traffic to a second provider on `529`, or wait. **Nothing** in your request is "
        "wrong. See the [error page](https://docs.provider.example/errors).",
    not_when="`429 rate_limit_error`: that is your own limit.",
    references=[Reference(url="https://docs.provider.example/errors", date="2026-11-22")],
    steps=NextSteps(user=[Step(action="Retry with a growing pause.")]),
)  # fmt: skip


def _small_group(n: int, title: str, rule: str, layer: str, cause: str, **rest: object) -> Group:
    fields: dict[str, object] = {
        "fingerprint": f"g1:{hash_of(rule):08x}", "because": "Same rule and status",
        "rule": f"{rule}@1", "title": title, "layer": layer, "emitted_by": layer, "cause": cause,
        "confidence": "high", "count": n, "first": at("14:03"), "last": at("15:02"),
        "hosts": [Count(value="api.gateway.example", count=n)],
        "billing": {"unbilled": n}, "billing_basis": [Count(value="inference", count=n)],
        "billing_why": "Refused before the model ran.", "retry": "after-fix",
    }  # fmt: skip
    return Group(**{**fields, **rest})  # type: ignore[arg-type]


def hash_of(text: str) -> int:
    """Return a small stable number for a text (``hash`` changes between runs)."""
    return sum((i + 1) * ord(char) for i, char in enumerate(text)) * 2_654_435 % 2**32


def _incident_groups() -> list[Group]:
    return [
        OVERLOADED,
        _small_group(14, "The prompt does not fit the model's context", "client.context-too-long",
                     "client", "context_too_long", confidence="certain", evidence=["E4"],
                     models=counts(**{"gpt-5.4-mini": 14}), statuses=[Count(value="400", count=14)],
                     codes=counts(context_length_exceeded=14), keys=1,
                     fix="Shorten the history or ask a model with a larger context."),
        _small_group(13, "The provider's rate limit was reached", "upstream.rate-limit", "upstream",
                     "rate_limited", evidence=["E5"], retry="after-header",
                     models=counts(**{"gemini-3.5-flash": 9, "gpt-5.4-mini": 4}),
                     statuses=[Count(value="429", count=13)]),
        _small_group(9, "The edge asked for a browser check", "edge.cloudflare-challenge", "edge",
                     "bot_challenge", confidence="certain",
                     models=counts(**{"claude-sonnet-5": 5, "gpt-5.4-mini": 3,
                                      "gemini-3.5-flash": 1}),
                     statuses=[Count(value="403", count=9)]),
        _small_group(7, "The API key is wrong or was revoked", "client.invalid-key", "client",
                     "invalid_key", models=counts(**{"gemini-3.5-flash": 5, "claude-sonnet-5": 2}),
                     statuses=[Count(value="401", count=7)]),
        _small_group(3, "The gateway has no route for this model", "gateway.no-channel", "gateway",
                     "no_route_for_model", models=counts(**{"gpt-5.4-mini": 2,
                                                            "gemini-3.5-flash": 1}),
                     statuses=[Count(value="503", count=3)]),
        _small_group(3, "The connection broke", "network.connection-reset", "network",
                     "connection_reset", confidence="medium", ambiguous=True,
                     billing={"unknown": 3}, billing_basis=counts(none=3),
                     billing_why="Nobody saw how far the request came.",
                     decided_by=["The gateway's access log for these seconds."],
                     possible=[Possible(rule="gateway.restart", title="The gateway was restarted",
                                        layer="gateway", cause="maintenance",
                                        needs="a log of the gateway", count=3)],
                     statuses=[], retry="now"),
    ]  # fmt: skip


def _incident_evidence() -> list[Evidence]:
    def overloaded(number: int, record: int, clock: str) -> Evidence:
        return Evidence(
            id=f"E{number}", place=f"logs.har#{record}", started_at=at(clock),
            seen_in=[f"logs.har#{record}", f"access.log#{record * 8}"],
            summary="529 POST api.gateway.example/v1/messages (claude-sonnet-5) in 0.4 s",
            fields={"status": "529", "error_type": "overloaded_error",
                    "error_message": "Overloaded", "resp_header.server": "cloudflare"},
            excerpt='{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
            timings_ms={"dns": 1.2, "connect": 36.5, "tls": 22.5, "send": 0.4, "wait": 371.0},
            request_ids={"request-id": f"req_011Example{number}"},
        )  # fmt: skip

    return [
        overloaded(1, 212, "14:21:44"),
        overloaded(2, 388, "14:24:02"),
        overloaded(3, 530, "14:29:31"),
        Evidence(
            id="E4", place="logs.har#41", started_at=at("14:03:10"),
            summary="400 POST api.gateway.example/v1/chat/completions (gpt-5.4-mini) in 0.2 s",
            fields={"status": "400", "error_code": "context_length_exceeded"},
            excerpt='{"error":{"message":"The maximum context length is 128000 tokens.",\n'
                    '"code":"context_length_exceeded"}}',
            excerpt_cut=True,
        ),
        Evidence(
            id="E5", place="access.log#1740",
            summary="429 POST api.gateway.example/v1/chat/completions (gemini-3.5-flash)",
            fields={"status": "429", "retry_after_s": "20"},
        ),
    ]  # fmt: skip


def _incident_calls() -> Calls:
    """290 retries: 200 calls took one, 45 took two."""
    return Calls(
        calls=4522, ok=4463, failed=57, undecided=2, attempts=4812, unclear=3,
        success_rate=4463 / 4520, retries=290, rescued=214, given_up=31, never_retried=26,
        paid_twice=2, chained_by={"counter": 268, "request_hash": 22},
        retry_after={"honoured": 12, "ignored": 4, "absent": 274}, against_advice=6,
        lost_s=1874.2, attempts_per_call=[(1, 4277, 26), (2, 200, 15), (3, 45, 16)],
        storms=[
            Storm(text="14:24 UTC, 2 min: 51 of 97 attempts for claude-sonnet-5 at api.example "
                       "were retries, up to 27 a minute.", attempts=51, evidence=["E1"]),
        ],
        models=[
            ModelCalls(model="claude-sonnet-5", calls=1860, failed=26),
            ModelCalls(model="gpt-5.4-mini", calls=1798, failed=16),
            ModelCalls(model="gemini-3.5-flash", calls=638, failed=15),
            ModelCalls(model="deepseek-chat", calls=226, failed=0),
        ],
    )  # fmt: skip


def incident() -> Analysis:
    """Anthropic overloaded for 17 minutes, with the usual small change around it."""
    models = _incident_models()
    return Analysis(
        tool=TOOL, generated_at=at("16:00"),
        inputs=[
            Input(input="logs.har", format="har", hop="client", records=1204, attempts=1102,
                  left_out=102, problems=2, bytes=5_242_880, sha256="9b1f00aa12cd",
                  first=at("14:00:02"), last=at("15:04:57")),
            Input(input="access.log", format="nginx", hop="gateway", records=9870, attempts=3710,
                  left_out=6048, problems=112, bytes=1_905_331, sha256="01ab44cc9e77",
                  first=at("14:00:00"), last=at("15:04:59")),
        ],
        window=Window(start=at("14:00:02"), end=at("15:04:57")),
        totals=totals(models, records=11_074, left_out=6150, corroborating=1098, calls=4522),
        calls=_incident_calls(),
        verdict=Verdict(
            text="Upstream: Anthropic is overloaded (529); 298 of 347 failed attempts, "
                 "claude-sonnet-5, 2026-11-22 14:21-14:37 UTC (confidence: certain).",
            status="fail", layer="upstream", cause="overloaded", party="Anthropic",
            confidence="certain", failed=298, of=347, models=["claude-sonnet-5"],
            first=at("14:21:44"), last=at("14:37:51"), evidence=["E1", "E2", "E3"],
            group="g1:7d0c41b2",
        ),
        next_steps=NextSteps(
            user=[
                Step(action="Retry with a growing pause; nothing in the request is wrong.",
                     why="The overload ended at 14:37:51Z.", evidence=["E1"],
                     rule="upstream.anthropic-529", count=298),
                Step(action="Shorten the history or choose a model with a larger context.",
                     evidence=["E4"], rule="client.context-too-long", count=14),
            ],
            operator=[
                Step(action="Route claude-sonnet-5 to a second provider when `529` comes back.",
                     evidence=["E1", "E2"], rule="upstream.anthropic-529", count=298),
            ],
            provider=[
                Step(action="Ask Anthropic about the overload; give the request ids.",
                     evidence=["E1", "E2", "E3"], rule="upstream.anthropic-529", count=298),
            ],
        ),
        billing=Billing(
            text="Of 347 failed attempts: 342 not billed, 5 unknown; expected, not proven: no "
                 "usage export settles it.",
            rows=[
                BillingRow(billing="unbilled", basis="policy", count=311, expected="unbilled"),
                BillingRow(billing="unbilled", basis="inference", count=31, expected="unbilled"),
                BillingRow(billing="unknown", basis="none", count=5, expected="unknown",
                           input_tokens=1200),
            ],
                    ),
        models=models, timeline=_incident_timeline(), groups=_incident_groups(),
        evidence=_incident_evidence(),
        hops=Hops(
            joined=3710, by_id=3601, by_time=109, ambiguous=12,
            skews=[Skew(outer="har", inner="nginx", seconds=6.7, spread_s=0.2, based_on=3601,
                        basis="ids")],
            contradictions=[
                Contradiction(
                    kind="finished_after_client_left", count=4,
                    text="The client (har) gave up after 60.0 s; the gateway (nginx) logged 200 "
                         "after 63.2 s. 60 s looks like a time limit of the client. The work was "
                         "done, so expect it to be billed.",
                    places=["logs.har#10", "access.log#12"],
                )
            ],
        ),
        alternatives=[
            Alternative(layer="gateway", cause="upstream_error",
                        why="The gateway could have made the 529 up; the request-id denies it.",
                        decided_by=["The gateway's log of its own calls to the provider."]),
        ],
        unknown=Unknown(count=0, share=0.0),
        quality=Quality(
            problems=[
                ProblemRow(input="access.log", kind="bad_line", count=112, first_record=88,
                           message="the line does not fit the log format 'combined'; left out"),
                ProblemRow(input="logs.har", kind="no_time", count=2, first_record=7,
                           message="startedDateTime is missing; the entry has no time", lost=False),
            ],
            notes=[Note(level="note", text="The HAR file holds no text of streams.", count=1102)],
            not_measured=[Note(level="note", text="No usage export was given: billing is expected "
                                                  "only.")],
            hosts_left_out=counts(**{"cdn.example": 5030, "app.example": 1120}),
            redactions={"key": 3, "cookie": 12},
        ),
        method=METHOD,
    )  # fmt: skip


def _small(models: list[ModelRow], verdict: Verdict, **rest: object) -> Analysis:
    attempts = sum(row.attempts for row in models)
    fields: dict[str, object] = {
        "tool": TOOL, "generated_at": at("16:00"),
        "inputs": [Input(input="logs.har", format="har", hop="client", records=attempts + 12,
                         attempts=attempts, left_out=12, first=at("14:00:02"),
                         last=at("15:04:57"))],
        "window": Window(start=at("14:00:02"), end=at("15:04:57")),
        "totals": totals(models, records=attempts + 12, left_out=12),
        "verdict": verdict, "next_steps": NextSteps(),
        "billing": Billing(text="Nothing failed, so there is no failure to bill."),
        "models": models,
        "timeline": slots(at("14:00"), 300, [attempts], [{}]),
        "groups": [], "evidence": [], "unknown": Unknown(count=0), "quality": Quality(),
        "method": Method(definitions=METHOD.definitions, command="analyze run logs.har"),
    }  # fmt: skip
    return Analysis(**{**fields, **rest})  # type: ignore[arg-type]


def all_ok() -> Analysis:
    """Nothing failed, in so few attempts that this proves little."""
    return _small(
        [model("deepseek-chat", 226, providers=["deepseek"], duration_p50_ms=2410.0)],
        Verdict(
            text="No failures in 226 attempts, 2026-11-22 14:00-15:04 UTC.",
            status="ok",
            first=at("14:00:02"),
            last=at("15:04:57"),
        ),
    )


def unsure() -> Analysis:
    """Most failures have no explanation: the log does not tell who wrote the 502."""
    models = [model("gpt-5.4-mini", 63, unknown=23, billing_unknown=23)]
    group = _small_group(
        23, "A 502 with an HTML body that no rule knows", "unknown.unclassified", "unknown",
        "unclassified", confidence="low", emitted_by="unknown", evidence=["E1"], ambiguous=True,
        billing={"unknown": 23}, billing_basis=counts(none=23), retry="after-backoff",
        billing_why="Nothing shows whether the request reached the model.",
        decided_by=["The gateway's access log for 14:05-14:09 UTC (upstream_status column).",
                    "Response headers: this HAR was exported without them."],
        statuses=[Count(value="502", count=23)], models=[Count(value="gpt-5.4-mini", count=23)],
        first=at("14:05:01"), last=at("14:08:59"),
    )  # fmt: skip
    return _small(
        models,
        Verdict(text="Cannot tell which hop failed: a 502 with an HTML body that no rule knows; "
                     "all 23 failed attempts, gpt-5.4-mini, 2026-11-22 14:05-14:08 UTC "
                     "(confidence: low).",
                status="unsure", layer="unknown", cause="unclassified", confidence="low",
                failed=23, of=23, models=["gpt-5.4-mini"], first=at("14:05:01"),
                last=at("14:08:59"), evidence=["E1"], group=group.fingerprint),
        next_steps=NextSteps(
            operator=[Step(action="Look up these seconds in the gateway's access log.", count=23,
                           rule="unknown.unclassified", evidence=["E1"])],
        ),
        billing=Billing(text="Of 23 failed attempts: 23 unknown; expected, not proven: no usage "
                             "export settles it.",
                        rows=[BillingRow(billing="unknown", basis="none", count=23,
                                         expected="unknown")]),
        groups=[group],
        evidence=[Evidence(id="E1", place="logs.har#17", started_at=at("14:05:01"),
                           summary="502 POST gw.example/v1/chat/completions (gpt-5.4-mini)",
                           fields={"status": "502", "body_kind": "html"},
                           excerpt="<html><head><title>502</title></head></html>")],
        timeline=slots(at("14:00"), 300, [20, 30, 13], [{}, {"unknown": 23}, {}]),
        calls=Calls(
            calls=0, ok=0, failed=0, untold=23,
            measured="Nothing in the inputs tells a retry from a new request: no retry counter, no "
                     "recorded body, no session. What would tell: a HAR file of the client with "
                     "request bodies.",
        ),
        alternatives=[
            Alternative(layer="edge", cause="bad_gateway", why="A CDN may have written the page.",
                        decided_by=["Response headers such as cf-ray."]),
            Alternative(layer="gateway", cause="bad_gateway", why="A proxy may have written it.",
                        decided_by=["The gateway's access log."]),
        ],
        unknown=Unknown(count=23, share=1.0, signatures=[Count(value="502 html", count=23)]),
        quality=Quality(notes=[Note(level="warn", text="The HAR file holds no response headers, "
                                                       "so nobody can be told apart by them.")]),
    )  # fmt: skip


def several() -> Analysis:
    """Three causes, none with half of the failures; the window spans midnight."""
    models = [
        model("gpt-5.4-mini", 420, client=11, upstream=9, unbilled=20),
        model("llama-4-70b", 130, gateway=12, unbilled=12),
        model("(no model)", 9, client=2, unbilled=2),
    ]
    night = (at("23:41"), at("23:41") + timedelta(minutes=52))
    groups = [
        _small_group(13, "The API key is wrong or was revoked", "client.invalid-key", "client",
                     "invalid_key", confidence="certain", first=night[0], last=night[1],
                     statuses=[Count(value="401", count=13)],
                     models=counts(**{"gpt-5.4-mini": 11, "(no model)": 2})),
        _small_group(12, "The gateway has no route for this model", "gateway.no-channel", "gateway",
                     "no_route_for_model", models=counts(**{"llama-4-70b": 12}),
                     statuses=[Count(value="503", count=12)]),
        _small_group(9, "The provider's rate limit was reached", "upstream.rate-limit", "upstream",
                     "rate_limited", models=counts(**{"gpt-5.4-mini": 9}),
                     statuses=[Count(value="429", count=9)]),
    ]  # fmt: skip
    return _small(
        models,
        Verdict(text="Several causes: The API key is wrong or was revoked (client, 13), The "
                     "gateway has no route for this model (gateway, 12), The provider's rate limit "
                     "was reached (upstream, 9); 34 failed attempts.",
                status="mixed", failed=34, of=34, models=["gpt-5.4-mini", "llama-4-70b"],
                first=night[0], last=night[1]),
        window=Window(start=night[0], end=night[1]),
        next_steps=NextSteps(
            user=[Step(action="Create a new key and put it into the tool's settings.", count=13),
                  Step(action="Take a model id from `/v1/models`.", count=12)],
            operator=[Step(action="Enable a route for llama-4-70b or remove it from the list.",
                           count=12)],
        ),
        billing=_settled(),
        groups=groups,
        timeline=slots(night[0], 600, [90, 100, 90, 99, 90, 90],
                       [{"client": 5}, {"client": 8, "gateway": 4}, {"gateway": 8}, {},
                        {"upstream": 9}, {}]),
    )  # fmt: skip


def _settled() -> Billing:
    """Of a night with a relay's ledger and a provider's daily sums."""
    return Billing(
        text="Of 34 failed attempts: 2 billed, 32 not billed; 30 shown by the usage export, the "
             "others expected. Failed attempts cost 0.0421 USD.",
        rows=[
            BillingRow(billing="unbilled", basis="usage_export", count=28, expected="unbilled"),
            BillingRow(billing="unbilled", basis="inference", count=4, expected="unbilled"),
            BillingRow(billing="billed", basis="usage_export", count=2, expected="unbilled"),
        ],
        stated_cost=[Money(amount="0.000021400000000000", currency="USD"),
                     Money(amount="1.5", currency="CNY")],
        usage_rows=1204, usage_inputs=["relay.json", "daily.csv"], settled=True,
        observed=[Observed(expected="unbilled", observed="billed", count=2),
                  Observed(expected="unbilled", observed="unbilled", count=28)],
        outcomes=counts(unbilled_proven=28, ambiguous=4, billed_exact=1, billed_matched=1),
        money=[
            BilledMoney(payer="gateway", verdict="billed", tier="K1", basis="charged",
                        amount="0.0321", currency="USD", count=1),
            BilledMoney(payer="gateway", verdict="billed", tier="K4", basis="charged",
                        amount="0.01", currency="USD", count=1),
        ],
        wasted_by_retries=[Money(amount="0.0321", currency="USD")],
        coverage=[
            UsageCoverage(
                format="new-api-logs", inputs=["relay.json"], payer="gateway", gateway="new-api",
                grain="request", first=at("00:00"), last=at("23:59"), rows=1200, settles=True,
                lag_s=15.0, skew_s=-4.2, skew_basis="ids", by_id=520, by_tokens=3, by_time=1,
                ambiguous=4, unmatched=7, explained_share=0.987, successes=520,
                keys=[KeyShare(key="team", rows=531, explained=524, share=0.987)],
            ),
            UsageCoverage(format="openrouter-daily", inputs=["daily.csv"], payer="gateway",
                          gateway="openrouter", grain="day", first=at("00:00"), last=at("23:59"),
                          rows=4),
        ],
        bounds=[UsageBound(format="openrouter-daily", start=at("00:00"), end=at("23:59"),
                           model="gpt-5.4-mini", requests=80, successes=78, failures=5, low=2,
                           high=2, conclusion="some")],
        unmatched=7,
        unmatched_rows=[UsageRow(place="relay.json#77", payer="gateway", time=at("03:00"),
                                 model="o9", key="team", amount="0.2", currency="USD",
                                 reason="unmatched_usage_row")],
        mismatches=[AmountMismatch(place="logs.har#12", usage_place="relay.json#40",
                                   stated="0.01", booked="0.0321", currency="USD")],
        note="daily.csv: sums per day bound groups of failures, not single ones.",
    )  # fmt: skip


def empty() -> Analysis:
    """No LLM traffic in the file."""
    return _small(
        [],
        Verdict(text="No LLM API traffic was found.", status="unsure"),
        inputs=[Input(input="logs.har", format="har", records=212, left_out=212)],
        window=Window(), totals=totals([], records=212, left_out=212), timeline=Timeline(bin_s=60),
        billing=Billing(text="Nothing failed, so there is no failure to bill."),
        quality=Quality(hosts_left_out=counts(**{"cdn.example": 190, "app.example": 22}),
                        notes=[Note(level="warn", text="If app.example is your gateway, say so: "
                                                       "--gateway app.example")]),
    )  # fmt: skip


def undecided() -> Analysis:
    """The capture was taken while every answer was on its way."""
    return _small(
        [model("claude-sonnet-5", 4, undecided=4)],
        Verdict(text="No failures in 0 attempts; 4 more end outside the capture.", status="ok"),
        quality=Quality(notes=[Note(level="note", count=4, text="The end of these attempts is not "
                                    "in the capture; they are in no percentage.")]),
    )  # fmt: skip


ESC = chr(27)
BIDI = chr(0x202E)
ZERO_WIDTH = chr(0x200B)
HOSTILE = (
    f"<script>alert(1)</script> ]]> --> ``` | @octocat #123 ![x](https://evil.example/p.png) "
    f"[click](javascript:alert(1)) https://evil.example www.evil.example {ESC}[31mred{ESC}[0m "
    f"{ESC}]8;;https://evil.example{chr(7)}link {BIDI}gpj.exe{ZERO_WIDTH}! {{{{ 7*7 }}}} &lt; \"'"
)


def hostile() -> Analysis:
    """Every text that can come from a log is an attack."""
    name = f"m<b>|`x`{ESC}[2J{BIDI}"
    models = [
        model(name, 10, upstream=6, unbilled=6, top_cause="overloaded"),
        model("x" * 5000, 3, client=3, unbilled=3),
        model("模型-超大" * 30, 3, client=3, unbilled=3),
        model(HOSTILE, 2, edge=1, unbilled=1),
    ]
    group = _small_group(
        13, HOSTILE, "upstream.anthropic-529", "upstream", "overloaded", evidence=["E1", "E2"],
        because=HOSTILE, models=[Count(value=name, count=6)], hosts=[Count(value=HOSTILE, count=6)],
        codes=[Count(value=HOSTILE, count=6)], clients=[Count(value=HOSTILE, count=6)],
        meaning=HOSTILE + f"\n\n{HOSTILE}\n\n```\n{HOSTILE}\n```\n\n<details><script>x</script>",
        fix=f"# {HOSTILE}\n\n- {HOSTILE}\n- `{HOSTILE}`\n\n> {HOSTILE}\n\n<https://evil.example>",
        decided_by=[HOSTILE], retry_why=HOSTILE, billing_why=HOSTILE, confidence_steps=[HOSTILE],
        possible=[Possible(rule="a.b", title=HOSTILE, layer="edge", cause="waf_block",
                           needs=HOSTILE)],
        references=[Reference(url="javascript:alert(1)", date="2026-11-22"),
                    Reference(url='https://ok.example/"><script>', date=HOSTILE)],
    )  # fmt: skip
    body = f"```\n````\n{HOSTILE}\n</pre></details>\n" + "a" * 3000
    return _small(
        models,
        Verdict(text=f"{HOSTILE} failed.", status="fail", layer="upstream", cause="overloaded",
                party=HOSTILE, confidence="medium", failed=13, of=13, models=[name, HOSTILE],
                first=at("14:05"), last=at("14:06"), evidence=["E1", HOSTILE],
                group=group.fingerprint),
        next_steps=NextSteps(user=[Step(action=HOSTILE, why=HOSTILE, evidence=["E1"], count=13)]),
        billing=Billing(text=HOSTILE, note=HOSTILE,
                        stated_cost=[Money(amount=HOSTILE, currency=HOSTILE)],
                        usage_inputs=[HOSTILE], usage_rows=1, settled=True,
                        outcomes=[Count(value=HOSTILE, count=1)],
                        observed=[Observed(expected=HOSTILE, observed=HOSTILE, count=1)],
                        money=[BilledMoney(payer=HOSTILE, verdict=HOSTILE, tier=HOSTILE,
                                           basis=HOSTILE, amount=HOSTILE, currency=HOSTILE,
                                           count=1)],
                        coverage=[UsageCoverage(format=HOSTILE, inputs=[HOSTILE], payer=HOSTILE,
                                                grain=HOSTILE, settles=True)],
                        bounds=[UsageBound(format=HOSTILE, start=at("14:05"), end=at("14:06"),
                                           model=HOSTILE, requests=1, successes=1, failures=1,
                                           low=0, high=1, conclusion=HOSTILE)],
                        unmatched_rows=[UsageRow(place=HOSTILE, payer=HOSTILE, model=HOSTILE,
                                                 reason=HOSTILE)],
                        mismatches=[AmountMismatch(place=HOSTILE, usage_place=HOSTILE,
                                                   stated=HOSTILE, booked=HOSTILE,
                                                   currency=HOSTILE)]),
        groups=[group],
        evidence=[
            Evidence(id="E1", place=f"{HOSTILE}#1", summary=HOSTILE, seen_in=[HOSTILE, HOSTILE],
                     fields={HOSTILE: HOSTILE}, request_ids={HOSTILE: HOSTILE}, excerpt=body,
                     excerpt_cut=True, started_at=at("14:05")),
            Evidence(id="E2", place="a#2", summary="s" * 20_000, excerpt="\n\n\n"),
        ],
        timeline=slots(at("14:05"), 60, [18], [{"upstream": 6, "client": 6, "edge": 1}]).model_copy(
            update={"markers": [(at("14:05:10"), HOSTILE)]}),
        alternatives=[Alternative(layer="edge", cause="waf_block", why=HOSTILE,
                                  decided_by=[HOSTILE])],
        calls=Calls(
            calls=17, ok=5, failed=12, attempts=18, success_rate=5 / 17, retries=1, given_up=1,
            never_retried=11, chained_by={HOSTILE: 1}, retry_after={HOSTILE: 1},
            attempts_per_call=[(1, 16, 11), (2, 1, 1)],
            storms=[Storm(text=HOSTILE, attempts=1, evidence=["E1", HOSTILE])],
            models=[ModelCalls(model=name, calls=9, failed=5)],
        ),
        unknown=Unknown(count=0, signatures=[Count(value=HOSTILE, count=1)]),
        inputs=[Input(input=HOSTILE, format="har", records=18, attempts=18)],
        quality=Quality(
            problems=[ProblemRow(input=HOSTILE, kind="bad_json", count=2, first_record=3,
                                 message=HOSTILE)],
            notes=[Note(level="warn", text=HOSTILE)], caps=[Note(level="note", text=HOSTILE)],
            not_measured=[Note(level="note", text=HOSTILE)],
            hosts_left_out=[Count(value=HOSTILE, count=4)], redactions={HOSTILE: 1},
        ),
        method=Method(definitions=[(HOSTILE, HOSTILE)], command=HOSTILE,
                      options={HOSTILE: HOSTILE},
                      rules=[RuleUse(rule=HOSTILE, title=HOSTILE, count=1)]),
    )  # fmt: skip


SAMPLES = {
    "incident": incident,
    "all_ok": all_ok,
    "unsure": unsure,
    "several": several,
    "empty": empty,
    "undecided": undecided,
    "hostile": hostile,
}
