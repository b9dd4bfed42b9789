"""What goes over the border between bot and worker: every message round trips, nothing hostile gets in."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import struct
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nst_core import protocol
from nst_core.errors import SENTENCES, BadImage, BadParameter, Busy
from nst_core.protocol import (
    AVAILABLE_MODES,
    MAX_FRAME_BYTES,
    MODES,
    RANGES,
    Failure,
    Message,
    Pastiche,
    Progress,
    ProtocolError,
    Quit,
    Ready,
    Stop,
    StyleParams,
    StyleRequest,
    WeightedStyle,
    decode,
    encode,
    failure,
    read_frame,
    write_frame,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# On a busy machine an example takes as long as it takes.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Any text that Python can hold, lone surrogates too: a file's name in a traceback may have them.
texts = st.text(st.characters(codec=None), max_size=40)
numbers = st.floats(allow_nan=False)
counts = st.integers(-(2**70), 2**70)
blobs = st.binary(max_size=200)
losses = st.dictionaries(texts.filter(lambda name: name != "$blob"), numbers, max_size=4)
params = st.builds(
    StyleParams,
    mode=st.sampled_from(MODES),
    keep_colors=st.booleans(),
    **{name: st.integers(least, most) for name, (least, most) in RANGES.items()},
)
styles = st.builds(
    WeightedStyle,
    image=blobs,
    weight=st.floats(0, 1e9, exclude_min=True),
)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        StyleRequest,
        job_id=texts,
        attempt=counts,
        content=blobs,
        styles=st.lists(styles, max_size=3).map(tuple),
        params=params,
        max_bytes=counts,
        language=texts,
        mask=st.none() | blobs,
        timelapse=st.booleans(),
    ),
    st.builds(Stop, job_id=texts, keep=st.booleans()),
    st.builds(Quit),
    st.builds(Ready, device=texts, device_name=texts, memory_bytes=counts, protocol=counts, pid=counts),
    st.builds(
        Progress,
        job_id=texts,
        attempt=counts,
        step=counts,
        steps=counts,
        losses=losses,
        preview=st.none() | blobs,
        share=st.none() | st.floats(0.0, 1.0),
    ),
    st.builds(
        Pastiche,
        job_id=texts,
        attempt=counts,
        image=blobs,
        image_format=texts,
        curve=st.none() | blobs,
        content_view=blobs,
        style_views=st.lists(blobs, max_size=3).map(tuple),
        width_px=counts,
        height_px=counts,
        losses=losses,
        steps=counts,
        stopped_early=st.booleans(),
        seconds=numbers,
        timelapse=st.none() | blobs,
    ),
    st.builds(
        Failure,
        job_id=texts,
        attempt=counts,
        kind=texts.filter(lambda kind: kind != "user"),
        message=texts,
        error=texts,
        code=texts,
        values=st.dictionaries(texts.filter(lambda name: name != "$blob"), texts | counts, max_size=3),
    ),
)


@unhurried
@given(messages)
def test_round_trip(message: Message) -> None:
    """Every message arrives as it was sent."""
    assert decode(encode(message)) == message


@unhurried
@given(st.lists(messages, max_size=5))
def test_pipe(sent: list[Message]) -> None:
    """Frames written one after another are read one after another, and then there is no more."""
    pipe = io.BytesIO()
    for message in sent:
        write_frame(pipe, encode(message))
    pipe.seek(0)
    for message in sent:
        frame = read_frame(pipe)
        assert frame is not None
        assert decode(frame) == message
    assert read_frame(pipe) is None


@pytest.mark.parametrize(
    "error",
    [
        BadImage("image_too_small", role="style", width_px=1, height_px=2, least_px=16),
        BadParameter("out_of_range", name="strength", value="101", least=0, most=100),
        Busy("queue_full", limit=5, when="<t:1:R>"),
    ],
)
def test_user_error_crosses(error: BadImage) -> None:
    """A `UserError` raised in the worker is raised anew in the bot, with type, code and values."""
    sent = failure("job", 3, error)
    received = decode(encode(sent))
    assert isinstance(received, Failure)
    assert (received.job_id, received.attempt, received.kind) == ("job", 3, "user")
    assert type(received.user_error()) is type(error)
    assert str(received.user_error()) == str(error) == received.message


def test_user_error_is_copied_whole() -> None:
    """A process pool hands errors on as pickles."""
    error = Busy("queue_full", limit=5, when="soon")
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(copied), copied.code, copied.values, str(copied)) == (
        Busy,
        "queue_full",
        {"limit": 5, "when": "soon"},
        str(error),
    )


@unhurried
@given(st.binary(max_size=300))
def test_noise(noise: bytes) -> None:
    """Bytes that are no frame raise `ProtocolError` and nothing else."""
    with pytest.raises(ProtocolError):
        decode(noise)


@unhurried
@given(messages, st.data())
def test_damage(message: Message, data: st.DataObject) -> None:
    """A frame with a few bytes changed, or cut, is refused or is another well-formed message."""
    frame = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 3))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    hurt = bytes(frame[: data.draw(st.integers(0, len(frame)))])
    try:
        found = decode(hurt)
    except ProtocolError:
        return
    assert_well_typed(found)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.just({"$blob": 0}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@unhurried
@given(messages, json_values, st.data())
def test_hostile_fields(message: Message, value: object, data: st.DataObject) -> None:
    """A field of another type is refused, so that whatever decodes can be used without a look."""
    header, rest = _taken_apart(encode(message))
    name = data.draw(st.sampled_from([*header["fields"], "surprise"]))
    header["fields"][name] = value
    try:
        found = decode(_frame(header, rest))
    except ProtocolError:
        return
    assert_well_typed(found)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda h: h.update(type="Pickle"), id="unknown type"),
        pytest.param(lambda h: h.update(type=["Quit"]), id="type is no word"),
        pytest.param(lambda h: h.pop("type"), id="no type"),
        pytest.param(lambda h: h.pop("fields"), id="no fields"),
        pytest.param(lambda h: h.update(fields=[]), id="fields are a list"),
        pytest.param(lambda h: h["fields"].pop("step"), id="a field is missing"),
        pytest.param(lambda h: h["fields"].update(more=1), id="a field too many"),
        pytest.param(lambda h: h["fields"].update(step="1"), id="a number as text"),
        pytest.param(lambda h: h["fields"].update(step=True), id="a number as bool"),
        pytest.param(lambda h: h["fields"].update(losses={"total": "nan"}), id="a loss as text"),
        pytest.param(lambda h: h["fields"].update(losses=[1.0]), id="losses as a list"),
        pytest.param(lambda h: h["fields"].update(preview="JPEG"), id="bytes as text"),
        pytest.param(lambda h: h["fields"].update(preview={"$blob": 7}), id="bytes that are not there"),
        pytest.param(lambda h: h["fields"].update(preview={"$blob": "0"}), id="bytes by name"),
        pytest.param(lambda h: h.update(blobs=[10**9]), id="bytes missing"),
        pytest.param(lambda h: h.update(blobs=[]), id="bytes too many"),
        pytest.param(lambda h: h.update(blobs=[-4, 11]), id="bytes counted backwards"),
        pytest.param(lambda h: h.update(blobs=[1.5]), id="half a byte"),
        pytest.param(lambda h: h.update(blobs=7), id="blobs as a number"),
    ],
)
def test_hostile_header(change: Callable[[dict[str, Any]], object]) -> None:
    """Each way to lie in a header is refused."""
    message = Progress(job_id="j", attempt=1, step=1, steps=2, losses={"total": 1.0}, preview=b"preview")
    header, rest = _taken_apart(encode(message))
    change(header)
    with pytest.raises(ProtocolError):
        decode(_frame(header, rest))


def test_bottomless_header() -> None:
    """JSON nested so deep that Python's parser gives up is refused like any other nonsense."""
    text = b'{"type":' + b"[" * 100_000
    with pytest.raises(ProtocolError):
        decode(struct.pack(">I", len(text)) + text)


