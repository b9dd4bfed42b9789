"""The worker program itself: a real process with the real network, spoken to over its pipes."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from PIL import Image, ImageChops, ImageStat

from nst_core.decoder import memory_for
from nst_core.errors import BadImage, OutOfMemory
from nst_core.limits import DEFAULT_LIMITS
from nst_core.protocol import (
    PROTOCOL_VERSION,
    Failure,
    Pastiche,
    Progress,
    Quit,
    Ready,
    Stop,
    StyleParams,
    StyleRequest,
    WeightedStyle,
    decode,
    encode,
    read_frame,
    write_frame,
)
from nst_core.worker import (
    BROKEN_PIPE,
    CANNOT_START,
    DONE,
    lacks_memory,
    single_out,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nst_core.protocol import Message

COMMAND = (sys.executable, "-m", "nst_core.worker")


class Worker:
    """The program with its pipes; standard error goes where pytest's goes."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen([*COMMAND, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    def say(self, message: Message) -> None:
        """Send a message."""
        write_frame(self.stdin, encode(message))

    def hear(self) -> Message:
        """Return the next message."""
        frame = read_frame(self.stdout)
        assert frame is not None, "the worker has closed its pipe"
        return decode(frame)

    def end(self) -> int:
        """Close the pipe and return the exit status."""
        self.stdin.close()
        status = self.process.wait(10)
        self.stdout.close()
        return status


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """One worker for every test that leaves it alive; by its end it must still be."""
    worker = Worker("--device", "cpu")
    ready = worker.hear()
    assert isinstance(ready, Ready)
    assert (ready.device, ready.protocol, ready.pid) == ("cpu", PROTOCOL_VERSION, worker.process.pid)
    assert ready.device_name
    assert ready.memory_bytes > 2**30
    yield worker
    worker.say(Quit())
    assert worker.process.wait(10) == DONE
    worker.end()


def upload(size: tuple[int, int] = (96, 72)) -> bytes:
    """Return a PNG with some shape to it."""
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def request(job_id: str, *, content: bytes | None = None, size_px: int = 64) -> StyleRequest:
    """Return a request for a picture."""
    return StyleRequest(
        job_id=job_id,
        content=upload() if content is None else content,
        styles=(WeightedStyle(image=upload((80, 80))),),
        params=StyleParams(long_side_px=size_px),
    )


def outcome(worker: Worker) -> tuple[list[Progress], Pastiche | Failure]:
    """Return what comes until a job ends."""
    steps = []
    while isinstance(message := worker.hear(), Progress):
        steps.append(message)
    assert isinstance(message, Pastiche | Failure)
    return steps, message


