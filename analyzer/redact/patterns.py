"""What secrets look like by themselves: prefixes, tokens, addresses, masked echoes.

Each finder has triggers, lower-case pieces of text without which it cannot match: most texts hold
none of them and cost one substring search each. Expressions are compiled on first use only.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote_plus

from analyzer.redact.spans import Span

# A token may begin after an escape, where the character before it is a letter or a digit.
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f][0-9A-Fa-f])|(?<=\\u[0-9A-Fa-f]{4}))"
# Where a cut of the text may have shortened a token.
_CUT = r"(?=\Z|\n…\n)"


def _tail(chars: str, least: int) -> str:
    return rf"(?:{chars}{{{least},}}|(?=[A-Za-z_-]*\d){chars}{{4,}}{_CUT})"


_KEY_FORMS = (
    r"sk-[A-Za-z0-9_-]{4,}",
    "AIza" + _tail("[A-Za-z0-9_-]", 20),
    r"ya29\." + _tail("[A-Za-z0-9._-]", 10),
    r"(?:hf|gsk|r8|fw)_" + _tail("[A-Za-z0-9]", 16),
    r"(?:xai|pplx|csk|nvapi)-" + _tail("[A-Za-z0-9_]", 16),
    r"gh[pousr]_" + _tail("[A-Za-z0-9]", 16),
    "github_pat_" + _tail("[A-Za-z0-9_]", 16),
    r"xox[abeprs]-" + _tail("[A-Za-z0-9-]", 10),
    r"(?:sess|glpat|tgp_v1)[-_]" + _tail("[A-Za-z0-9_-]", 20),
    "GOCSPX-" + _tail("[A-Za-z0-9_-]", 16),
    r"bot\d{6,}:" + _tail("[A-Za-z0-9_-]", 20),
)

_KEY_TRIGGERS = (
    "sk-", "aiza", "ya29.", "hf_", "gsk_", "r8_", "fw_", "xai-", "pplx-", "csk-", "nvapi-", "ghp_",
    "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "xox", "sess-", "sess_", "glpat", "tgp_v1",
    "gocspx-", "bot",
)  # fmt: skip

_MASK_PREFIX = (
    r"(?:sk|pk|rk|ak|hf|gsk|xai|r8|pplx|AIza|key|gh[pousr]|github_pat|xox[abeprs]|ya29|nvapi"
    r"|fw|csk)"
)

ID_PREFIXES = frozenset(
    """
    req request resp response msg message chatcmpl cmpl gen generation run thread asst file batch
    call toolu srvtoolu fc fp ft ftjob evt event rs ws item trace span ray log conv step vs embd
    modr img cmb job task reqid id rid cid audio video ig ci mcp
""".split()  # noqa: SIM905  (fifty quoted words on fifty lines are harder to read)
)
"""First words of ids by which support finds a request: they survive."""

PLAIN_ID = (
    "^(?:(?:" + "|".join(sorted(ID_PREFIXES)) + ")[-_][A-Za-z0-9_-]{6,80}|[0-9a-f-]{1,64}|[0-9]+)$"
)
"""A whole value that is an id and nothing else, for Python and Rust; columns are full of them."""

_ID_BEFORE = re.compile(
    r"(?:(?i:\bids?|_ids?|-ids?|\bray|\btrace|\bspan|\brequest|\bgeneration)|[a-z]Ids?)\W{0,6}$"
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of value; group 1, if the expression has one, is what must go."""

    kind: str
    triggers: tuple[str, ...]
    source: str
    accept: Callable[[re.Match[str]], bool] | None = None
    before: str = ""
    """Characters of a match that may stand before its trigger."""


_CAMEL = re.compile(r"(?:[A-Z]?[a-z]{2,}|[A-Z]{1,12}|[-_./])+")


def credential_like(value: str) -> bool:
    """Whether ``value`` looks random enough to be a credential where prose is possible too."""
    if len(value) < 8 or value[0] in "<{$%":
        return False
    digits = sum(c.isdigit() for c in value)
    if digits == len(value):
        return digits > 12
    return digits > 0 or not _CAMEL.fullmatch(value) or (value.isalpha() and len(value) >= 32)


def random_like(value: str) -> bool:
    """Whether a stretch between separators is as mixed as only generated strings are."""
    for part in re.split(r"[^A-Za-z0-9]", value):
        if len(part) >= 32 and re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", part):
            return True
        kinds = (any(map(str.isdigit, part)), any(map(str.islower, part)))
        if len(part) >= 12 and all(kinds) and (any(map(str.isupper, part)) or len(part) >= 20):
            return True
    return False


def _is_key(match: re.Match[str]) -> bool:
    value = match[0]
    if not value.startswith("sk-"):
        return True
    return any(c.isdigit() for c in value) or len(value) >= 20


_AT = re.compile(r"@|%40|\\u0040")


