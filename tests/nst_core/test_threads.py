"""How threads wait for each other, in real processes on one real core; and when that changes."""

import itertools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from nst_core import threads
from nst_core.features import load_extractor
from nst_core.images import to_pil
from nst_core.painting import Pictures, steps
from nst_core.protocol import StyleParams, StyleRequest, WeightedStyle
from nst_core.threads import Bystanders, Watch, let_threads_wait, tells_waiting, waited_s

linux_only = pytest.mark.skipif(
    not tells_waiting(), reason="this system does not count how long threads wait"
)
two_cores = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="wants two cores to choose from"
)
CROWDED_PROGRAM = """
import json, os, time
from nst_core.process import settle
settle(os.environ)
import torch
from nst_core.threads import considerate

torch.set_num_threads(2)
numbers = torch.zeros(2**17)
numbers.add_(1.0)

def steps():
    for task in os.listdir("/proc/self/task"):  # two threads, which believe in two cores, on one
        os.sched_setaffinity(int(task), [min(os.sched_getaffinity(0))])
    for _ in range(12):
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < 0.3:
            numbers.add_(1.0)
            count += 1
        yield count

print(json.dumps(list(considerate(steps()))))
"""


class Notes:
    """A sleeper that notes what it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def sleep(self) -> None:
        self.heard.append("sleep")

    def spin(self) -> None:
        self.heard.append("spin")


def heard(crowds: list[float], *, every_s: float = 0.5) -> list[list[str]]:
    """Return what a watch says at each look, given how crowded it was before: seconds waited in a second."""
    waited = iter([0.0, *itertools.accumulate(crowd * every_s for crowd in crowds)])
    clock = iter(every_s * number for number in range(len(crowds) + 1))
    notes = Notes()
    watch = Watch(notes, waited_s=lambda: next(waited), clock=lambda: next(clock))
    said = []
    for _ in crowds:
        watch.look()
        said.append(notes.heard[:])
        notes.heard.clear()
    return said


def test_threads_sleep_as_soon_as_others_want_the_cores() -> None:
    """A single look that finds a crowd is enough."""
    assert heard([0.01, 0.7, 0.7]) == [["spin"], ["sleep"], ["sleep"]]


def test_threads_spin_again_after_a_quiet_while() -> None:
    """A short pause of the others is not enough."""
    assert heard([0.7, 0.01, 0.01, 0.01]) == [["sleep"], [], ["spin"], ["spin"]]
    assert heard([0.7, 0.01, 0.7, 0.01, 0.01]) == [["sleep"], [], ["sleep"], [], ["spin"]]


def test_a_little_company_changes_nothing() -> None:
    """Between quiet and crowded, threads go on as they were."""
    assert heard([0.01, 0.1, 0.1, 0.1]) == [["spin"], [], [], []]
    assert heard([0.7, 0.1, 0.1, 0.1]) == [["sleep"], [], [], []]


def test_a_thread_that_ended_is_no_crowd() -> None:
    """With it goes what it had waited, so that the sum can fall."""
    assert heard([0.7, -0.7, 0.0, 0.0]) == [["sleep"], [], ["spin"], ["spin"]]


def test_looks_four_times_a_second_at_most() -> None:
    """A step can take a millisecond."""
    looks: list[float] = []
    clock = iter([0.0, 0.1, 0.2, 0.3, 0.4])
    watch = Watch(Notes(), waited_s=lambda: looks.append(0.0) or 0.0, clock=lambda: next(clock))
    for _ in range(4):
        watch.look()
    assert len(looks) == 2  # the first of them when it began


@linux_only
def test_where_the_system_tells_threads_may_spin() -> None:
    """What whoever runs the machine has said stays."""
    for said in ({}, {"OMP_WAIT_POLICY": "ACTIVE", "KMP_BLOCKTIME": "7"}):
        environ = dict(said)
        let_threads_wait(environ)
        assert environ == {"KMP_BLOCKTIME": "0", **said}


def test_where_nothing_tells_threads_sleep(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on macOS and Windows, and where a sandbox hides it."""
    monkeypatch.setattr(threads, "TASKS", tmp_path)
    own = tmp_path / str(threading.get_native_id())
    for said in (None, "0 0 0\n", "not for you\n"):
        if said:
            own.mkdir(exist_ok=True)
            (own / "schedstat").write_text(said)
        assert not tells_waiting()
        environ: dict[str, str] = {}
        let_threads_wait(environ)
        assert environ["OMP_WAIT_POLICY"] == "PASSIVE"


@linux_only
def test_counts_what_every_thread_waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a process's threads, with one that ends while they are counted."""
    assert waited_s() >= 0.0
    for number, waited_ns in enumerate((1_500_000_000, 250_000_000)):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "schedstat").write_text(f"77 {waited_ns} 3\n")
    (tmp_path / "gone").mkdir()
    monkeypatch.setattr(threads, "TASKS", tmp_path)
    assert waited_s() == pytest.approx(1.75)


@linux_only
@two_cores
def test_on_a_crowded_core_threads_fall_asleep() -> None:
    """Two threads that spin on one core hold each other up; as soon as they sleep, far more gets done."""
    done = subprocess.run([sys.executable, "-c", CROWDED_PROGRAM], capture_output=True, check=True, text=True)
    counts = json.loads(done.stdout)
    assert max(counts[-3:]) > 3 * counts[0], counts


@pytest.mark.parametrize(
    ("team", "cores", "helpers"), [(2, 2, 1), (16, 16, 1), (8, 16, 2), (2, 4, 3), (1, 4, 0), (4, 2, 0)]
)
def test_bystanders_outnumber_the_cores(team: int, cores: int, helpers: int) -> None:
    """Each brings a team, less itself; they come once and go again."""

    def bystanders() -> int:
        return sum(thread.name.startswith("bystander-") for thread in threading.enumerate())

    crowd = Bystanders(team, cores)
    for _ in range(2):
        crowd.sleep()
        crowd.sleep()
        assert bystanders() == helpers
        standing = [thread for thread in threading.enumerate() if thread.name.startswith("bystander-")]
        crowd.spin()
        crowd.spin()
        for thread in standing:
            thread.join(timeout=10)
        assert bystanders() == 0
    if helpers:
        assert team + helpers * (team - 1) > cores >= team + (helpers - 1) * (team - 1)


def test_where_no_thread_may_start_painting_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container can be allowed few; being considerate must not cost the picture."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    crowd = Bystanders(2, 2)
    monkeypatch.setattr(threading.Thread, "start", refused)
    crowd.sleep()
    crowd.spin()
    monkeypatch.undo()
    crowd.sleep()
    standing = [thread for thread in threading.enumerate() if thread.name.startswith("bystander-")]
    crowd.spin()
    assert len(standing) == 1


def test_painting_looks_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU, in every job: without a look nobody would notice that others want the cores."""
    looks: list[int] = []

    class Counting:
        def look(self) -> None:
            looks.append(1)

    monkeypatch.setattr(threads, "_watch", Counting)
    picture = to_pil(torch.rand((1, 3, 48, 64), generator=torch.Generator().manual_seed(0)))
    request = StyleRequest(
        job_id="j",
        content=b"",
        styles=(WeightedStyle(image=b""),),
        params=StyleParams(mode="classic", long_side_px=64),
    )
    walk = steps(request, Pictures(content=picture, styles=[picture]), load_extractor())
    assert len(list(itertools.islice(walk, 3))) == len(looks) == 3
