"""The process that decodes strangers' pictures, with its limits: the real one, and ones that misbehave."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from pictures.bad import BAD_NAMES, bad
from pictures.card import noise, saved
from PIL import Image

from nst_core.decoder import Decoder, answer, limit_memory, memory_for
from nst_core.decoding import decode
from nst_core.errors import BadImage, UserError
from nst_core.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pictures.good import GoodPicture

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="no limit on address space here")
MIB = 2**20


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    """A real decoder, one process for all tests that do it no harm."""
    decoder = Decoder()
    yield decoder
    decoder.close()


@pytest.fixture
def opened() -> Iterator[Callable[..., Decoder]]:
    """`opened("source")` is a decoder whose process runs that Python source; closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(source: str | None = None, **options: float) -> Decoder:
            command = None if source is None else (sys.executable, "-c", source)
            decoder = Decoder(command=command, **options)  # type: ignore[arg-type]
            stack.callback(decoder.close)
            return decoder

        yield make


def refusal(decoder: Decoder, data: bytes) -> UserError:
    """Return how a decoder refuses a file."""
    with pytest.raises(UserError) as caught:
        decoder(data, role="style")
    return caught.value


def test_same_pictures_as_in_this_process(decoder: Decoder, good_picture: GoodPicture) -> None:
    """Every pixel of every kind of picture comes over, also when it is wanted smaller or on black."""
    for options in ({}, {"long_side_px": 20}, {"backdrop": "black"}):
        there = decoder(good_picture.data, **options)  # type: ignore[arg-type]
        here = decode(good_picture.data, **options)  # type: ignore[arg-type]
        assert (there.mode, there.size) == ("RGB", here.size)
        assert there.tobytes() == here.tobytes()


@pytest.mark.parametrize("name", BAD_NAMES)
def test_same_refusals_as_in_this_process(decoder: Decoder, name: str) -> None:
    """Each bad file has the sentence that it always had, and the process goes on."""
    before = decoder._started().pid
    error = refusal(decoder, bad(name).data)
    assert (error.code, type(error).__name__) == (bad(name).code, bad(name).error)
    assert "The style picture" in str(error)
    assert decoder._started().pid == before


def test_limits_go_with_each_picture(decoder: Decoder) -> None:
    """What is accepted is what the caller says, not what the process was started with."""
    data = saved(noise(1200, 1000), "PNG")
    assert decoder(data).size == (1200, 1000)
    with pytest.raises(BadImage) as caught:
        decoder(data, limits=Limits(max_megapixels=1))
    assert caught.value.code == "image_too_many_pixels"


def test_picture_that_takes_too_long_is_refused(opened: Callable[..., Decoder]) -> None:
    """The process is ended in the middle of it, and the person reads one sentence."""
    decoder = opened("import time; time.sleep(60)", within_s=0.3)
    began = time.monotonic()
    error = refusal(decoder, saved(noise(20, 20), "PNG"))
    assert time.monotonic() - began < 5
    assert error.code == "image_too_costly"
    assert str(error) == (
        "The style picture needs more time or memory to open than I can give it: "
        "open it, save it again as a smaller PNG or JPEG, and send that."
    )


@pytest.mark.parametrize(
    "source",
    [
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "import sys; sys.exit(3)",
        "import sys; sys.stdin.buffer.readline(); print('{\"size\": [20, 20]}')",
        "import sys; sys.stdin.buffer.readline(); print('{\"size\": [1000000, 1000000]}')",
        'import sys; sys.stdin.buffer.readline(); print(\'{"error": "SystemExit"}\')',
        "import sys; sys.stdin.buffer.readline(); print('nonsense')",
    ],
    ids=["crashes", "exits", "breaks-off", "boasts", "invents", "babbles"],
)
def test_picture_that_ends_the_decoder_is_refused(opened: Callable[..., Decoder], source: str) -> None:
    """A crash within a library is a damaged file, to whoever sent it."""
    error = refusal(opened(source), saved(noise(20, 20), "PNG"))
    assert (error.code, error.values["kind"]) == ("image_damaged", "PNG")


def test_next_picture_gets_a_fresh_process(opened: Callable[..., Decoder]) -> None:
    """After the process has died, while it worked or while it waited, the next picture is decoded."""
    decoder = opened()
    data = saved(noise(20, 20), "PNG")
    assert decoder(data).size == (20, 20)
    first = decoder._started()
    first.kill()
    first.wait()
    assert decoder(data).size == (20, 20)
    assert decoder._started().pid != first.pid


@LINUX_ONLY
def test_picture_that_takes_too_much_memory_is_refused() -> None:
    """A real decoder with little memory refuses a large picture in one sentence, and goes on."""
    command = [sys.executable, "-m", "nst_core.decoder", f"--memory-bytes={560 * MIB}"]
    decoder = Decoder(command=command)
    try:
        assert decoder(saved(noise(50, 50), "PNG")).size == (50, 50)
        pid = decoder._started().pid
        error = refusal(decoder, saved(Image.new("RGB", (16000, 16000 // 4)), "PNG"))
        assert error.code == "image_too_costly"
        assert decoder._started().pid == pid
        assert decoder(saved(noise(50, 50), "PNG")).size == (50, 50)
    finally:
        decoder.close()


@LINUX_ONLY
def test_decoder_cannot_take_more_memory_than_it_may() -> None:
    """The limit is the system's: the process that has set it cannot allocate past it, nor raise it."""
    source = (
        "import resource; from nst_core.decoder import limit_memory; limit_memory(600 * 2**20)\n"
        "print(resource.getrlimit(resource.RLIMIT_AS))\n"
        "try: bytearray(700 * 2**20)\nexcept MemoryError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == [f"({600 * MIB}, {600 * MIB})", "refused"]


def test_without_a_resource_module_nothing_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has none; pictures are decoded there all the same."""
    monkeypatch.setitem(sys.modules, "resource", None)  # this is how Python itself marks it missing
    limit_memory(1)
    sink = io.BytesIO()
    order = {"role": "style", "long_side_px": None, "backdrop": "white"}
    answer(order | {"limits": {"max_megapixels": 1}}, saved(noise(30, 20), "PNG"), sink)
    line, _, pixels = sink.getvalue().partition(b"\n")
    assert json.loads(line) == {"size": [30, 20]}
    assert len(pixels) == 30 * 20 * 3


def test_honest_large_pictures_fit(decoder: Decoder) -> None:
    """A see-through WebP of 64 megapixels, the hungriest kind, is decoded within the limit."""
    data = saved(Image.new("RGBA", (8000, 8000), (200, 100, 0, 90)), "WEBP", lossless=True, method=0)
    assert decoder(data, long_side_px=512).size == (1143, 1143)
    assert memory_for(Limits()) < 3 * 2**30


@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
def test_decoder_ends_with_its_worker() -> None:
    """Killed outright, a worker leaves no decoder behind, not even one in the middle of a picture."""
    source = (
        "import sys; from nst_core.decoder import Decoder; from pictures.card import noise, saved\n"
        "decoder = Decoder(); decoder(saved(noise(20, 20), 'PNG'))\n"
        "print(decoder._started().pid, flush=True)\n"
        "data = saved(noise(4000, 4000), 'PNG')\n"
        "while True: decoder(data)"
    )
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, env=environ) as worker:
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
        time.sleep(1)
        worker.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and is_alive(pid):
        time.sleep(0.02)
    assert not is_alive(pid)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and waits to be reaped does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return state.stdout.strip()[:1] not in {"", "Z"}