def resident_mib(worker: Worker) -> float:
    """Return how much memory a worker has at the moment, in MiB."""
    words = Path(f"/proc/{worker.process.pid}/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_paints(worker: Worker) -> None:
    """A request is answered with steps from the first to the last, and a picture."""
    worker.say(request("whole"))
    (impression, *steps), pastiche = outcome(worker)
    assert isinstance(pastiche, Pastiche)
    assert (impression.step, impression.losses) == (0, {})
    assert (steps[0].step, steps[-1].step) == (1, steps[-1].steps)
    assert not pastiche.stopped_early
    assert steps[-1].losses["total"] < steps[0].losses["total"] or steps[0].losses["content"] == 0
    image = Image.open(io.BytesIO(pastiche.image))
    assert image.size == (64, 48)
    assert image.tobytes() != Image.open(io.BytesIO(upload((64, 48)))).tobytes()


def test_shows_a_first_impression_at_once(worker: Worker) -> None:
    """Before the first step of a large picture, which takes far longer, there is a draft to look at."""
    worker.say(request("impressed", content=upload((640, 480)), size_px=640))
    impression = worker.hear()
    assert isinstance(impression, Progress)
    assert (impression.step, impression.steps, impression.losses) == (0, 0, {})
    assert impression.preview is not None
    draft = Image.open(io.BytesIO(impression.preview))
    assert draft.size == (384, 288)
    photo = Image.open(io.BytesIO(upload((384, 288))))
    assert ImageStat.Stat(ImageChops.difference(draft, photo)).mean[0] > 5
    worker.say(Stop(job_id="impressed", keep=False))
    steps, end = outcome(worker)
    assert isinstance(end, Failure)
    assert all(step.step > 0 for step in steps)


def test_paints_a_draft(worker: Worker) -> None:
    """One step, no losses, no curve; with a mask and a timelapse, as both were asked for."""
    ordered = dataclasses.replace(request("draft", size_px=96), mask=upload((30, 22)), timelapse=True)
    worker.say(dataclasses.replace(ordered, params=dataclasses.replace(ordered.params, mode="draft")))
    (step,), pastiche = outcome(worker)
    assert isinstance(pastiche, Pastiche)
    assert (step.step, step.steps, step.losses) == (1, 1, {})
    assert (pastiche.steps, pastiche.curve, pastiche.losses, pastiche.stopped_early) == (1, None, {}, False)
    assert Image.open(io.BytesIO(pastiche.image)).size == (96, 72)
    assert pastiche.timelapse is not None
    assert Image.open(io.BytesIO(pastiche.timelapse)).size == (96, 72)


@pytest.mark.parametrize("keep", [True, False])
def test_stops_in_the_middle(worker: Worker, *, keep: bool) -> None:
    """A wish to stop is heard while painting, also with a stale one before it."""
    worker.say(Stop(job_id="another", keep=False))
    worker.say(request("stopped", size_px=128))
    while isinstance(step := worker.hear(), Progress) and step.step == 0:
        pass
    worker.say(Stop(job_id="stopped", keep=keep))
    worker.say(Stop(job_id="stopped", keep=True))  # what was thrown away is not kept after all
    steps, end = outcome(worker)
    if keep:
        assert isinstance(end, Pastiche)
        assert end.stopped_early
        assert end.steps == steps[-1].step
    else:
        assert isinstance(end, Failure)
        assert end.kind == "cancelled"


@pytest.mark.parametrize(
    "content", [b"", b"text named .png", upload()[:-40], b"<svg xmlns='x'/>", upload((3, 300))]
)
def test_survives_bad_pictures(worker: Worker, content: bytes) -> None:
    """What is no picture is the person's mistake; the worker lives on."""
    worker.say(request("bad", content=content))
    steps, end = outcome(worker)
    assert steps == []
    assert isinstance(end, Failure)
    assert isinstance(end.user_error(), BadImage)
    assert worker.process.poll() is None


def test_ends_with_its_pipe() -> None:
    """When the bot is gone the worker is, too, at once, in the middle of whatever it does."""
    worker = Worker()
    assert isinstance(worker.hear(), Ready)
    worker.say(request("long", content=upload((800, 600)), size_px=1024))
    time.sleep(1.5)
    began = time.monotonic()
    assert worker.end() == DONE
    assert time.monotonic() - began < 2


def test_refuses_noise() -> None:
    """Input that is no frame ends the program with the status that says so."""
    done = subprocess.run(COMMAND, input=b"Hello, world!", capture_output=True, check=False)
    assert done.returncode == BROKEN_PIPE
    assert done.stdout == b""
    assert b"ProtocolError" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--device", "cuda:99"), b"error: cuda:99: "),
        (("--extractor", "vgg11"), b"error: cpu: extractor is"),
    ],
)
def test_cannot_start(options: tuple[str, ...], words: bytes) -> None:
    """What is not there is told in one line, and the status says that trying again does not help."""
    process = subprocess.Popen(
        [*COMMAND, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        assert process.stderr is not None
        told = process.stderr.read()
    assert process.returncode == CANNOT_START
    assert told.splitlines()[-1].startswith(words)
    assert b"Traceback" not in told


def test_lists_devices() -> None:
    """The devices of this machine are printed as JSON, the best kind only."""
    done = subprocess.run([*COMMAND, "--list-devices"], capture_output=True, check=True)
    listed = json.loads(done.stdout)
    assert listed
    assert len({device.split(":")[0] for device in listed}) == 1


@pytest.mark.parametrize(
    ("device", "visible", "alone"),
    [
        ("cuda:1", None, "1"),
        ("cuda:1", "4,7", "7"),
        ("cuda:0", "GPU-5ebe9ff2", "GPU-5ebe9ff2"),
        ("cuda:2", "4,7", ""),
        ("cuda:0", "", ""),
        ("cpu", "4,7", "4,7"),
        ("cpu", None, None),
    ],
)
def test_singles_out_a_device(device: str, visible: str | None, alone: str | None) -> None:
    """CUDA shows a worker its own device only, counted among those that the bot was given."""
    environ = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    single_out(device, environ)
    assert environ.get("CUDA_VISIBLE_DEVICES") == alone


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and glibc are Linux's")
def test_between_jobs_a_worker_is_small_again(worker: Worker) -> None:
    """What it holds on to during a job, for the sake of speed, others may have afterwards."""
    small = resident_mib(worker)
    worker.say(request("large", size_px=448))
    while isinstance(message := worker.hear(), Progress) and resident_mib(worker) < small + 200:
        continue
    assert isinstance(message, Progress)
    worker.say(Stop(job_id="large", keep=False))
    outcome(worker)
    deadline = time.monotonic() + 10
    while resident_mib(worker) > small + 100:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_knows_a_lack_of_memory() -> None:
    """Torch's own error, for which it has no class on the CPU, is told from other errors."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert lacks_memory(caught.value)
    assert lacks_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert lacks_memory(RuntimeError("MPS backend out of memory (MPS allocated: …)"))
    assert lacks_memory(MemoryError())
    assert lacks_memory(OutOfMemory("ours"))
    assert not lacks_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert not lacks_memory(ValueError("out of memory jokes"))


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc, and no limit on address space")
def test_pictures_are_decoded_by_a_process_with_limits(worker: Worker) -> None:
    """The worker itself meets no stranger's bytes: a child does, which may take only so much memory."""
    pid = worker.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {child: Path(f"/proc/{child}/cmdline").read_text() for child in children}
    decoders = [child for child, command in commands.items() if "nst_core.decoder" in command]
    assert len(decoders) == 1
    limits = Path(f"/proc/{decoders[0]}/limits").read_text().splitlines()
    (space,) = [line.split() for line in limits if line.startswith("Max address space")]
    assert int(space[3]) == memory_for(DEFAULT_LIMITS)
