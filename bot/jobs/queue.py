"""Who is painted next: pure bookkeeping, no clock, no asyncio.

How it is fair
    1. *Lanes.* Drafts take a second and go first; after `DRAFTS_IN_A_ROW` of them a slower job that waits
       gets its turn, so that a flood of drafts delays the others but never stops them.
    2. *Servers.* Between servers turns are shared by `weight_of` the people who wait or are being painted
       there. Up to `WHOLE_PEOPLE` everybody counts whole, so that five people beside one greedy person are
       served as if they shared a server. A crowd counts by its root: 128 people get 32 turns for each turn
       of somebody alone on another server. By turns per person that one would wait for all 128, and by
       equal turns each of the 128 would wait 128 times as long as that one. A private conversation is a
       server of one person.
    3. *People.* Inside a server everybody gets one turn in each round, however many jobs they queue.
    4. *Jobs.* One person's jobs keep their order.

Turns are shared by weighted fair queueing (`Turns`). Nobody saves up turns by being away, nobody gets
ahead by coming back, and whoever waits is served after finitely many starts whoever else keeps arriving.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

DRAFTS_IN_A_ROW: Final = 8
WHOLE_PEOPLE: Final = 8
Lane = Literal["draft", "slow"]
Server = tuple[str, int]
K = TypeVar("K", bound=Hashable)


class NoRoom(Exception):
    """A cap is reached.

    Args:
        cap: whose: everybody's ("queue"), this server's ("server") or this person's ("person").
        limit: how many jobs it allows.
    """

    def __init__(self, cap: Literal["queue", "server", "person"], limit: int) -> None:
        self.cap = cap
        self.limit = limit
        super().__init__(cap, limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A job's place in the queue."""

    job_id: str
    owner_id: int
    guild_id: int | None
    lane: Lane = "slow"

    @property
    def server(self) -> Server:
        """The guild, or the person alone with the bot."""
        return ("person", self.owner_id) if self.guild_id is None else ("guild", self.guild_id)


class Turns(Generic[K]):
    """Weighted fair queueing between parties that come and go.

    Each party has a tag, the virtual time of its next turn, and a turn moves it on by 1 / weight. Virtual
    time itself moves on with every turn by 1 / (sum of the weights of all that want one, or whose last one
    still lies ahead of that time). Who comes begins at the present virtual time, or, coming back, at the tag
    it left with if that still lies ahead.

    Source: Demers, Keshav & Shenker 1989, Analysis and Simulation of a Fair Queueing Algorithm.
    Differs: every turn costs the same, and it goes to the least start tag, not the least finish tag.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._turns = 0
        self._tags: dict[K, tuple[float, int]] = {}
        """Start of the next turn, then the number of the last one: among equals who waited longest."""
        self._weights: dict[K, float] = {}
        """Of those who had a turn, at their last one."""

    def copied(self) -> Turns[K]:
        """Return turns that go on from here without touching these."""
        other: Turns[K] = Turns()
        vars(other).update(vars(self) | {"_tags": dict(self._tags), "_weights": dict(self._weights)})
        return other

    def come(self, party: K) -> None:
        """Let a party want turns that wanted none so far."""
        self._tags.setdefault(party, (self._now, 0))

    def take(self, weights: Mapping[K, float]) -> K:
        """Return whose turn it is.

        Args:
            weights: of every party that wants a turn, at least one; all of them have come.
        """
        party = min(weights, key=self._tags.__getitem__)
        self._turns += 1
        self._tags[party] = (self._tags[party][0] + 1 / weights[party], self._turns)
        self._weights[party] = weights[party]
        everybody_is_here = len(self._tags) == len(weights)
        total = sum(weights.values()) + (0 if everybody_is_here else self._weight_of_absent(weights))
        self._now += 1 / total
        if not everybody_is_here:
            self._forget_absent(weights)
        return party

    def _forget_absent(self, weights: Mapping[K, float]) -> None:
        """Drop those who want no turn now and have worked off their last one."""
        self._tags = {key: tag for key, tag in self._tags.items() if key in weights or tag[0] >= self._now}
        self._weights = {key: weight for key, weight in self._weights.items() if key in self._tags}

    def _weight_of_absent(self, weights: Mapping[K, float]) -> float:
        """Return the weight of those who want no turn now, but whose last one is still being worked off.

        Without them time would run ahead of those who stay: each visit of somebody else's would give them
        a turn before the next newcomer.
        """
        behind = (key for key, tag in self._tags.items() if key not in weights and tag[0] > self._now)
        return sum(self._weights[key] for key in behind)


def weight_of(people: int) -> float:
    """Return a server's share of the turns: people up to `WHOLE_PEOPLE`, from there on by the root."""
    return min(people, math.sqrt(WHOLE_PEOPLE * people))


