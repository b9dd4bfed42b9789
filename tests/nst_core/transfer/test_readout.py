"""Terms read off a device: at once on the CPU, without waiting on a GPU."""

from __future__ import annotations

import torch
from torch import Tensor

from nst_core.transfer.readout import MOST_UNDERWAY, Readout


class Parcel:
    """Stands in for a copy from a GPU: it arrives when the test says so, or when it is waited for."""

    def __init__(self, numbers: Tensor) -> None:
        self._numbers = numbers.tolist()
        self.here = self.waited = False

    def arrived(self) -> bool:
        return self.here

    def read(self) -> list[float]:
        self.waited = self.waited or not self.here
        return self._numbers  # type: ignore[no-any-return]


class Post:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Parcel] = []

    def __call__(self, numbers: Tensor) -> Parcel:
        self.sent.append(Parcel(numbers))
        return self.sent[-1]


def terms(step: int) -> dict[str, Tensor]:
    return {"style": torch.tensor(float(step)), "total": torch.tensor(10.0 * step)}


def test_the_cpu_is_read_at_once() -> None:
    """Each step's own numbers; a mode without terms has none."""
    read = Readout()
    assert [read(terms(step)) for step in (1, 2)] == [
        {"style": 1.0, "total": 10.0},
        {"style": 2.0, "total": 20.0},
    ]
    assert read({}) == {}


def test_a_gpu_is_waited_for_only_at_first_and_at_last() -> None:
    """In between the newest numbers that have arrived are told."""
    post = Post()
    read = Readout(post)
    assert read(terms(1))["style"] == 1.0
    assert read(terms(2))["style"] == read(terms(3))["style"] == 1.0
    post.sent[1].here = True
    assert read(terms(4))["style"] == 2.0
    assert [parcel.waited for parcel in post.sent] == [True, False, False, False]
    assert read(terms(5), wait=True)["style"] == 5.0


def test_python_is_never_far_ahead() -> None:
    """A wish to stop is heard after a few steps, however slow the GPU is."""
    post = Post()
    read = Readout(post)
    told = [read(terms(step))["style"] for step in range(1, 20)]
    assert all(step - number <= MOST_UNDERWAY for step, number in enumerate(told, start=1))
    assert told == sorted(told)