def _is_email(match: re.Match[str]) -> bool:
    """Refuse ``//user:password@host``: the login goes, the host must stay."""
    local = _AT.split(match[0], maxsplit=1)[0]
    before = match.string[max(0, match.start() - 80) : match.start() + len(local)]
    return not re.search(r"://[^\s/?#@]*$", before)


def _is_ipv4(match: re.Match[str]) -> bool:
    parts = [int(part) for part in match[0].split(".")]
    # 127/8 and 0.0.0.0 say nothing of anybody; x.0.0.0 is how browsers write versions.
    return max(parts) < 256 and parts[0] != 127 and parts[1:] != [0, 0, 0]


def _is_ipv6(match: re.Match[str]) -> bool:
    import ipaddress

    value = match[0]
    if "::" not in value and value.count(":") < 6:
        return False
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        return False
    mapped = address.ipv4_mapped
    if address.is_loopback or address.is_unspecified or (mapped and mapped.is_loopback):
        return False
    return any(c.isdigit() for c in value)  # `a::b` is a name in many languages


def _is_like(match: re.Match[str]) -> bool:
    return credential_like(match[1])


def _is_masked(match: re.Match[str]) -> bool:
    value = match[0]
    known = sum(c.isalnum() for c in value)
    return known >= 2 and not (value.startswith("***") and value.endswith("***"))


PATTERNS: tuple[Pattern, ...] = (
    Pattern("private-key", ("-----begin",),
            r"-----BEGIN [A-Z0-9 ]{3,40}-----.*?(?:-----END [A-Z0-9 ]{3,40}-----|\Z)"),
    Pattern("login", ("://",), r"://([^\s/?#@\"'<>\\]{1,200})@"),
    Pattern("jwt", ("eyj",), _START + r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}"),
    Pattern("key", _KEY_TRIGGERS, _START + "(?:" + "|".join(_KEY_FORMS) + ")", _is_key),
    Pattern("key", ("akia", "asia", "abia", "acca"),
            _START + r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{12,}(?![a-z])"),
    Pattern("token", ("bearer", "basic", "token", "apikey", "api-key"),
            r"(?i:\b(?:bearer|basic|token|api-?key))(?:\s|%20|\+){1,3}([A-Za-z0-9._~+/=-]{8,})",
            _is_like),
    Pattern("key", ("api", "access", "auth", "subscription", "virtual", "token", "secret",
                    "password", "credential"),
            r"(?i:(?:api|access|auth|subscription|secret|virtual)[ _-]?(?:key|token)|token|secret"
            r"|password|credential)s?(?i:\s+(?:provided|used|supplied|received|given|is|was))*"
            r"\s{0,2}(?:[:=(]\s{0,2}\\*[\"'`]?|\\*[\"'`])([A-Za-z0-9][\w.~+/=-]{7,})", _is_like),
    Pattern("key", ("key hash",), r"(?i:key hash)[^=:\n]{0,12}[=:]\s*([0-9A-Fa-f]{16,})"),
    Pattern("masked", ("***",), r"(?<![\w*-])[\w-]{0,64}\*{3,}[\w*-]*", _is_masked,
            r"[\w*-]"),
    Pattern("masked", ("…", "...", "••", "***"),
            _START + _MASK_PREFIX + r"[\w-]{0,40}(?:…|\.{3,8}|•+|\*{3,})[\w-]{2,24}", None,
            r"[\w-]"),
    Pattern("org", ("org-", "proj_", "org_"),
            _START + "(?:org-|org_|proj_)" + _tail("[A-Za-z0-9]", 16)),
    Pattern("user", ("user-", "user_"), _START + "user[-_](?=[A-Za-z]*[0-9])"
            + _tail("[A-Za-z0-9]", 16)),
    Pattern("email", ("@", "%40", "\\u0040"),
            r"(?:(?<![A-Za-z0-9._%+-])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f][0-9A-Fa-f]))"
            r"[A-Za-z0-9._+-]{1,64}(?:@|%40|\\u0040)"
            r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,5}\.[A-Za-z]{2,24}(?![A-Za-z0-9])",
            _is_email, r"[A-Za-z0-9._+-]"),
)  # fmt: skip


def value_spans(text: str, lower: str, kept: Collection[str] = ()) -> Iterator[Span]:
    """Yield the stretches of ``text`` that look like secrets.

    ``lower`` is ``folded(text)``; ``kept`` holds addresses that the report needs.
    """
    # Most texts, ids above all, have nothing by which any pattern begins: one search tells.
    for pattern in PATTERNS if _any_trigger().search(lower) else ():
        for match in _matches(pattern, text, lower):
            if pattern.accept is None or pattern.accept(match):
                group = 1 if match.re.groups else 0
                secret = match[group]
                if pattern.kind == "email":
                    secret = _AT.sub("@", secret)
                yield Span(*match.span(group), pattern.kind, secret, 2)
    yield from _address_spans(text, kept)