class _People:
    """The waiting jobs of one server in one lane."""

    def __init__(self) -> None:
        self._turns: Turns[int] = Turns()
        self._jobs: dict[int, deque[Ticket]] = {}

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def copied(self) -> _People:
        other = _People()
        jobs = {person: jobs.copy() for person, jobs in self._jobs.items()}
        vars(other).update(_turns=self._turns.copied(), _jobs=jobs)
        return other

    def push(self, ticket: Ticket) -> None:
        if ticket.owner_id not in self._jobs:
            self._turns.come(ticket.owner_id)
        self._jobs.setdefault(ticket.owner_id, deque()).append(ticket)

    def pop(self) -> Ticket:
        ticket = self._jobs[self._turns.take(dict.fromkeys(self._jobs, 1.0))][0]
        self.remove(ticket)
        return ticket

    def remove(self, ticket: Ticket) -> None:
        jobs = self._jobs[ticket.owner_id]
        jobs.remove(ticket)
        if not jobs:
            del self._jobs[ticket.owner_id]


class _Servers:
    """The waiting jobs of one lane."""

    def __init__(self) -> None:
        self._turns: Turns[Server] = Turns()
        self._people: defaultdict[Server, _People] = defaultdict(_People)
        """Also of servers where nobody waits now: who has just been served must not be forgotten."""

    def __bool__(self) -> bool:
        return any(self._people.values())

    def copied(self) -> _Servers:
        other = _Servers()
        people = {server: people.copied() for server, people in self._people.items()}
        vars(other).update(_turns=self._turns.copied(), _people=defaultdict(_People, people))
        return other

    def push(self, ticket: Ticket) -> None:
        if not self._people[ticket.server]:
            self._turns.come(ticket.server)
        self._people[ticket.server].push(ticket)

    def pop(self, crowds: Mapping[Server, Counter[int]]) -> Ticket:
        waiting = (server for server, people in self._people.items() if people)
        weights = {server: weight_of(len(crowds[server])) for server in waiting}
        return self._people[self._turns.take(weights)].pop()

    def remove(self, ticket: Ticket) -> None:
        self._people[ticket.server].remove(ticket)

    def forget(self, server: Server) -> None:
        """Drop what is known of a server where nobody waits or is being painted."""
        self._people.pop(server, None)


