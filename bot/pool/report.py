"""What a node says about itself with each heartbeat, and whether it may paint for this bot."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import nst_core
from bot.pool.base import Slot, SlotState
from nst_core.protocol import PROTOCOL_VERSION

if TYPE_CHECKING:
    from bot.pool.subjects import Key

PAINTER = Path(nst_core.__file__).parent
BEAT_S = 1.0
"""Between two heartbeats; besides, every change is told at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What has to be the same everywhere, or one job would look different on every machine."""

    protocol: int
    code: str
    """Start of the sha256 of everything in `nst_core` that is Python."""
    extractor: str
    """Its name, and the start of its weights' sha256 where they come with the project."""

    @classmethod
    def of(cls, extractor: str) -> Build:
        """Return this installation's; reads files."""
        return cls(protocol=PROTOCOL_VERSION, code=_code(), extractor=_extractor(extractor))

    def objection(self, node: str, other: Build) -> str:
        """Return why a node with another build cannot paint for this one, and what to do; "" if it can."""
        for what, ours, theirs in (
            ("protocol", self.protocol, other.protocol),
            ("painter", self.code, other.code),
            ("feature extractor", self.extractor, other.extractor),
        ):
            if ours != theirs:
                return (
                    f"node “{node}” has {what} {theirs}, the bot has {ours}: "
                    "install the same version of Gafuu on both, and give both the same [style] extractor"
                )
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A heartbeat."""

    boot: str
    """Another one each time the node starts."""
    build: Build
    slots: tuple[Slot, ...]
    """Named as the node names them."""
    attempts: tuple[Key, ...] = ()
    """What it has in hand, from taking a job until its end has been stored."""
    draining: bool = False
    """It takes no more jobs."""
    gone: bool = False
    """It has ended in order; nothing more will come."""

    def encode(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False).encode()

    @classmethod
    def decode(cls, data: bytes) -> Report:
        """Return the report that a node sent.

        Raises:
            ValueError: it is none.
        """
        try:
            fields = json.loads(data)
            fields["build"] = Build(**fields["build"])
            fields["slots"] = tuple(_slot(slot) for slot in fields["slots"])
            fields["attempts"] = tuple((str(job), int(attempt)) for job, attempt in fields["attempts"])
            return cls(**fields)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise ValueError(f"no report: {error!r}") from error


def _slot(fields: dict[str, Any]) -> Slot:
    slot = Slot(**fields)
    if slot.state not in get_args(SlotState) or not isinstance(slot.name, str):
        raise ValueError(f"no slot: {fields}")
    return slot


@functools.cache
def _code() -> str:
    whole = hashlib.sha256()
    for path in sorted(PAINTER.rglob("*.py")):
        text = path.read_bytes().replace(b"\r\n", b"\n")  # a checkout on Windows has other line ends
        whole.update(path.relative_to(PAINTER).as_posix().encode() + b"\0" + text)
    return whole.hexdigest()[:12]


@functools.cache
def _extractor(name: str) -> str:
    weights = PAINTER / "weights" / f"{name}_features.safetensors"
    if not weights.is_file():
        return name  # downloaded, and then checked by its sha256
    with weights.open("rb") as file:
        return f"{name}:{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"
