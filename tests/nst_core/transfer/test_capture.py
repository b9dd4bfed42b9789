"""Slopes that are recorded: the same numbers, and never a failure of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from nst_core.transfer.capture import LEAST_STEPS, _Recorded, quick_slope, slope_of

if TYPE_CHECKING:
    from collections.abc import Callable


class Replay:
    """Stands in for a GPU's graphs: the work is called again, on the same memory, and counted."""

    def __init__(self, error: Exception | None = None) -> None:
        self.replayed = 0
        self._error = error

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        if self._error:
            raise self._error
        work()

        def replay() -> None:
            self.replayed += 1
            work()

        return replay


def bowl(image: Tensor) -> dict[str, Tensor]:
    edge = (image[..., 1:] - image[..., :-1]).square().mean()
    return {"middle": (image - 0.5).square().sum(), "total": (image - 0.5).square().sum() + edge}


def image(seed: int = 0) -> Tensor:
    return torch.rand((1, 3, 8, 8), generator=torch.Generator().manual_seed(seed))


def test_a_recording_gives_what_it_recorded() -> None:
    """For each new image its own terms and gradient, the same to the bit, and the image stays as it was."""
    tape = Replay()
    quick, plain = quick_slope(bowl, image(), steps=LEAST_STEPS, tape=tape), slope_of(bowl)
    for seed in (1, 2, 3):
        asked = image(seed)
        found, expected = quick(asked), plain(asked)
        assert torch.equal(asked, image(seed))
        assert torch.equal(found[1], expected[1])
        assert {name: loss.item() for name, loss in found[0].items()} == {
            name: loss.item() for name, loss in expected[0].items()
        }
    assert tape.replayed == 3


def test_terms_outlive_the_next_replay() -> None:
    """They are read some steps later, when the tape has long written over its own memory."""
    quick = quick_slope(bowl, image(), steps=LEAST_STEPS, tape=Replay())
    assert isinstance(quick, _Recorded)
    told, _ = quick(image())
    on_tape, _ = quick._found
    assert not {loss.data_ptr() for loss in told.values()} & {loss.data_ptr() for loss in on_tape.values()}


def test_few_steps_are_not_recorded() -> None:
    """A recording costs more than it saves."""
    tape = Replay()
    quick_slope(bowl, image(), steps=LEAST_STEPS - 1, tape=tape)(image())
    assert tape.replayed == 0


def test_what_cannot_be_recorded_is_computed(caplog: pytest.LogCaptureFixture) -> None:
    """A line in the log, and the numbers all the same."""
    quick = quick_slope(bowl, image(), steps=99, tape=Replay(RuntimeError("capture is not permitted")))
    assert torch.equal(quick(image(1))[1], slope_of(bowl)(image(1))[1])
    assert "recording-failed" in caplog.text


def test_a_lack_of_memory_is_not_hidden() -> None:
    """The pool answers it with a fresh process and a smaller picture."""
    with pytest.raises(torch.OutOfMemoryError):
        quick_slope(bowl, image(), steps=99, tape=Replay(torch.OutOfMemoryError("CUDA out of memory")))
