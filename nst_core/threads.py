"""How torch's threads wait for each other: awake while the cores are theirs, asleep while others want them.

A step is a thousand short pieces of work, after each of which the threads wait for the slowest. Awake
(spinning) they go on at once, which on a quiet machine saves up to a third of a step. But a thread that
spins on a core which another program wants as well holds up what it waits for: beside one busy program
a step then takes two to ten times as long as with threads that sleep.

So they spin, and between steps a `Watch` asks the system how long they had to wait for a core. Their number
stays: another one would sum in another order, and a painting that differs in the last bit ends as
another picture.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, MutableMapping

Item = TypeVar("Item")
TASKS: Final = Path("/proc/self/task")
"""Has a folder for each thread of this process."""
LOOK_EVERY_S: Final = 0.25
CROWDED: Final = 0.2
"""Seconds waited for a core, by all threads together, in a second. It is 0.01 on a quiet machine and 0.6 or
more beside one busy program, asleep or awake."""
QUIET: Final = 0.05
QUIET_FOR_S: Final = 1.0
"""So long nobody must have wanted the cores before threads spin again."""
VALUES_PER_THREAD: Final = 2**15
"""Torch gives a thread no less to do (`at::internal::GRAIN_SIZE`)."""


class Sleeper(Protocol):
    """Has threads sleep, or spin, while they wait for each other."""

    def sleep(self) -> None:
        """Let them sleep."""

    def spin(self) -> None:
        """Let them spin."""


def let_threads_wait(environ: MutableMapping[str, str]) -> None:
    """Let torch's threads spin where a `Watch` can stop them, and sleep elsewhere. Before torch is imported.

    Args:
        environ: where OpenMP will look; what is set there stays.
    """
    if not tells_waiting():
        environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    environ.setdefault("KMP_BLOCKTIME", "0")  # read by LLVM's and Intel's OpenMP, which know no `Bystanders`


def considerate(steps: Iterable[Item]) -> Iterator[Item]:
    """Yield what is given, looking between two of them at whether others want the cores.

    Args:
        steps: computed by torch on the CPU.
    """
    watch = _watch()
    for step in steps:
        if watch is not None:
            watch.look()
        yield step


class Watch:
    """Decides whether threads spin.

    Args:
        sleeper: told to sleep as soon as somebody else wants the cores, to spin when nobody has for a while.
        waited_s: seconds that all threads together have waited for a core, ever growing.
        clock: seconds, only ever subtracted.
    """

    def __init__(
        self, sleeper: Sleeper, *, waited_s: Callable[[], float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sleeper, self._waited_s, self._clock = sleeper, waited_s, clock
        self._seen_s, self._waited_by_then_s = clock(), waited_s()
        self._crowded_s = float("-inf")
        """When the cores were last wanted."""

    def look(self) -> None:
        """Look at what has been since the last look; at most four times a second."""
        now = self._clock()
        passed_s = now - self._seen_s
        if passed_s < LOOK_EVERY_S:
            return
        waited_s = self._waited_s()
        crowd = (waited_s - self._waited_by_then_s) / passed_s  # negative where a thread has ended
        self._seen_s, self._waited_by_then_s = now, waited_s
        if crowd > QUIET:
            self._crowded_s = now
        if crowd > CROWDED:
            self._sleeper.sleep()
        elif now - self._crowded_s >= QUIET_FOR_S:
            self._sleeper.spin()


class Bystanders:
    """Threads that do nothing, so that there are more than cores: the others then do not spin.

    GNU's OpenMP lets a thread spin 300,000 times before it sleeps, but only 100 times where there are more
    threads than cores; it looks at that at every wait. Nothing else can be changed while a program runs.

    Args:
        team: threads that torch uses for one piece of work.
        cores: that this process may use.

    Source: the manual of GNU libgomp, GOMP_SPINCOUNT.
    """

    def __init__(self, team: int, cores: int) -> None:
        self._team = team
        # A thread that uses OpenMP brings a team of its own, of which it is one itself.
        self._helpers = -((team - cores - 1) // (team - 1)) if team > 1 else 0
        self._leave: threading.Event | None = None

    def sleep(self) -> None:
        """Come, if not there yet."""
        if self._leave is not None or not self._helpers:
            return
        self._leave = threading.Event()
        for number in range(self._helpers):
            helper = threading.Thread(
                target=self._stand, args=(self._leave,), name=f"bystander-{number}", daemon=True
            )
            with contextlib.suppress(RuntimeError):  # no more threads are allowed: the others go on spinning
                helper.start()

    def spin(self) -> None:
        """Go, if not gone yet."""
        if self._leave is not None:
            self._leave.set()
            self._leave = None

    def _stand(self, leave: threading.Event) -> None:
        import torch  # noqa: PLC0415 - this module is used before torch may be imported

        torch.zeros(self._team * VALUES_PER_THREAD).add_(1.0)  # in parallel, which makes the team
        leave.wait()


def tells_waiting() -> bool:
    """Tell whether the system counts how long a thread waits for a core: Linux mostly does."""
    try:
        ran_ns, _ = _ran_and_waited_ns(TASKS / str(threading.get_native_id()))
    except (OSError, ValueError):
        return False
    return ran_ns > 0  # a kernel that does not count says 0 0 0


def waited_s() -> float:
    """Return how long this process's threads have waited for a core, in seconds, where the system tells."""
    waited_ns = 0
    for task in TASKS.iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            waited_ns += _ran_and_waited_ns(task)[1]
    return waited_ns / 1e9


def _ran_and_waited_ns(task: Path) -> tuple[int, int]:
    ran, waited, _ = (task / "schedstat").read_text(encoding="ascii").split()
    return int(ran), int(waited)


@functools.cache
def _watch() -> Watch | None:
    """Return this process's watch; None where it could not tell, or change anything."""
    import torch  # noqa: PLC0415 - as above

    said = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys()
    if said or not tells_waiting() or not _uses_gnu_openmp():
        return None
    return Watch(Bystanders(torch.get_num_threads(), len(os.sched_getaffinity(0))), waited_s=waited_s)


def _uses_gnu_openmp() -> bool:
    return "libgomp" in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
