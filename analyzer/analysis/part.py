"""The base of all parts of an Analysis: frozen plain data inside, pydantic at the border.

Importing pydantic and building its schemas costs as much as analysing a small capture, and a report
on the terminal crosses no border. So the parts are standard dataclasses, and pydantic validates and
serialises them only when JSON comes in or goes out. The methods have pydantic's names.

Nor does dataclass generate their methods: to compile those of fifty parts costs more than to make
all parts of a report with the ones here.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING, FrozenInstanceError, field
from typing import Any, ClassVar, Literal, Self, dataclass_transform


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Part:
    """Base of all parts: frozen; unknown keys of a document are an error."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def __init_subclass__(cls) -> None:
        dataclasses.dataclass(kw_only=True, init=False, repr=False, eq=False)(cls)

    def __init__(self, **given: Any) -> None:
        values = vars(self)
        for name, own in self.__dataclass_fields__.items():
            if name in given:
                values[name] = given.pop(name)
            elif own.default_factory is not MISSING:
                values[name] = own.default_factory()
            elif own.default is not MISSING:
                values[name] = own.default
            else:
                raise TypeError(f"{type(self).__name__} needs '{name}'")
        if given:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(given))}")

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to '{name}'")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete '{name}'")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def model_copy(self, *, update: dict[str, Any]) -> Self:
        """Return a copy with some fields replaced."""
        copy: Self = dataclasses.replace(self, **update)
        return copy

    def model_dump(self, *, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """Return the part as dictionaries and lists; ``json`` makes times and the like text."""
        dumped: dict[str, Any] = _adapter(type(self)).dump_python(self, mode=mode)
        return dumped

    def model_dump_json(self, *, indent: int | None = None) -> str:
        """Return the part as JSON."""
        return str(_adapter(type(self)).dump_json(self, indent=indent).decode())

    @classmethod
    def model_validate_json(cls, text: str | bytes) -> Self:
        """Read what :meth:`model_dump_json` wrote.

        Raises:
            pydantic.ValidationError: the document is none of this part.
        """
        read: Self = _adapter(cls).validate_json(text)
        return read

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        """Return the JSON Schema of what :meth:`model_dump_json` writes."""
        described: dict[str, Any] = _adapter(cls).json_schema(mode="serialization")
        return described


def _adapter(cls: type[Part]) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(cls)