def test_what_is_off_goes_without_saying() -> None:
    """A request that uses nothing new has no field that a receiver of before would not know."""
    request = StyleRequest(job_id="j", content=b"c", styles=(WeightedStyle(image=b"s"),))
    header, rest = _taken_apart(encode(request))
    assert header["fields"].keys().isdisjoint({"mask", "timelapse"})
    assert {"attempt", "max_bytes", "language"} <= header["fields"].keys()
    header, rest = _taken_apart(encode(dataclasses.replace(request, mask=b"m")))
    assert header["fields"]["mask"] == {"$blob": 2}
    header["fields"]["mask"] = 5
    with pytest.raises(ProtocolError):
        decode(_frame(header, rest))


@pytest.mark.parametrize(
    "params",
    [
        {"strength": 101},
        {"strength": "50"},
        {"strength": None},
        {"mode": "cubist"},
        {"keep_colors": 1},
        {"x": 1},
    ],
)
def test_hostile_params(params: dict[str, Any]) -> None:
    """A request with parameters that nobody could have chosen does not decode."""
    request = StyleRequest(job_id="j", content=b"c", styles=(WeightedStyle(image=b"s"),))
    header, rest = _taken_apart(encode(request))
    header["fields"]["params"].update(params)
    with pytest.raises(ProtocolError):
        decode(_frame(header, rest))


