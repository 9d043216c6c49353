"""The store of secrets of one run: learns literals, gives pseudonyms, cleans texts.

Nothing here writes a secret anywhere, its own representation and error messages included. Importing
it is cheap, since the error path of the command line uses it; Polars is loaded by
:meth:`SecretStore.redact_series` alone.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import unquote

from analyzer.redact.echo import Echoes
from analyzer.redact.fields import credentials, field_spans
from analyzer.redact.headers import credential, header_spans, inner_secrets
from analyzer.redact.literals import SOFT_KINDS, LiteralIndex, common, searchable, wordy
from analyzer.redact.names import credential_key, secret_header
from analyzer.redact.patterns import (
    ID_PREFIXES,
    PLAIN_ID,
    prefilter,
    random_like,
    run_spans,
    value_spans,
)
from analyzer.redact.spans import PLACEHOLDER, Span, folded, merge, placeholders, replace

if TYPE_CHECKING:
    import polars as pl

__all__ = ["SecretStore", "credential_key", "credentials", "secret_header"]

_PLAIN_ID = re.compile(PLAIN_ID.replace("$", r"\Z"))
_NOT_KIND = re.compile(r"[^a-z0-9]+")
_SEGMENT = re.compile(r"(?<=/)[A-Za-z0-9_.~=-]{24,}(?=[/?#:;]|$)")
_URL_HEADERS = frozenset({"referer", "location", "content-location", "link", ":path"})
_PASSES = 64
_DEPTH = 2


class SecretStore:
    """Literals of one run's secrets, in memory only.

    ``salt`` keys the pseudonyms: the same salt gives the same secret the same tag; without it a tag
    tells nothing. Use a random one per report, so that two reports cannot be linked.
    """

    __slots__ = ("_echoes", "_found", "_index", "_kept", "_known", "_lock", "_removed", "_salt")

    def __init__(self, salt: bytes) -> None:
        if not salt:
            msg = "the salt of a SecretStore must not be empty: plain hashes can be guessed"
            raise ValueError(msg)
        self._salt = salt if len(salt) <= 64 else blake2b(salt).digest()
        self._known: dict[str, tuple[str, str]] = {}
        # Blocks of a log are read by several threads, and all learn.
        self._lock = threading.Lock()
        self._found: dict[str, str] = {}
        self._kept: set[str] = set()
        self._removed: dict[str, set[str]] = {}
        self._index: LiteralIndex | None = None
        self._echoes: Echoes | None = None

    def __repr__(self) -> str:
        return f"SecretStore({len(self._known)} literals)"

    # learning

    def learn(self, value: str, kind: str = "secret") -> None:
        """Remember a literal, so that it is removed wherever else it appears.

        A header's whole value may be given: the scheme is set aside, cookies and lists of addresses
        are taken apart, Basic credentials are decoded. A value that is short or an everyday word is
        remembered too, but not looked for in texts.
        """
        if not value:
            return
        kind = _NOT_KIND.sub("-", kind.lower()).strip("-")[:24] or "secret"
        for literal, secret, its_kind in inner_secrets(value, kind):
            self._remember(literal, secret, its_kind)
            if "%" in literal:
                self._remember(unquote(literal), secret, its_kind)

    def learn_header(self, name: str, value: str) -> None:
        """Learn a header's value if headers of that name hold a secret, or those in its URL."""
        kind = secret_header(name)
        if kind:
            self.learn(value, kind)
        elif name.lower() in _URL_HEADERS:
            self.learn_text(value)

    def learn_text(self, text: str) -> None:
        """Learn what stands under credential names in a body, form, query or URL."""
        for kind, value in credentials(text):
            self.learn(value, kind)

    def keep(self, values: Iterable[str | None]) -> None:
        """Name what the report must show: hosts, models, request ids.

        Cookies, sessions and addresses that equal one of them are not looked for; credentials are.
        """
        fresh = {value for value in values if value} - self._kept
        for value in fresh:
            if not any(span.kind != "ip" for span in value_spans(value, folded(value))):
                self._kept |= {value, value.rsplit(":", 1)[0].strip("[]")}
                self._index = None

    def tag(self, value: str) -> str:
        """Return the pseudonym of a credential, ``key:`` and 8 hex digits, and learn it.

        ``Bearer x`` and ``x`` have the same tag; so have all SigV4 signatures by one access key.
        """
        self.learn(value, "key")
        secret = credential(value)
        self._removed.setdefault("key", set()).add(self._digest(secret))
        return f"key:{self._digest(secret)}"

    def _remember(self, literal: str, secret: str, kind: str) -> None:
        with self._lock:
            known = self._known.get(literal)
            if known is None or (known[1] in SOFT_KINDS and kind not in SOFT_KINDS):
                self._known[literal] = (secret, kind)
                self._index = self._echoes = None

    def _digest(self, secret: str) -> str:
        raw = secret.encode("utf-8", "surrogatepass")
        return blake2b(raw, key=self._salt, digest_size=4).hexdigest()

    # removing

    def redact(self, text: str) -> str:
        """Return ``text`` without secrets, each replaced by ``[redacted:<kind>:<8 hex>]``.

        Learnt literals go in every spelling, then what looks like a secret, then what stands under
        a credential's name. Ids, models, error codes stay. ``redact(redact(x)) == redact(x)``.
        """
        return self._redact(text, literals=True)

    def redact_series(self, series: pl.Series) -> pl.Series:
        """Return a String series, redacted; nulls stay, equal values cost one pass."""
        import polars as pl

        if series.dtype == pl.Null or not series.len():
            return series
        texts = series if series.dtype == pl.String else series.cast(pl.String)
        distinct = texts.drop_nulls().unique()
        grams = self._literals().grams()
        none = pl.repeat(False, len(distinct), eager=True)
        has_literal = distinct.str.contains_any(grams) if grams else none
        shaped = distinct.str.contains(prefilter()) & ~distinct.str.contains(PLAIN_ID)
        suspect = has_literal | shaped
        changed: dict[str, str] = {}
        for text, literals in zip(
            distinct.filter(suspect), has_literal.filter(suspect), strict=True
        ):
            clean = self._redact(text, literals=literals)
            if clean != text:
                changed[text] = clean
        if not changed:
            return texts
        return texts.replace(list(changed), list(changed.values()))

    def header(self, name: str, value: str) -> str:
        """Return a header's value as it may be shown: scheme, cookie names, error words stay."""
        kind = secret_header(name)
        if kind:
            value = self._apply(value, merge((*placeholders(value), *header_spans(kind, value))))
        return self.path(value) if name.lower() == ":path" else self.redact(value)

    def path(self, text: str) -> str:
        """Return a URL's path (or a whole URL) without secrets, long random segments included."""
        spans = [
            Span(*match.span(), "path", match[0], 3)
            for match in _SEGMENT.finditer(text)
            if match[0] not in self._kept and _secret_segment(match[0])
        ]
        return self.redact(self._apply(text, merge((*placeholders(text), *spans))))

    def counts(self) -> dict[str, int]:
        """Return how many different secrets of each kind were removed so far."""
        return {kind: len(digests) for kind, digests in sorted(self._removed.items())}

    # for the last look at finished output

    def literals(self) -> LiteralIndex:
        """Return the literals whose presence in output can only be a leak: no word of any prose."""
        found = {value: (value, kind) for value, kind in self._found.items()}
        return LiteralIndex(
            {
                literal: owner
                for literal, owner in (found | self._known).items()
                if self._searched(literal, owner[1]) and not wordy(literal) and len(literal) >= 8
            }
        )

    # inside

    def _searched(self, literal: str, kind: str) -> bool:
        kept = literal in self._kept and kind in SOFT_KINDS
        return not kept and searchable(literal, kind)

    def _literals(self) -> LiteralIndex:
        if self._index is None:
            self._index = LiteralIndex(
                {value: o for value, o in self._known.items() if self._searched(value, o[1])}
            )
        return self._index

    def _known_echoes(self) -> Echoes:
        if self._echoes is None:
            self._echoes = Echoes(
                owner for owner in self._known.values()
                if owner[1] not in SOFT_KINDS and len(owner[0]) >= 12 and not common(owner[0])
            )  # fmt: skip
        return self._echoes

    def _redact(self, text: str, *, literals: bool) -> str:
        # A pass can bring new neighbours together; each one that changes the text leaves fewer
        # characters outside placeholders, so this ends, in the second pass as a rule.
        for _ in range(_PASSES):
            clean = self._apply(text, merge(self._spans(text, literals=literals)))
            if clean == text:
                break
            text = clean
        return text

    def _spans(self, text: str, *, literals: bool = True, depth: int = 0) -> Iterator[Span]:
        lower = folded(text)
        yield from placeholders(text)
        if literals:
            yield from self._literals().spans(text)
        if not depth and _PLAIN_ID.match(text):
            return
        yield from self._known_echoes().spans(text)
        yield from value_spans(text, lower, self._kept)
        yield from field_spans(text, lower)
        if depth < _DEPTH:
            yield from run_spans(text, lambda inner: self._holds_secret(inner, depth + 1))

    def _holds_secret(self, text: str, depth: int) -> bool:
        return any(span.rank for span in self._spans(text, depth=depth))

    def _apply(self, text: str, spans: list[Span]) -> str:
        fresh = [
            span
            for span in spans
            if span.rank or not PLACEHOLDER.fullmatch(text, span.start, span.end)
        ]
        for span in fresh:
            if span.rank:
                self._removed.setdefault(span.kind, set()).add(self._digest(span.secret))
                if span.kind not in SOFT_KINDS and random_like(span.secret):
                    self._found.setdefault(span.secret, span.kind)
        return replace(text, fresh, self._tag_of)

    def _tag_of(self, span: Span) -> str:
        return self._digest(span.secret) if span.rank else span.secret


def _secret_segment(segment: str) -> bool:
    prefix = re.split(r"[-_.]", segment, maxsplit=1)[0]
    if prefix.lower() in ID_PREFIXES and len(prefix) < len(segment):
        return False
    mixed = any(map(str.islower, segment)) and any(map(str.isupper, segment))
    return mixed and any(map(str.isdigit, segment)) and random_like(segment)