def _matches(pattern: Pattern, text: str, lower: str) -> Iterator[re.Match[str]]:
    expression = _compiled(pattern.source)
    for trigger in pattern.triggers:
        at = lower.find(trigger)
        while at >= 0:
            end = at + len(trigger)
            for start in _starts(pattern, text, at):
                if match := expression.match(text, start):
                    yield match
                    end = max(end, match.end())
                    break
            at = lower.find(trigger, end)


def _starts(pattern: Pattern, text: str, at: int) -> Iterator[int]:
    """Yield where a match may begin whose trigger is at ``at``; few, since strangers wrote it."""
    if not pattern.before:
        yield at
        return
    run = _compiled(pattern.before + r"{0,64}\Z").search(text, max(0, at - 64), at)
    first = run.start() if run else at
    # An escape's last letter or digits look like the beginning of what follows it.
    before = text[first - 1 : first]
    yield first + (2 if before == "%" else 1 if before == "\\" and text[first] in "nrt" else 0)
    yield from (i for i in range(first + 1, at + 1) if not text[i - 1].isalnum())


_IPV4_HINT = re.compile(r"\.\d{1,3}\.\d{1,3}\.\d")
_IPV6_HINT = re.compile("::|" + ":[0-9A-Fa-f]{1,4}" * 5 + ":")
_IPV4 = (
    r"(?:(?<![\w.])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f][0-9A-Fa-f]))(?<![A-Za-z]/)"
    r"\d{1,3}(?:\.\d{1,3}){3}(?![A-Za-z_0-9]|\.\d)"
)
_IPV6 = (
    r"(?:(?<![\w:.])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f][0-9A-Fa-f]))[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}"
    r"(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])"
)


def _address_spans(text: str, kept: Collection[str]) -> Iterator[Span]:
    for hint, source, accept in ((_IPV4_HINT, _IPV4, _is_ipv4), (_IPV6_HINT, _IPV6, _is_ipv6)):
        for near in hint.finditer(text):
            start = max(0, near.start() - 30)
            for match in _compiled(source).finditer(text, start, near.end() + 60):
                if match[0] not in kept and accept(match):
                    yield Span(*match.span(), "ip", match[0], 2)


@cache
def _compiled(source: str) -> re.Pattern[str]:
    """Compile on first use: thirty expressions at import would cost more than a small run."""
    return re.compile(source, re.DOTALL)


@cache
def _any_trigger() -> re.Pattern[str]:
    words = {trigger for pattern in PATTERNS for trigger in pattern.triggers}
    return re.compile("|".join(map(re.escape, sorted(words))))


_RUN = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_PREFIXED = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2,8})[-_]([A-Za-z0-9_-]{24,})")
_PERCENT_RUN = re.compile(r"(?:[\w.~+!*'()-]|%[0-9A-Fa-f]{2}){12,}")


def run_spans(text: str, secret_inside: Callable[[str], bool]) -> Iterator[Span]:
    """Yield long unbroken stretches that are keys of an unknown maker, or encode a secret.

    ``secret_inside`` says whether decoded text holds one.
    """
    for match in _RUN.finditer(text):
        for found in _PREFIXED.finditer(match[0]):
            at = match.start() + found.start()
            if _unknown_key(found, text[max(0, at - 24) : at]):
                yield Span(at, at + len(found[0]), "key", found[0], 3)
        decoded = decode_base64(match[0])
        if decoded and secret_inside(decoded):
            yield Span(*match.span(), "encoded", match[0], 4)
    if "%" not in text:
        return
    for match in _PERCENT_RUN.finditer(text):
        if "%" in match[0] and secret_inside(unquote_plus(match[0])):
            yield Span(*match.span(), "encoded", match[0], 4)


def _unknown_key(found: re.Match[str], before: str) -> bool:
    if found[1].lower() in ID_PREFIXES or _ID_BEFORE.search(before):
        return False
    return random_like(found[2])


def decode_base64(run: str) -> str | None:
    """Return the text that a base64 run holds, or ``None`` if it holds none; cut ends are fine."""
    body = run.rstrip("=").translate(_STANDARD)
    body = body[: len(body) - 1] if len(body) % 4 == 1 else body
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
        text = raw.decode("utf-8", "ignore")
    except (binascii.Error, ValueError):
        return None
    printable = sum(c.isprintable() or c in "\r\n\t" for c in text)
    return text if len(text) > len(raw) * 0.9 and printable == len(text) else None


_STANDARD = str.maketrans("-_", "+/")


@cache
def prefilter() -> str:
    """Return a Rust expression that matches every text in which a finder could find something.

    It may match more. It spares Python the clean values of a column.
    """
    from analyzer.redact.echo import TRIGGERS
    from analyzer.redact.fields import WORDS

    words = {trigger for pattern in PATTERNS for trigger in pattern.triggers}
    words.update(WORDS, TRIGGERS)
    literal = "|".join(sorted(re.escape(word) for word in words))
    return (
        rf"(?i)(?:{literal}|[0-9]\.[0-9]{{1,3}}\.[0-9]{{1,3}}\.[0-9]"
        r"|[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,}|[a-z0-9+/_-]{24}|%[0-9a-f]{2})"
    )
