"""A HAR full of planted secrets: 23 kinds, in every place of a HAR where one has ever been found.

All values are made at run time from a seeded generator and put together from pieces, so that
nothing in this file looks like a key to a scanner. No value is anybody's: addresses are of the
documentation ranges, mail domains are reserved ones.
"""

from __future__ import annotations

import base64
import json
import random
import string
from typing import Any, NamedTuple
from urllib.parse import quote

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
START = "2026-11-20T10:{:02d}:{:02d}.000Z"
GATEWAY = "https://gateway.example/v1/chat/completions"


class Planted(NamedTuple):
    """What was planted, and what must be gone or still be there after redaction."""

    har: dict[str, Any]
    needles: dict[str, list[str]]
    """Per kind of secret: every form in which it stands in the HAR."""
    survivors: list[str]
    """Request ids, ray ids, models, error codes: what a report is for."""


class Forge:
    """Makes secrets of the real shapes and remembers their forms."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.needles: dict[str, list[str]] = {}

    def chars(self, count: int, alphabet: str = ALNUM) -> str:
        made = "".join(self.random.choices(alphabet, k=count - 3))
        # At least one of each class, as in any real key of that length.
        return made + "".join(
            self.random.choice([c for c in alphabet if test(c)] or [alphabet[0]])
            for test in (str.isdigit, str.islower, str.isupper)
        )

    def plant(self, kind: str, value: str, *more: str) -> str:
        forms = [value, quote(value, safe=""), *more]
        if len(value) >= 12:
            forms.append(base64.b64encode(value.encode()).decode().rstrip("=")[:-1])
        self.needles.setdefault(kind, []).extend(dict.fromkeys(forms))
        return value


def generate(seed: int = 0) -> Planted:
    """Return a HAR of failing and healthy LLM calls with secrets of every kind in every place."""
    forge = Forge(seed)
    secrets = _secrets(forge)
    survivors = _survivors(forge)
    entries = [
        *_header_entries(secrets, survivors),
        *_url_entries(secrets, survivors),
        *_request_body_entries(forge, secrets, survivors),
        *_answer_entries(forge, secrets, survivors),
        *_oddities(secrets, survivors),
    ]
    for index, entry in enumerate(entries):
        entry["startedDateTime"] = START.format(index // 60, index % 60)
    title = f"Playground key={secrets['gemini query key']} for {secrets['email in prompt']}"
    har = {
        "log": {
            "version": "1.2",
            "creator": {"name": "WebInspector", "version": "537.36"},
            "pages": [
                {
                    "startedDateTime": START.format(0, 0),
                    "id": "page_1",
                    "title": f"https://gateway.example/?api_key={secrets['openai bearer']} {title}",
                    "pageTimings": {"onLoad": -1},
                }
            ],
            "entries": entries,
        }
    }
    return Planted(har, forge.needles, list(survivors.values()))


def _secrets(forge: Forge) -> dict[str, str]:
    """Make one secret of each of the 23 kinds."""
    plant, chars = forge.plant, forge.chars
    made: dict[str, str] = {}

    def add(kind: str, value: str, *more: str) -> None:
        made[kind] = plant(kind, value, *more)

    add("openai bearer", "s" + "k-" + "proj-" + chars(48))
    add("anthropic x-api-key", "s" + "k-" + "ant-api03-" + chars(60))
    add("azure api-key", chars(32, HEX))
    add("gemini query key", "AI" + "za" + chars(35))
    add("x-goog-api-key", "AI" + "za" + chars(35))
    add("openrouter key in body", "s" + "k-" + "or-v1-" + chars(64, HEX))
    add("hf token in SSE", "h" + "f_" + chars(34))
    add("password in json", "pw!" + chars(14) + "/&x")
    add("session cookie", chars(40) + "==")
    add("set-cookie value", "s%3A" + chars(32) + "." + chars(20))
    _jwt(forge, made)
    add("email in prompt", f"maria.{chars(8).lower()}@mail.example.org")
    add("organization id", "org" + "-" + chars(24))
    add("websocket subprotocol key", "s" + "k-" + chars(48))
    add("websocket message secret", "s" + "k-" + "svcacct-" + chars(40))
    add("token in base64 body", "gh" + "p_" + chars(36))
    add("signed url signature", chars(64, HEX))
    add("sigv4 access key", "AK" + "IA" + chars(16, string.ascii_uppercase + "234567"))
    add("sigv4 signature", chars(64, HEX))
    add("refresh token", chars(48))
    login, password = "svc-" + chars(8).lower(), chars(16)
    both = base64.b64encode(f"{login}:{password}".encode()).decode()
    add("url userinfo", password, f"{login}:{password}", both)
    made["userinfo"], made["basic"] = f"{login}:{password}", both
    add("client address", f"203.0.113.{forge.random.randrange(2, 250)}")
    add("client address v6", f"2001:db8::{forge.random.randrange(0x1000, 0xFFFF):x}:7")
    echoed = "s" + "k-" + chars(44)
    add("key echoed in 401", echoed, *masked_forms(echoed))
    return made


def masked_forms(key: str) -> tuple[str, ...]:
    """Return a key as servers repeat it, with its middle left out."""
    end = key[-4:]
    return f"{key[:7]}***{end}", f"{key[:5]}...{end}", f"{key[:8]}{'*' * 24}{end}"


def _jwt(forge: Forge, made: dict[str, str]) -> None:
    mail = f"ivan.{forge.chars(8).lower()}@mail.example.net"
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256", "typ": "JWT"}, {"email": mail, "sub": forge.chars(12)})
    ]
    signature = forge.chars(43)
    made["jwt signature"] = forge.plant("jwt signature", signature)
    made["jwt claims"] = forge.plant("jwt claims", parts[1], mail)
    made["jwt"] = ".".join((*parts, signature))
    made["jwt email"] = mail


def _survivors(forge: Forge) -> dict[str, str]:
    return {
        "openai request id": "req_" + forge.chars(32, HEX),
        "anthropic request id": "req_011" + forge.chars(21),
        "ray": forge.chars(16, HEX) + "-FRA",
        "chat id": "chatcmpl-" + forge.chars(29),
        "message id": "msg_01" + forge.chars(22),
        "generation id": f"gen-17638{forge.random.randrange(10000, 99999)}-" + forge.chars(20),
        "response id": "resp_" + forge.chars(48, HEX),
        "one-api id": "20261120100000" + forge.chars(8, string.digits),
        "uuid": "-".join(forge.chars(n, HEX) for n in (8, 4, 4, 4, 12)),
        "trace": f"00-{forge.chars(32, HEX)}-{forge.chars(16, HEX)}-01",
        "model a": "gpt-4o-mini-2024-07-18",
        "model b": "claude-sonnet-4-5-20250929",
        "model c": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "code a": "invalid_api_key",
        "code b": "overloaded_error",
        "code c": "model_not_found",
        "code d": "insufficient_quota",
        "client error": "net::ERR_CONNECTION_RESET",
    }


def entry(
    url: str = GATEWAY,
    *,
    status: int = 200,
    request: dict[str, str] | None = None,
    response: dict[str, str] | None = None,
    sent: Any = None,
    got: Any = None,
    mime: str = "application/json",
    **more: Any,
) -> dict[str, Any]:
    """Return one HAR entry; dictionaries are headers, ``sent`` and ``got`` are bodies."""
    text = got if isinstance(got, str) else json.dumps(got or {})
    asked = {"model": "gpt-4o-mini-2024-07-18", "messages": [{"role": "user", "content": "hi"}]}
    return {
        "startedDateTime": "",
        "time": 350.0,
        "request": {
            "method": "POST",
            "url": url,
            "httpVersion": "h2",
            "cookies": [],
            "headers": [{"name": n, "value": v} for n, v in (request or {}).items()],
            "queryString": [],
            "postData": {"mimeType": "application/json", "text": json.dumps(sent or asked)},
            "headersSize": -1,
            "bodySize": 90,
        },
        "response": {
            "status": status,
            "statusText": "",
            "httpVersion": "h2",
            "cookies": [],
            "headers": [
                {"name": n, "value": v}
                for n, v in {"content-type": mime, **(response or {})}.items()
            ],
            "content": {"size": len(text), "mimeType": mime, "text": text},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": len(text),
        },
        "cache": {},
        "timings": {"blocked": 1, "dns": -1, "connect": -1, "send": 1, "wait": 300, "receive": 48},
        "pageref": "page_1",
        **more,
    }


def _refusal(message: str, code: str, status: int = 401, **more: Any) -> dict[str, Any]:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return {"status": status, "got": {"error": error, **more}}


def _header_entries(s: dict[str, str], keep: dict[str, str]) -> list[dict[str, Any]]:
    """Every credential header, in several cases, on failing calls that repeat it in their error."""
    answer = {"x-request-id": keep["openai request id"], "cf-ray": keep["ray"]}
    cookies = f"theme=dark; sid={s['session cookie']}; locale=en-US"
    headers: list[dict[str, str]] = [
        {
            "authorization": f"Bearer {s['openai bearer']}",
            "openai-organization": s["organization id"],
        },
        {"Authorization": f"bearer {s['jwt']}"},
        {"X-Api-Key": s["anthropic x-api-key"], "anthropic-version": "2023-06-01"},
        {"API-KEY": s["azure api-key"]},
        {"x-goog-api-key": s["x-goog-api-key"]},
        {"AUTHORIZATION": f"Basic {s['basic']}"},
        {"Cookie": cookies},
        {
            "x-forwarded-for": f"{s['client address']}, 10.0.0.3",
            "X-Real-IP": s["client address v6"],
        },
        {"Forwarded": f'for="[{s["client address v6"]}]";proto=https, for={s["client address"]}'},
        {"From": s["email in prompt"], "traceparent": keep["trace"]},
        {"Ocp-Apim-Subscription-Key": s["azure api-key"]},
        {"cf-aig-authorization": f"Bearer {s['refresh token']}"},
        {"X-Custom-Auth-Token": s["refresh token"]},
        {
            "authorization": "AWS4-HMAC-SHA256 Credential="
            f"{s['sigv4 access key']}/20261120/us-east-1/bedrock/aws4_request, "
            f"SignedHeaders=host;x-amz-date, Signature={s['sigv4 signature']}"
        },
    ]
    made = []
    for sent in headers:
        name, value = next(iter(sent.items()))
        told = f"Refused: {name}: {value} is not valid (request id: {keep['one-api id']})"
        made.append(entry(request=sent, response=answer, **_refusal(told, keep["code a"])))
        made.append(entry(request=sent, got=_completion(keep)))
    failed = made[12]
    failed["request"]["cookies"] = [{"name": "sid", "value": s["session cookie"]}]
    failed["response"]["cookies"] = [{"name": "connect.sid", "value": s["set-cookie value"]}]
    failed["response"]["headers"].append(
        {"name": "Set-Cookie", "value": f"connect.sid={s['set-cookie value']}; Path=/; HttpOnly"}
    )
    body = f"session {s['session cookie']} / {s['set-cookie value']} is gone"
    made.append(entry(**_refusal(body, keep["code a"], 403)))
    return made


def _completion(keep: dict[str, str], text: str = "Hello") -> dict[str, Any]:
    return {
        "id": keep["chat id"],
        "model": keep["model a"],
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
    }


def _url_entries(s: dict[str, str], keep: dict[str, str]) -> list[dict[str, Any]]:
    """User info, query, path; Location, Referer, Origin, Link; the initiator."""
    google = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro"
    keyed = f"{google}:generateContent?key={s['gemini query key']}&alt=sse"
    signed = (
        "https://bucket.example/file.bin?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        f"&X-Amz-Credential={s['sigv4 access key']}%2F20261120%2Fus-east-1%2Fs3%2Faws4_request"
        f"&X-Amz-Signature={s['signed url signature']}"
    )
    shared = f"https://blob.example/c/f?sv=2024&sig={s['signed url signature']}&se=2026"
    missing = {"error": {"code": 404, "message": f"Not here: {keyed}", "status": "NOT_FOUND"}}
    query = entry(keyed, status=404, got=missing)
    query["request"]["queryString"] = [
        {"name": "key", "value": s["gemini query key"]},
        {"name": "alt", "value": "sse"},
    ]
    moved = entry(status=302, request={"referer": signed, "origin": "https://gateway.example"},
                  response={"location": signed, "link": f"<{shared}>; rel=next"})  # fmt: skip
    moved["response"]["redirectURL"] = signed
    login = f"https://{s['userinfo']}@gateway.example/v1/chat/completions"
    stack = {"callFrames": [{"url": keyed, "lineNumber": 1}]}
    return [
        query,
        moved,
        entry(login, **_refusal(f"cannot reach {login}", keep["code c"], 502)),
        entry(f"https://gateway.example/v1/{s['openai bearer']}/chat/completions",
              **_refusal("no such route", keep["code c"], 404)),
        entry(f"https://gateway.example/u/{s['jwt']}/v1/models", **_refusal("", "not_found", 404)),
        entry(status=503, _initiator={"type": "script", "url": keyed, "stack": stack},
              got=f"upstream said: {shared}", mime="text/plain"),
        entry(status=502, request={":path": "/v1/models?access_token=" + s["refresh token"]},
              got={"detail": f"GET {quote(keyed, safe='')} failed"}),
    ]  # fmt: skip


def _request_body_entries(
    forge: Forge, s: dict[str, str], keep: dict[str, str]
) -> list[dict[str, Any]]:
    """JSON, JSON in JSON, form and multipart bodies, with params; prompts with personal data."""
    asked = {
        "model": keep["model b"],
        "messages": [
            {"role": "user", "content": f"Write to {s['email in prompt']} from {s['jwt email']}"}
        ],
    }
    keys = {
        **asked,
        "openrouter_api_key": s["openrouter key in body"],
        "password": s["password in json"],
    }
    nested = {
        **asked,
        "metadata": json.dumps(
            {
                "config": json.dumps(
                    {"client_secret": s["refresh token"], "password": s["password in json"]}
                )
            }
        ),
    }
    busy = {
        "type": "error",
        "error": {"type": keep["code b"], "message": "Overloaded"},
        "request_id": keep["anthropic request id"],
    }
    echo = {"error": {"message": f"bad body {json.dumps(keys)}", "code": "400", "type": "invalid"}}
    form = (
        f"grant_type=authorization_code&code={s['refresh token']}&state={s['session cookie']}"
        f"&client_secret={quote(s['password in json'], safe='')}"
    )
    oauth = entry("https://gateway.example/oauth/token", status=400, got={"error": "invalid_grant"})
    oauth["request"]["postData"] = {
        "mimeType": "application/x-www-form-urlencoded",
        "text": form,
        "params": [
            {"name": "code", "value": s["refresh token"]},
            {"name": "client_secret", "value": s["password in json"]},
        ],
    }
    upload = entry(
        "https://gateway.example/v1/files", status=413, got="too large", mime="text/plain"
    )
    upload["request"]["postData"] = {
        "mimeType": "multipart/form-data; boundary=b",
        "params": [
            {
                "name": "api_key",
                "value": s["azure api-key"],
                "fileName": f"{s['email in prompt']}.txt",
            }
        ],
        "text": '--b\r\nContent-Disposition: form-data; name="api_key"\r\n\r\n'
        f'{s["azure api-key"]}\r\n--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n'
        "assistants\r\n--b--\r\n",
    }
    return [
        entry(sent=keys, status=529, got=busy), entry(sent=nested, status=400, got=echo),
        entry(sent=asked, got=_completion(keep, f"Mail sent to {s['email in prompt']}")),
        oauth, upload,
    ]  # fmt: skip


def _answer_entries(forge: Forge, s: dict[str, str], keep: dict[str, str]) -> list[dict[str, Any]]:
    """JSON, SSE, HTML and base64 answers; errors that echo a key, whole and masked."""
    key = s["key echoed in 401"]
    sent = {"authorization": f"Bearer {key}"}
    ids = {"request-id": keep["anthropic request id"], "x-generation-id": keep["generation id"]}
    errors = [
        entry(request=sent, response=ids, **_refusal(
            f"Incorrect API key provided: {form}. You can find your API key at your dashboard.",
            keep["code a"], request_id=keep["uuid"]))
        for form in (key, *masked_forms(key))
    ]  # fmt: skip
    limit = (
        f"Rate limit reached for {keep['model a']} in organization {s['organization id']} "
        f"on tokens per min (TPM): Limit 30000. id {keep['response id']}"
    )
    token = json.dumps({"choices": [{"delta": {"content": f"token {s['hf token in SSE']}"}}]})
    told = f"peer {s['client address']} of {keep['message id']} sent {s['hf token in SSE']}"
    event = json.dumps({"type": "error", "error": {"type": keep["code b"], "message": told}})
    stream = f"data: {token}\n\nevent: error\ndata: {event}\n\n"
    page = (
        f"<html><head><title>502 Bad Gateway</title><meta name='csrf-token' "
        f"content='{s['refresh token']}'></head><body><input type=hidden name=\"session_token\" "
        f'value="{s["session cookie"]}"><p>{s["client address"]} {s["email in prompt"]} '
        f"{keep['ray']}</p></body></html>"
    )
    inner = json.dumps({"error": {"message": f"denied for {s['token in base64 body']}"}})
    coded = entry(status=500, got=base64.b64encode(inner.encode()).decode())
    coded["response"]["content"]["encoding"] = "base64"
    tokens = {"access_token": s["jwt"], "refresh_token": s["refresh token"], "token_type": "Bearer"}
    relay = {
        "error": {
            "message": f"upstream: {inner}",
            "type": "upstream_error",
            "code": keep["code d"],
            "metadata": {"raw": json.dumps({"b64": base64.b64encode(inner.encode()).decode()})},
        }
    }
    return [
        *errors,
        entry(**_refusal(limit, "rate_limit_exceeded", 429)),
        entry(got=stream, mime="text/event-stream"),
        entry(status=502, got=page, mime="text/html"),
        coded,
        entry("https://gateway.example/oauth/token", got=tokens),
        entry(status=402, got=relay),
        entry(**_refusal(f"{keep['model c']} not served; tried {s['anthropic x-api-key']}",
                         keep["code c"], 404)),
    ]  # fmt: skip


def _oddities(s: dict[str, str], keep: dict[str, str]) -> list[dict[str, Any]]:
    """WebSocket and event source messages, client errors, comments, status texts."""
    protocol = f"realtime, openai-insecure-api-key.{s['websocket subprotocol key']}, openai-beta.v1"
    told = {"type": "session.update", "session": {"api_key": s["websocket message secret"]}}
    both = f"{s['websocket subprotocol key']} / {s['websocket message secret']}"
    refused = {"type": "error", "error": {"code": keep["code a"], "message": both}}
    socket = entry(
        "wss://gateway.example/v1/realtime?model=gpt-4o-realtime-preview",
        status=401,
        request={"Sec-WebSocket-Protocol": protocol},
        _resourceType="websocket",
        _webSocketMessages=[
            {"type": "send", "time": 1.0, "opcode": 1, "data": json.dumps(told)},
            {"type": "receive", "time": 2.0, "opcode": 1, "data": json.dumps(refused)},
        ],
    )
    events = [
        {"time": 1.0, "event": "message", "data": json.dumps({"token": s["hf token in SSE"]})}
    ]
    dead = entry(status=0, _error=f"{keep['client error']} for key {s['openai bearer']}",
                 _eventSourceMessages=events, serverIPAddress=s["client address"])  # fmt: skip
    gone = entry(status=-1, comment=f"asked by {s['email in prompt']} with {s['gemini query key']}",
                 _clientAddress=s["client address"])  # fmt: skip
    gone["response"]["_failureText"] = f"socket hang up https://{s['userinfo']}@gateway.example/"
    gone["response"]["statusText"] = f"Bad token {s['azure api-key']}"
    return [socket, dead, gone, _dump(s, keep)]


def _dump(s: dict[str, str], keep: dict[str, str]) -> dict[str, Any]:
    """Return a failed call whose error repeats everything, encoded in three ways."""
    whole = json.dumps({"debug": s, "ids": keep})
    coded = base64.b64encode(whole.encode()).decode()
    shifted = base64.b64encode(f"x{s['openai bearer']}y".encode()).decode()
    told = {"error": {"message": f"trace {keep['trace']} dump {coded} {shifted}",
                      "code": keep["code b"], "details": quote(whole, safe="")}}  # fmt: skip
    return entry(status=500, got=told)
