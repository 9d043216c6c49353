"""Who and what is known, read from ``knowledge/``: providers, products, gateways, marks, clients.

Plain records that msgspec can put into the compiled cache of the knowledge. An entry that cannot be
read is left out and said in ``problems``; the run goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from analyzer import columns
from analyzer.errors import ConfigError

FILES = ("providers", "products", "fingerprints", "clients", "aliases")


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all entries: a key that nobody reads is a mistake."""


class Provider(_Entry, frozen=True, kw_only=True):
    """One model provider."""

    slug: str
    name: str
    hosts: tuple[str, ...] = ()
    """Exact host, or a pattern: ``*`` is one label or a part of it, a leading ``*.`` any depth."""
    models: tuple[str, ...] = ()
    """How its models' names begin; a vendor's prefix may stand before it."""
    aliases: tuple[str, ...] = ()
    unversioned: bool = False
    """Its API is served without a version in the path."""


class HeaderSign(_Entry, frozen=True, kw_only=True):
    """A response header that shows that a product was passed."""

    name: str
    contains: str | None = None


class Product(_Entry, frozen=True, kw_only=True):
    """One edge, gateway or forward proxy product."""

    slug: str
    name: str
    kind: Literal["edge", "gateway", "network"]
    hosts: tuple[str, ...] = ()
    headers: tuple[HeaderSign, ...] = ()
    server: tuple[str, ...] = ()
    """Words in the Server header, lower case."""
    unversioned: bool = False


class Fingerprint(_Entry, frozen=True, kw_only=True):
    """What only one kind of hop leaves when it writes the answer itself."""

    id: str
    kind: Literal["edge", "gateway", "upstream"]
    product: str | None = None
    match: dict[str, Any]
    source: str = ""


class Settings(_Entry, frozen=True, kw_only=True):
    """What to look at in a client's settings, in order."""

    steps: tuple[str, ...] = ()


class Client(_Entry, frozen=True, kw_only=True):
    """One calling program."""

    slug: str
    name: str
    match: dict[str, Any]
    settings: Settings = Settings()


class Aliases(_Entry, frozen=True, kw_only=True):
    """How spellings of a model become one name."""

    prefixes: tuple[str, ...] = ()
    """Regular expressions, removed from the beginning, in order."""
    suffixes: tuple[str, ...] = ()
    """Regular expressions, removed from the end, in order."""
    names: dict[str, str] = {}
    """Spelling after that -> name."""


class Gateway(_Entry, frozen=True, kw_only=True):
    """The hosts of one gateway profile."""

    slug: str
    name: str
    hosts: tuple[str, ...] = ()
    wrong_hosts: tuple[str, ...] = ()


