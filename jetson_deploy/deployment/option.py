"""An option beside its type and bounds. `Option` on the fields of a struct makes the struct a table."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta

RATE = Annotated[int, Meta(ge=0, le=1 << 50)] | Annotated[str, Meta(pattern=r"^[0-9]{1,15}(\.[0-9]{1,9})?[KMG]?$")]
"""Bytes, or bytes a second, as a person writes them."""


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """The rest of an option's row."""

    flag: str = ""
    """`--context`, `--accept-cpu/--refuse-cpu`; empty: the command line cannot say it."""
    argument: bool = False
    """It may be given without its flag too."""
    shared: bool = False
    """Every command has the flag: `jetson_deploy/cli/options.py` declares it."""
    metavar: str | None = None
    help: str = ""
    completes: str = ""
    """Function of `jetson_deploy/cli/candidates.py`; values that the file's type lists complete by themselves."""
    variable: bool = False
    """JETSON_DEPLOY_KEY says it too."""
    key: str = ""
    """Of the deployment file; empty: the field's name."""
    section: str = ""
    """Of the deployment file."""
    bounds: Meta | None = None
    """Of the value, in the file and as a flag."""
    planned: bool = False
    """The plan checks what a flag says, by the model too (`plan/wanted_model.py`)."""
    in_file: Any = None
    """How a person writes it there, where that is not the field's own type and bounds."""
    check: Callable[[str], object] | None = None
    """Of a text in the file, list items one by one. Raises UsageError."""
    default: Any = None
    """Where nothing is said and nothing deployed. None: the plan chooses, or it is not needed."""
    unsaid: Literal["default", "chosen", ""] = "default"
    """Where the value then comes from, in `plan`; empty: `plan` does not list it."""
    of_server: bool = False
    """The server's container is set up with it: it is one of `server/port.py` `Workload.options`."""
    label: str = ""
    """Label of the container that keeps it for later runs (`deployment/record.py` writes and reads it)."""


class Row(NamedTuple):
    """One option."""

    field: str
    kind: Any
    """Type without None."""
    default: Any
    """Of the field."""
    option: Option

    @property
    def key(self) -> str:
        return self.option.key or self.field

    @property
    def path(self) -> tuple[str, ...]:
        """In the deployment file."""
        return (self.option.section, self.key) if self.option.section else (self.key,)

    @property
    def file_type(self) -> Any:
        if self.option.in_file is not None:
            return self.option.in_file
        return Annotated[self.kind, self.option.bounds] if self.option.bounds else self.kind

    @property
    def literals(self) -> tuple[str, ...]:
        """The values, where there are only some."""
        return get_args(self.file_type) if get_origin(self.file_type) is Literal else ()

    @property
    def said_by(self) -> str:
        """What `plan` calls the flag."""
        if self.option.argument:
            return f"{self.option.metavar} of the command"
        return self.option.flag.replace("/", " or ")

    @property
    def variable(self) -> str:
        """Empty: there is none."""
        return f"JETSON_DEPLOY_{self.key.upper()}" if self.option.variable else ""


def rows_of(struct: type[msgspec.Struct]) -> dict[str, Row]:
    """Its fields that carry an `Option`, by their keys. The struct's annotations must be objects, not texts."""
    defaults = zip(struct.__struct_fields__, struct.__struct_defaults__, strict=True)
    found = (_row(field, struct.__annotations__[field], default) for field, default in defaults)
    return {row.key: row for row in found if row is not None}


def _row(field: str, annotation: Any, default: Any) -> Row | None:
    notes = getattr(annotation, "__metadata__", ())
    option = next((note for note in notes if isinstance(note, Option)), None)
    return Row(field, _kind(annotation.__origin__), default, option) if option else None


def _kind(declared: Any) -> Any:
    if get_origin(declared) not in (Union, types.UnionType):
        return declared
    said = [kind for kind in get_args(declared) if kind is not type(None) and not isinstance(kind, TypeVar)]
    return Union[tuple(said)]  # noqa: UP007 - of a tuple
