"""What the bot and a worker say to each other: frozen messages, and their bytes. Standard library only.

A frame is a 4-byte big-endian length, that many bytes of UTF-8 JSON (the header), then the
message's byte strings one after another. Nothing is ever unpickled, and what decodes has the types
that the classes below promise. In a pipe each frame is preceded by its own length, 4 bytes big-endian.

======================  ===================================================

bot → worker            `StyleRequest`, `Stop`, `Quit`
worker → bot            `Ready`, then for each job `Progress`…, `Pastiche` | `Failure`
======================  ===================================================


Every answer carries the `(job_id, attempt)` of its request, so that a late word of an earlier
attempt is recognised and dropped.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from dataclasses import dataclass, field
from types import UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin, get_type_hints

from nst_core.errors import USER_ERRORS, BadParameter, Fault, UserError

if TYPE_CHECKING:
    from typing import IO

PROTOCOL_VERSION: Final = 1
MAX_FRAME_BYTES: Final = 256 * 1024 * 1024

Mode = Literal["draft", "classic", "best"]
MODES: Final[tuple[str, ...]] = get_args(Mode)
AVAILABLE_MODES: Final[tuple[str, ...]] = ("draft", "classic", "best")
"""What `nst_core.transfer` can paint today."""
RANGES: Final[dict[str, tuple[int, int]]] = {
    "strength": (0, 100),
    "brush": (25, 400),
    "long_side_px": (64, 4096),
    "seed": (0, 2**32 - 1),
}
PARAMETER_NAMES: Final[dict[str, str]] = {"long_side_px": "size"}


class ProtocolError(Fault):
    """A frame that does not decode: the other side is broken, or not ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleParams:
    """What a person chooses. Loss weights, layers and schedules stay inside `nst_core`.

    Raises:
        BadParameter: a value out of range, or a mode that does not exist.
    """

    mode: str = "best"
    """best (our own), classic (Gatys et al.) or draft (one forward pass)."""
    strength: int = 50
    """0 (nearly the photo) … 100 (nearly texture); 50 is the balance we stand behind."""
    brush: int = 100
    """Per cent: 200 gives strokes twice as large."""
    keep_colors: bool = False
    """Keep the photo's colours and take only the painting's light, shade and strokes, in any mode."""
    long_side_px: int = 512
    """The pastiche's longer side."""
    seed: int = 0
    """Same inputs, params, seed and machine: the same picture. 0 starts from the photo itself, every other
    seed from the photo with a little noise of its own, and so ends elsewhere."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.mode not in MODES:
            choices = ", ".join(AVAILABLE_MODES)
            raise BadParameter("not_a_choice", name="mode", value=str(self.mode), choices=choices)
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                shown = PARAMETER_NAMES.get(name, name)
                raise BadParameter("out_of_range", name=shown, value=str(value), least=least, most=most)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedStyle:
    """One style image, encoded as it was uploaded, and its share of the style."""

    image: bytes
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a share that is no positive number."""
        if not 0 < self.weight < float("inf"):
            raise BadParameter(
                "out_of_range", name="style weight", value=str(self.weight), least=1, most=1000
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleRequest:
    """Paint `content` in the manner of `styles`."""

    job_id: str
    attempt: int = 1
    content: bytes
    styles: tuple[WeightedStyle, ...]
    params: StyleParams = field(default_factory=StyleParams)
    max_bytes: int = 10 * 1024 * 1024
    """No image of the answer is larger than this, encoded."""
    language: str = "en"
    """Of the words on the loss curve."""
    mask: bytes | None = None
    """A picture of the content's shape, white where it is to be painted; None paints all of it."""
    timelapse: bool = False
    """Whether an animation of how the picture came to be is wanted as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End this job: with `keep` the best picture so far is delivered as a `Pastiche`."""

    job_id: str
    keep: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Quit:
    """Finish the job in hand and exit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The worker has its weights loaded and has painted a step to warm up."""

    device: str
    """As torch names it: "cpu", "cuda:0", "mps"."""
    device_name: str = ""
    """As its maker names it."""
    memory_bytes: int = 0
    protocol: int = PROTOCOL_VERSION
    pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A step is done, or, before the first one, a first impression is there."""

    job_id: str
    attempt: int
    step: int
    """0 for the first impression, then 1 … `steps`, which is 0 while it is not known."""
    steps: int
    losses: dict[str, float]
    preview: bytes | None = None
    """Now and then the picture so far, a small JPEG."""
    share: float | None = None
    """Of all the work, what is done, 0 … 1; None where only the steps are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pastiche:
    """The job is done."""

    job_id: str
    attempt: int
    image: bytes
    image_format: str
    """png, jpeg or webp: whichever the size ladder ended with."""
    curve: bytes | None
    """The loss curve, a PNG; None where the mode has none (draft)."""
    content_view: bytes
    """The content image as it was understood, a JPEG without metadata, for showing beside it."""
    style_views: tuple[bytes, ...]
    width_px: int
    height_px: int
    losses: dict[str, float]
    """The last step's."""
    steps: int
    stopped_early: bool
    seconds: float
    timelapse: bytes | None = None
    """How it came to be, an animated WebP of a few hundred kB; None unless it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The job ended without a picture.

    `kind` is "user" (with `error`, `code` and `values` of the `UserError`), "cancelled",
    or a `Fault.kind` ("fault", "out_of_memory", "worker_died", "timed_out").
    """

    job_id: str
    attempt: int
    kind: str
    message: str
    """For the log; for kind "user" also the English sentence."""
    error: str = ""
    code: str = ""
    values: dict[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an error of kind "user" that cannot be put into words (KeyError and the like)."""
        if self.kind == "user":
            str(self.user_error())

    def user_error(self) -> UserError:
        """Return the `UserError` that was raised in the worker. Only for kind "user"."""
        return USER_ERRORS[self.error](self.code, **self.values)


Message = StyleRequest | Stop | Quit | Ready | Progress | Pastiche | Failure
_TYPES: Final[dict[str, type[Any]]] = {kind.__name__: kind for kind in get_args(Message)}
_LENGTH: Final = struct.Struct(">I")


def failure(job_id: str, attempt: int, error: UserError) -> Failure:
    """Return the message that carries a `UserError` over the border."""
    return Failure(
        job_id=job_id,
        attempt=attempt,
        kind="user",
        message=str(error),
        error=type(error).__name__,
        code=error.code,
        values=error.values,
    )


def encode(message: Message) -> bytes:
    """Return the message as one frame."""
    blobs: list[bytes] = []

    def plain(value: object) -> object:
        if isinstance(value, bytes):
            blobs.append(value)
            return {"$blob": len(blobs) - 1}
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            parts = [(field, getattr(value, field.name)) for field in dataclasses.fields(value)]
            return {field.name: plain(part) for field, part in parts if _is_said(field, part)}
        return value

    header = {"type": type(message).__name__, "fields": plain(message)}
    header["blobs"] = [len(blob) for blob in blobs]
    # surrogatepass: a traceback may name a file whose name is not UTF-8; json.loads reads it so, too.
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return b"".join((_LENGTH.pack(len(text)), text, *blobs))


def decode(frame: bytes) -> Message:
    """Return the message of one frame.

    Raises:
        ProtocolError: the frame is cut short, too long, or no message of ours.
    """
    if not _LENGTH.size <= len(frame) <= MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {len(frame)} bytes")
    try:
        start = _LENGTH.size + _LENGTH.unpack_from(frame)[0]
        header = json.loads(frame[_LENGTH.size : start])
        blobs: list[bytes] = []
        for length in header["blobs"]:
            if length < 0:
                raise ProtocolError(f"a byte string of {length} bytes")
            blobs.append(frame[start : start + length])
            start += length
        if start != len(frame):
            raise ProtocolError(f"a frame of {len(frame)} bytes that should have {start}")
        message: Message = _build(_TYPES[header["type"]], header["fields"], blobs)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, UserError) as error:
        raise ProtocolError(f"a frame that does not decode: {error!r}") from error
    return message


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Return the next frame of a pipe, or None at its end; blocks until there is one.

    Raises:
        ProtocolError: the pipe ends within a frame, or a frame would be too long.
    """
    prefix = stream.read(_LENGTH.size)
    if not prefix:
        return None
    length = _LENGTH.unpack(prefix)[0] if len(prefix) == _LENGTH.size else 0
    if not _LENGTH.size <= length <= MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame that starts with {prefix!r}")
    frame = stream.read(length)
    if len(frame) < length:
        raise ProtocolError(f"a pipe that ends after {len(frame)} of a frame's {length} bytes")
    return frame


def write_frame(stream: IO[bytes], frame: bytes) -> None:
    """Write one frame to a pipe; blocks until the pipe has taken it.

    Raises:
        ProtocolError: the frame is too long for the other side to accept; nothing was written.
        OSError: the other side is gone.
    """
    if len(frame) > MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {len(frame)} bytes")
    stream.write(_LENGTH.pack(len(frame)))
    stream.write(frame)
    stream.flush()


def _is_said(field: dataclasses.Field[Any], value: object) -> bool:
    """Tell whether a field is sent: what is off by default and is off goes without saying.

    So a field that is added as "off" does not trouble a receiver that was built before.
    """
    return not (value is field.default and (value is None or value is False))


def _build(kind: type[Any], fields: dict[str, Any], blobs: list[bytes]) -> Any:  # noqa: ANN401
    def value(item: object) -> object:
        if isinstance(item, dict) and item.keys() == {"$blob"}:
            return blobs[item["$blob"]]
        if isinstance(item, list):
            return tuple(value(part) for part in item)
        return item

    values = {name: value(item) for name, item in fields.items()}
    if kind is StyleRequest:
        values["params"] = _build(StyleParams, fields["params"], blobs)
        values["styles"] = tuple(_build(WeightedStyle, style, blobs) for style in fields["styles"])
    for name, hint in get_type_hints(kind).items():
        if name in values and not _fits(values[name], hint):
            raise TypeError(f"{kind.__name__}.{name} is a {type(values[name]).__name__}")
    return kind(**values)


def _fits(value: object, hint: Any) -> bool:  # noqa: ANN401 - a type, or a union of types
    """Tell whether a value that came out of JSON has the type that a field promises."""
    parts = get_args(hint)
    if get_origin(hint) is UnionType:
        return any(_fits(value, part) for part in parts)
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_fits(item, parts[0]) for item in value)
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(
            _fits(key, parts[0]) and _fits(item, parts[1]) for key, item in value.items()
        )
    if hint is float:
        return type(value) in (int, float)  # not bool, which is an int
    return type(value) is hint
