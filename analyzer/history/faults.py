"""What can go wrong with a store, told in words: place, what happened, what to do.

delta-rs and Polars report failures of the disk, the network and the table as texts of many lines.
The cause is looked for in them; of what is passed on, credentials are removed.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from analyzer.errors import WhichhopError
from analyzer.redact.secrets import SecretStore

EXTRA = "history needs an extra that is not installed: pip install 'whichhop[history]'"

_CREDENTIAL = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL|SIGNATURE|CLIENT_ID|_SAS", re.I)
_SERVICE = re.compile(r"^(AWS|AZURE|GOOGLE|GCP|GCS|S3)_", re.I)
_FRAMES = re.compile(r"^\s*(?:\d+: \S|at \.?/).*$", re.M)
"""A Rust backtrace, which some errors carry."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m|↳")
_FILE = re.compile(r"[\w=%./:-]*?((?:kind=[\w%-]+/week=[\w%-]+/|_delta_log/)[\w.-]+)")
_LONGEST = 300
_LAST_WORDS_S = 0.3

# (what the text holds, what it means, what to do): the first that fits counts.
_CAUSES: tuple[tuple[str, str, str], ...] = (
    (r"no space left|os error 28\b|disk quota|os error 122\b", "the disk is full",
     "Make room and run it again"),
    (r"file too large|os error 27\b", "a file hit the size limit of this shell (ulimit -f)",
     "Raise the limit and run it again"),
    (r"not a directory|os error 20\b", "a part of its path is a file", "Name another: --store DIR"),
    (r"read-only file system|os error 30\b", "its file system is read-only",
     "Name another place: --store DIR"),
    (r"permission denied|os error 13\b|operation not permitted|os error 1\b",
     "this user may not read or write there", "Change its permissions, or --store DIR"),
    (r"nosuchbucket|bucket does not exist|containernotfound", "there is no such bucket",
     "Make the bucket, or correct --store"),
    (r"invalidaccesskeyid|signaturedoesnotmatch|accessdenied|expiredtoken|authentication|"
     r"40[13] (?:forbidden|unauthorized)|credential|imds|169\.254",
     "the object store refuses the credentials, or has none",
     "Set the usual variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION ...)"),
    (r"connection refused|error sending request|dns error|timed out|connect error|error trying to",
     "the object store does not answer", "Look at the network and at AWS_ENDPOINT_URL"),
    (r"url scheme is not allowed|allow_http|builder error", "the object store's URL is plain HTTP",
     "Use https, or AWS_ALLOW_HTTP=true for a test server"),
)  # fmt: skip
_DAMAGE = re.compile(
    r"parquet|footer|magic|thrift|out of spec|json|invalid delta|eof while parsing|log segment|"
    r"metadata or protocol|corrupt|no such file|not found|os error 2\b|unexpected end|"
    r"deserializ|snappy|decompress",
    re.I,
)


class StoreError(WhichhopError):
    """The store cannot be used as it was named: broken, unreachable, full, or none at all."""

    exit_code = 2


class Conflict(Exception):
    """Somebody else committed first: look again at what is there, and decide anew."""


@contextmanager
def told(shown: str, doing: str) -> Iterator[None]:
    """Turn what delta-rs, Polars or the system raise into a :class:`StoreError`.

    ``shown`` names the store, ``doing`` says what failed: ``reading``, ``writing``. Anything that
    is no failure of the store (a bug, an interrupt) goes through as it is.
    """
    from deltalake.exceptions import DeltaError
    from polars.exceptions import PanicException, PolarsError

    try:
        yield
    except (DeltaError, OSError, PolarsError, PanicException) as error:
        raise StoreError(sentence(shown, doing, str(error))) from None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep off the terminal what threads of delta-rs and Polars print when they fail.

    The error that is raised tells the same in words; a thread's report of itself only frightens.
    """
    try:
        kept = os.dup(2)
    except OSError:
        yield
        return
    sys.stderr.flush()
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "CommitFailedError":
            # Threads that were at work end a little after the error is told.
            time.sleep(_LAST_WORDS_S)
        raise
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def sentence(shown: str, doing: str, raw: str) -> str:
    """Return what happened to the store and what to do, from the text of an error."""
    text = _plain(re.sub(r"^\[Errno \d+\] ", "", raw))
    for pattern, cause, action in _CAUSES:
        if re.search(pattern, text, re.IGNORECASE):
            kept = " Nothing was changed." if doing == "writing" else ""
            return f"{doing} the store {shown} failed: {cause}.{kept} {action}."
    file = _FILE.search(text)
    if file and _DAMAGE.search(text):
        return f"{doing} the store {shown} failed: {file[1]} is damaged or gone. {_mend(file[1])}"
    if _DAMAGE.search(text) and re.search(r"json|log|version", text, re.IGNORECASE):
        return (
            f"{doing} the store {shown} failed: an entry of _delta_log is damaged or gone "
            f"({_short(text)}). {_mend('_delta_log/')}"
        )
    return f"{doing} the store {shown} failed: {_short(text).rstrip('.')}."


def _mend(file: str) -> str:
    if file.startswith("_delta_log"):
        return (
            "Put it back from a backup. If it is the newest entry, moving it away gives the state "
            "before it; then ingest again what is missing."
        )
    week = re.search(r"week=([\w-]+)", file)
    which = f" of {week[1]}" if week else ""
    return (
        f"Put it back from a backup. Without one: analyze history compact --repair gives up what "
        f"it held, forgets the ingests{which} and names the files to ingest again. Other weeks "
        "are whole."
    )


def damaged(shown: str, files: Sequence[str]) -> str:
    """Return what to do about files of the store that are damaged or gone."""
    more = f" (and {len(files) - 1} more)" if len(files) > 1 else ""
    return (
        f"reading the store {shown} failed: {files[0]}{more} is damaged or gone. {_mend(files[0])}"
    )


def _plain(raw: str) -> str:
    raw = _FRAMES.sub("", raw)
    lines = (line.strip() for line in _COLOUR.sub(" ", raw).splitlines())
    return _redacted(" ".join(line for line in lines if line))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + " ..."


def _redacted(text: str) -> str:
    """Remove the object store's credentials, and whatever else looks like a secret."""
    secrets = SecretStore(b"store")
    for name, value in os.environ.items():
        if _SERVICE.match(name) and _CREDENTIAL.search(name):
            secrets.learn(value, "credential")
    return secrets.redact(text)