class FairQueue:
    """Jobs that wait, and the count of those that were popped and are not over.

    Args:
        queue_limit: how many jobs may wait.
        per_person: how many jobs one person may have waiting and under way.
    """

    def __init__(self, *, queue_limit: int, per_person: int) -> None:
        self._queue_limit = queue_limit
        self._per_person = per_person
        self._lanes: dict[Lane, _Servers] = {"draft": _Servers(), "slow": _Servers()}
        self._waiting: dict[str, Ticket] = {}
        self._under_way: dict[str, Ticket] = {}
        self._reserved: Counter[tuple[int, int | None]] = Counter()
        """(person, guild) → places kept for jobs that are being stored."""
        self._crowds: defaultdict[Server, Counter[int]] = defaultdict(Counter)
        """Server → person → how many jobs of theirs wait or are under way."""
        self._drafts_in_a_row = 0

    def __len__(self) -> int:
        """Return how many jobs wait."""
        return len(self._waiting)

    def reserve(
        self,
        owner_id: int,
        guild_id: int | None = None,
        *,
        per_person: int | None = None,
        per_server: int | None = None,
    ) -> None:
        """Keep a place for a job that is about to be stored; `release` gives it back.

        Args:
            owner_id: whose job.
            guild_id: where.
            per_person: how many jobs one person may have there; None: as many as anywhere.
            per_server: how many jobs may be waiting and under way there; None: any number.

        Raises:
            NoRoom: a cap is reached; nothing was kept.
        """
        counts = self._reserved + Counter(
            (ticket.owner_id, ticket.guild_id)
            for ticket in (*self._waiting.values(), *self._under_way.values())
        )
        own = sum(count for (person, _), count in counts.items() if person == owner_id)
        here = sum(count for (_, guild), count in counts.items() if guild == guild_id)
        if own >= self._per_person:
            raise NoRoom("person", self._per_person)
        if per_person is not None and counts[owner_id, guild_id] >= per_person:
            raise NoRoom("person", per_person)
        if per_server is not None and here >= per_server:
            raise NoRoom("server", per_server)
        if len(self._waiting) + self._reserved.total() >= self._queue_limit:
            raise NoRoom("queue", self._queue_limit)
        self._reserved[owner_id, guild_id] += 1

    def release(self, owner_id: int, guild_id: int | None = None) -> None:
        """Give a reserved place back, before `push` takes its own."""
        self._reserved[owner_id, guild_id] -= 1
        self._reserved += Counter()  # drops the zeros

    def push(self, ticket: Ticket) -> None:
        """Let a job wait, whatever the caps say (a job that is stored already is never turned away)."""
        self._waiting[ticket.job_id] = ticket
        self._crowds[ticket.server][ticket.owner_id] += 1
        self._lanes[ticket.lane].push(ticket)

    def pop(self) -> Ticket | None:
        """Return the job to be painted next, or None; it is under way until `finish`."""
        if not self._waiting:
            return None
        lane = self._next_lane()
        self._drafts_in_a_row = self._drafts_in_a_row + 1 if lane == "draft" else 0
        ticket = self._lanes[lane].pop(self._crowds)
        self._under_way[ticket.job_id] = self._waiting.pop(ticket.job_id)
        return ticket

    def resume(self, ticket: Ticket) -> None:
        """Count a job as under way that had its turn before a restart."""
        self._under_way[ticket.job_id] = ticket
        self._crowds[ticket.server][ticket.owner_id] += 1

    def remove(self, job_id: str) -> bool:
        """Take a waiting job out; False if it does not wait."""
        ticket = self._waiting.pop(job_id, None)
        if ticket is None:
            return False
        self._lanes[ticket.lane].remove(ticket)
        self._leave(ticket)
        return True

    def finish(self, job_id: str) -> None:
        """Forget a job that was under way: its owner has room for another."""
        ticket = self._under_way.pop(job_id, None)
        if ticket is not None:
            self._leave(ticket)

    def order(self) -> list[str]:
        """Return the waiting jobs in the order in which they would start if nobody else came."""
        future = FairQueue(queue_limit=self._queue_limit, per_person=self._per_person)
        lanes = {lane: servers.copied() for lane, servers in self._lanes.items()}
        vars(future).update(vars(self) | {"_lanes": lanes, "_waiting": dict(self._waiting), "_under_way": {}})
        return [ticket.job_id for ticket in iter(future.pop, None)]

    def position(self, job_id: str) -> int | None:
        """Return a waiting job's place in `order`, 1 = next; None if it does not wait."""
        return self.order().index(job_id) + 1 if job_id in self._waiting else None

    def _next_lane(self) -> Lane:
        draft, slow = self._lanes["draft"], self._lanes["slow"]
        overdue = slow and self._drafts_in_a_row >= DRAFTS_IN_A_ROW
        return "draft" if draft and not overdue else "slow"

    def _leave(self, ticket: Ticket) -> None:
        crowd = self._crowds[ticket.server]
        crowd[ticket.owner_id] -= 1
        if not crowd[ticket.owner_id]:
            del crowd[ticket.owner_id]
        if not crowd:
            del self._crowds[ticket.server]
            for lane in self._lanes.values():
                lane.forget(ticket.server)