class SignalData(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that signals know."""

    providers: tuple[Provider, ...] = ()
    products: tuple[Product, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    fingerprints: tuple[Fingerprint, ...] = ()
    clients: tuple[Client, ...] = ()
    aliases: Aliases = Aliases()
    problems: tuple[str, ...] = ()
    """Entries that were left out, and why."""

    def names(self) -> dict[str, str]:
        """Return the display name of every slug."""
        return {
            **{client.slug: client.name for client in self.clients},
            **{provider.slug: provider.name for provider in self.providers},
            **{product.slug: product.name for product in self.products},
            **{gateway.slug: gateway.name for gateway in self.gateways},
        }

    def steps(self, client: str) -> tuple[str, ...]:
        """Return what to look at in the settings of a client."""
        return next((c.settings.steps for c in self.clients if c.slug == client), ())


def from_data(data: Mapping[str, Any]) -> SignalData:
    """Return the records of knowledge files that were read already.

    ``data`` has the values of the files by their path without suffix: ``providers``,
    ``gateways/rutaapi``. Nothing is raised; what cannot be used is in ``problems``.
    """
    problems: list[str] = []
    aliases = data.get("aliases")
    profiles = sorted(name for name in data if name.startswith("gateways/"))
    return SignalData(
        providers=_entries(data, "providers", Provider, problems),
        products=_entries(data, "products", Product, problems),
        fingerprints=_entries(data, "fingerprints", Fingerprint, problems),
        clients=_entries(data, "clients", Client, problems),
        aliases=_entry(aliases or {}, "aliases", Aliases, problems) or Aliases(),
        gateways=tuple(_profiles(((name, data[name]) for name in profiles), problems)),
        problems=tuple(problems),
    )


def load_data(knowledge_root: Path, extra: Sequence[Path] = ()) -> SignalData:
    """Return the records of a knowledge directory and of the user's own.

    Raises:
        ConfigError: a file of the packaged directory cannot be read.
    """
    data: dict[str, Any] = {}
    problems: list[str] = []
    for number, root in enumerate((knowledge_root, *extra)):
        for name, path in _files(root):
            try:
                value = _read(path)
            except (ConfigError, OSError, UnicodeError) as error:
                if number == 0:
                    raise ConfigError(str(error)) from None
                problems.append(f"{error} (file left out)")
                continue
            old = data.get(name)
            # A user's entries come first, so that they win where the first hit counts.
            both = isinstance(value, list) and isinstance(old, list)
            data[name] = [*value, *old] if both and old is not None else value
    made = from_data(data)
    return msgspec.structs.replace(made, problems=(*problems, *made.problems))


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for name in FILES:
        path = root / f"{name}.yaml"
        if path.is_file():
            yield name, path
    for path in sorted((root / "gateways").glob("*.yaml")):
        yield f"gateways/{path.stem}", path


def _read(path: Path) -> Any:
    from analyzer.engine import yaml12

    return yaml12.load(path.read_text(encoding="utf-8"), str(path)).value


EntryType = TypeVar("EntryType", bound=_Entry)


def _entries(
    data: Mapping[str, Any], name: str, kind: type[EntryType], problems: list[str]
) -> tuple[EntryType, ...]:
    listed = data.get(name) or []
    if not isinstance(listed, list):
        problems.append(f"{name}.yaml: expected a list of entries (file left out)")
        return ()
    made = (_entry(v, f"{name}.yaml: entry {i}", kind, problems) for i, v in enumerate(listed, 1))
    return tuple(entry for entry in made if entry is not None)


def _entry(value: Any, place: str, kind: type[EntryType], problems: list[str]) -> EntryType | None:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        name = value.get("slug") or value.get("id") if isinstance(value, dict) else None
        said = f"{place} ({name})" if name else place
        problems.append(f"{said}: {error} (entry left out)")
        return None


def _profiles(files: Iterable[tuple[str, Any]], problems: list[str]) -> Iterator[Gateway]:
    for name, value in files:
        if not isinstance(value, dict):
            problems.append(f"{name}.yaml: expected a mapping (profile left out)")
            continue
        hosts = value.get("hosts")
        hosts = hosts if isinstance(hosts, dict) else {"right": hosts}
        base = urlsplit(str(value.get("base_url") or "")).netloc
        right = [*_hosts(hosts.get("right")), *([base] if base else [])]
        slug = str(value.get("id") or name.removeprefix("gateways/"))
        yield Gateway(
            slug=slug,
            name=str(value.get("name") or slug),
            hosts=tuple(dict.fromkeys(right)),
            wrong_hosts=tuple(_hosts(hosts.get("wrong"))),
        )


def _hosts(listed: Any) -> list[str]:
    """Return host names of a list of texts or of ``{host: …, what: …}``."""
    found = []
    for entry in listed if isinstance(listed, list) else []:
        host = entry.get("host") if isinstance(entry, dict) else entry
        if isinstance(host, str) and host:
            found.append(host.lower())
    return found


def headers_of(match: Any) -> Iterator[str]:
    """Yield the header columns that a match looks at."""
    if isinstance(match, dict):
        for key, value in match.items():
            if columns.is_header(key):
                yield key
            else:
                yield from headers_of(value)
    elif isinstance(match, list):
        for item in match:
            yield from headers_of(item)
