"""nginx variables: what their values look like in a log.

A kind says which text a value may be; what a variable means for the attempts table is told in
``nginx_row``. Variables that are not known are text and are skipped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ANY = "_any"
"""What stands before the time, whatever it is: addresses, users, hosts."""
TAIL = "_tail"
"""What stands behind the fields that are known, quotes included."""
SKIP = "_skip"
"""A value that means nothing here."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the values of a variable look like."""

    says: str
    """For people: 'a status of three digits'."""
    pattern: str
    """In the syntax that Python and Rust share; matches a value and nothing beyond it."""
    width: int = 0
    """Characters, if all values have the same number of them."""
    blanks: bool = False
    """Whether a value may have blanks, so that a blank behind it does not end it."""
    several: bool = False
    """Whether there is one value for each server tried: ``a, b : c``."""


def _several(says: str, one: str) -> Kind:
    # Two servers of one group are parted by ", ", two groups by " : "; nginx leaves a separator at
    # the end if the last group was not asked.
    pattern = rf"(?:{one})(?:(?:, | : )(?:{one}))*(?: : )?"
    return Kind(says, f"(?:{pattern})?", blanks=True, several=True)


_NUMBER = r"(?:\d+(?:\.\d+)?|-)?"
TIME_LOCAL = Kind(
    "day/Mon/year:h:m:s zone",
    r"\d\d/[A-Z][a-z][a-z]/\d\d\d\d:\d\d:\d\d:\d\d [+-]\d\d\d\d",
    width=26,
    blanks=True,
)
TIME_ISO = Kind(
    "year-month-dayTh:m:s+zone", r"\d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", width=25
)
MSEC = Kind("seconds.milliseconds since 1970", r"\d{9,10}\.\d\d\d")
STATUS = Kind("a status of three digits", r"(?:\d\d\d|-)", width=3)
NUMBER = Kind("a number or -", _NUMBER)
REQUEST = Kind("a request line", r'(?:[^"\\]|\\.)*', blanks=True)
HOST = Kind("a host", r'[^\s"/]*')
PATH = Kind("a path", r'[^\s"?]*')
WORD = Kind("a word without blanks", r'[^\s"]*')
TEXT = Kind("a text", r'(?:[^"\\]|\\.)*?', blanks=True)
FREE = Kind("anything", r".*?", blanks=True)
REST = Kind("anything", r".*", blanks=True)

STATUSES = _several("statuses, one for each server tried", r"\d{1,3}|-")
SECONDS = _several("seconds.milliseconds, one for each server tried", r"\d+(?:\.\d+)?|-")
SIZES = _several("numbers, one for each server tried", r"\d+|-")
SERVERS = _several("addresses, one for each server tried", r'[^\s",]*')

_KINDS = {
    ANY: FREE, TAIL: REST, SKIP: TEXT,
    "time_local": TIME_LOCAL, "time_iso8601": TIME_ISO, "msec": MSEC,
    "status": STATUS, "request": REQUEST,
    "upstream_addr": SERVERS, "upstream_status": STATUSES,
    "upstream_response_time": SECONDS, "upstream_connect_time": SECONDS,
    "upstream_header_time": SECONDS, "upstream_first_byte_time": SECONDS,
    "upstream_session_time": SECONDS, "upstream_queue_time": SECONDS,
    "upstream_response_length": SIZES, "upstream_bytes_received": SIZES,
    "upstream_bytes_sent": SIZES,
    "host": HOST, "http_host": HOST, "server_name": HOST, "ssl_server_name": HOST,
    "proxy_host": HOST, "upstream_host": HOST, "hostname": HOST,
    "uri": PATH, "document_uri": PATH, "request_uri": WORD, "upstream_uri": WORD,
    "is_args": Kind("? or nothing", r"\??"), "args": WORD, "query_string": WORD,
    "remote_user": TEXT, "ssl_client_s_dn": TEXT, "ssl_client_i_dn": TEXT,
    "http_user_agent": TEXT, "content_type": TEXT,
    "http_x_forwarded_for": TEXT, "proxy_add_x_forwarded_for": TEXT,
    "request_body": TEXT, "date_local": TEXT, "date_gmt": TEXT,
}  # fmt: skip
_NUMBERS = frozenset((
    "body_bytes_sent", "bytes_sent", "request_time", "request_length", "connection",
    "connection_requests", "connection_time", "gzip_ratio", "content_length", "pid",
    "remote_port", "server_port", "tcpinfo_rtt", "tcpinfo_rttvar", "tcpinfo_snd_cwnd",
))  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_]+")
# Response and request headers hold texts, with few exceptions that hold none of a blank.
_TEXTS = ("http_", "sent_http_", "upstream_http_", "cookie_", "arg_", "upstream_cookie_")
_WORDY = re.compile(r"_(?:id|ids|requestid|ray|key|host|length|traceparent|model|proto|port)$")

TIMES = ("msec", "time_local", "time_iso8601")
"""The variables that tell when, the most exact first."""

_HOSTS = frozenset(name for name, kind in _KINDS.items() if kind is HOST)
_PATHS = frozenset(("uri", "document_uri", "request_uri", "upstream_uri"))


def kind_of(name: str) -> Kind:
    """Return what the values of a variable look like."""
    if name in _KINDS:
        return _KINDS[name]
    if name in _NUMBERS:
        return NUMBER
    if name.startswith(_TEXTS):
        return WORD if _WORDY.search(name) else TEXT
    return WORD


def touch(left: str, right: str) -> bool:
    """Whether two variables with nothing between them can be told apart: ``$host$request_uri``."""
    if left in _HOSTS and right in _PATHS:
        return True
    if left in ("uri", "document_uri") and right == "is_args":
        return True
    if left == "is_args" and right in ("args", "query_string"):
        return True
    return kind_of(left).width > 0 or kind_of(right).width > 0
