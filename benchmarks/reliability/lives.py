"""The bot as a supervisor sees it: a process that is started, ends somehow, and is started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from verdict import UNFINISHED, states_in
from wire.http import TOKEN

if TYPE_CHECKING:
    import random
    from typing import IO

    from wire.server import WireDiscord

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
CONFIG: Final = """
[store]
path = "{data}"
inputs_days = {days}
results_days = {days}
[limits]
queue = 1000
per_person = 1000
[workers]
devices = "cpu*{slots}"
drain_s = {drain_s}
[discord]
edit_every_s = 1
[style]
long_side_px = 64
"""
ONLINE_WITHIN_S: Final = 30.0
ENDED_WITHIN_S: Final = 30.0
ORPHANS_GONE_S: Final = 1.0


@dataclass(slots=True)
class Lives:
    """The lives of one bot, in a folder of its own.

    Args:
        discord: where it is online.
        folder: for configuration, store, log and ledger.
        slots: how many workers.
        steps, step_s: how long they paint.
        drain_s: how long the bot waits for them when asked to end.
        keep_days: how long pictures are kept.

    Attributes:
        hits: jobs whose worker was killed while it painted them.
        orphans: processes that outlived their bot by more than a second.
        unasked: ends that nobody asked for, by exit status.
    """

    discord: WireDiscord
    folder: Path
    slots: int = 2
    steps: int = 6
    step_s: float = 0.2
    drain_s: float = 0.5
    keep_days: float = 30.0
    hits: set[str] = field(default_factory=set)
    orphans: list[int] = field(default_factory=list)
    unasked: list[int] = field(default_factory=list)
    _process: subprocess.Popen[bytes] | None = None
    _log: IO[bytes] | None = None

    @property
    def data(self) -> Path:
        """The store's folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What every life has written."""
        return self.folder / "log"

    @property
    def pid(self) -> int:
        """The present life's process."""
        if self._process is None:
            raise RuntimeError("no life has begun")
        return self._process.pid

    async def begin(self) -> None:
        """Start a life, and wait until it is online."""
        (self.folder / "ledger").mkdir(exist_ok=True)
        config = self.folder / "config.toml"
        facts = {"data": self.data, "slots": self.slots, "drain_s": self.drain_s, "days": self.keep_days}
        config.write_text(CONFIG.format(**facts), encoding="utf-8")
        worker = (HERE / "tiny_worker.py", self.folder / "ledger", self.steps, self.step_s)
        words = (HERE / "bot_life.py", self.discord.base, self.discord.address, config, *worker)
        paths = os.pathsep.join(map(str, (ROOT, HERE)))
        known = self.discord.weather.counts["identified"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it only forks
                [sys.executable, *map(str, words)],
                stderr=log,
                env=os.environ | {"DISCORD_TOKEN": TOKEN, "PYTHONPATH": paths},
            )
        async with asyncio.timeout(ONLINE_WITHIN_S):
            while self.discord.weather.counts["identified"] == known:
                await self.see_to()
                await asyncio.sleep(0.02)

    async def see_to(self) -> None:
        """Do what a supervisor does: start the bot again if it has ended by itself."""
        if self._process is not None and (status := self._process.poll()) is not None:
            self.unasked.append(status)
            self._process = None
            await self.begin()

    async def kill(self, *, at_a_post: bool = False) -> None:
        """Kill the bot with signal 9; note what of it is still there after a second.

        Args:
            at_a_post: in the moment in which Discord has taken a result and has not said so yet.
        """
        if at_a_post:
            await self._someone_posts()
        children = descendants(self.pid)
        os.kill(self.pid, signal.SIGKILL)
        await self._ended()
        await asyncio.sleep(ORPHANS_GONE_S)
        self.orphans += [pid for pid, born in children.items() if birth_of(pid) == born]

    async def end(self) -> int:
        """Ask the bot to end, and return its exit status."""
        children = descendants(self.pid)
        os.kill(self.pid, signal.SIGTERM)
        status = await self._ended()
        self.orphans += [pid for pid, born in children.items() if birth_of(pid) == born]
        return status

    async def abandon(self) -> None:
        """Leave nothing behind, whatever has happened; show the log if it is an error."""
        if sys.exc_info()[0] is not None:
            sys.stderr.write(self.log.read_text(encoding="utf-8", errors="replace"))
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            await self._ended()

    def is_painting(self) -> bool:
        """Tell whether a worker has a job in hand."""
        notes = (self.folder / "ledger").iterdir()
        return any(note.stat().st_size and birth_of(int(note.name)) for note in notes)

    def hit_a_worker(self, rng: random.Random) -> str | None:
        """Kill a worker at random, but no job twice: that is refused as dangerous, which is another promise.

        Returns:
            What it painted, "" if it was idle; None if there was none that may be killed.
        """
        notes = {pid: self.folder / "ledger" / str(pid) for pid in descendants(self.pid)}
        workers = [pid for pid, note in notes.items() if note.exists()]
        rng.shuffle(workers)
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)  # so that it does not go on to another job while we read
                job_id = notes[pid].read_text(encoding="ascii")
                others = {notes[each].read_text(encoding="ascii") for each in workers if each != pid}
                if not self._was_hit(job_id, elsewhere=others):
                    os.kill(pid, signal.SIGKILL)
                    self.hits |= {job_id} - {""}
                    return job_id
                os.kill(pid, signal.SIGCONT)
        return None

    def _was_hit(self, job_id: str, *, elsewhere: set[str]) -> bool:
        """Tell whether a worker may have a job in hand whose worker was killed before."""
        if job_id:
            return job_id in self.hits
        # An idle one may have been handed a job this very moment.
        states = states_in(self.data)
        return any(states[each] in UNFINISHED for each in self.hits - elsewhere)

    async def _someone_posts(self) -> None:
        posted, pid = asyncio.Event(), self.pid

        def freeze() -> None:
            os.kill(pid, signal.SIGSTOP)
            posted.set()

        self.discord.state.took = freeze
        async with asyncio.timeout(ONLINE_WITHIN_S):
            await posted.wait()

    async def _ended(self) -> int:
        process, self._process = self._process, None
        if process is None:
            raise RuntimeError("no life has begun")
        deadline = time.monotonic() + ENDED_WITHIN_S
        while (status := process.poll()) is None:
            if time.monotonic() > deadline:
                process.kill()
                raise TimeoutError("the bot did not end")
            await asyncio.sleep(0.01)
        return status


def descendants(pid: int) -> dict[int, str]:
    """Return the processes below a process, with what tells them from later ones of the same number."""
    found: dict[int, str] = {}
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text(encoding="ascii").split()):
                found |= {child: birth_of(child)} | descendants(child)
    return found


def birth_of(pid: int) -> str:
    """Return when a process began; "" if it is gone, or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