@pytest.mark.parametrize(
    "words",
    [
        {"error": "SystemExit", "code": "image_empty", "values": {"role": "style"}},
        {"error": "BadImage", "code": "no_such_code", "values": {}},
        {"error": "BadImage", "code": "image_empty", "values": {}},
        {"error": "BadImage", "code": "image_empty", "values": {"role": "villain"}},
        {"error": "BadImage", "code": "image_empty", "values": {"role": 7}},
        {"error": "", "code": "", "values": {}},
    ],
)
def test_hostile_user_error(words: dict[str, Any]) -> None:
    """An error that could not be put into words for the person is refused at the border."""
    error = BadImage("image_empty", role="style")
    header, rest = _taken_apart(encode(failure("j", 1, error)))
    header["fields"].update(words)
    with pytest.raises(ProtocolError):
        decode(_frame(header, rest))


@pytest.mark.parametrize("code", [code for code in SENTENCES if not code.startswith(("role_", "hint_"))])
def test_every_code_crosses(code: str) -> None:
    """Every sentence there is can be sent as an error."""
    names = {part.partition("}")[0] for part in SENTENCES[code].split("{")[1:]}
    values = dict.fromkeys(names, "7") | {"role": "style", "hint": "hint_list"}
    received = decode(encode(failure("j", 1, BadImage(code, **values))))
    assert isinstance(received, Failure)
    assert str(received.user_error()) == received.message


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"\0\0", id="ends in the length"),
        pytest.param(b"\0\0\0\x08abc", id="ends in the frame"),
        pytest.param(b"\0\0\0\0", id="nothing"),
        pytest.param(b"\0\0\0\x03abc", id="too short for a header's length"),
        pytest.param(b"Hello, world!", id="text"),
        pytest.param(struct.pack(">I", MAX_FRAME_BYTES + 1), id="too long"),
    ],
)
def test_hostile_stream(stream: bytes) -> None:
    """What is no frame is refused at its first bytes, without waiting for gigabytes of more."""
    with pytest.raises(ProtocolError):
        read_frame(io.BytesIO(stream))


def test_frame_too_long_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that the other side would refuse is not even begun."""
    monkeypatch.setattr(protocol, "MAX_FRAME_BYTES", 10)
    pipe = io.BytesIO()
    with pytest.raises(ProtocolError):
        write_frame(pipe, bytes(11))
    assert pipe.getvalue() == b""


@pytest.mark.parametrize("weight", [0, -1.0, float("inf"), float("nan")])
def test_share_of_a_style(weight: float) -> None:
    """A share is a positive number."""
    with pytest.raises(BadParameter):
        WeightedStyle(image=b"", weight=weight)


def assert_well_typed(message: object) -> None:
    """Check each field of a message, and of the messages in it, against its annotation."""
    for name, hint in get_type_hints(type(message)).items():
        _assert_is(getattr(message, name), hint)


def _assert_is(value: object, hint: Any) -> None:  # noqa: ANN401 - a type, or a union of types
    parts = get_args(hint)
    if dataclasses.is_dataclass(hint):
        assert_well_typed(value)
    elif str(hint).startswith("tuple"):
        assert isinstance(value, tuple)
        for item in value:
            _assert_is(item, parts[0])
    elif str(hint).startswith("dict"):
        assert isinstance(value, dict)
        for key, item in value.items():
            _assert_is(key, parts[0])
            _assert_is(item, parts[1])
    else:
        allowed = {*(parts or (hint,))} | ({int} if hint is float else set())
        assert type(value) in allowed, (value, hint)


def _taken_apart(frame: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack_from(">I", frame)
    return json.loads(frame[4 : 4 + length]), frame[4 + length :]


def _frame(header: object, rest: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack(">I", len(text)) + text + rest


def test_unknown_mode_names_the_modes_that_there_are() -> None:
    """Nobody is sent to a mode that cannot be painted."""
    with pytest.raises(BadParameter) as caught:
        StyleParams(mode="cubist")
    assert caught.value.values["choices"] == ", ".join(AVAILABLE_MODES)
