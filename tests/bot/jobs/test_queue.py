"""Who is painted next."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.jobs.queue import DRAFTS_IN_A_ROW, FairQueue, NoRoom, Ticket, Turns

GREEDY = 1
OTHERS = (2, 3, 4, 5, 6)


def ticket(name: str, owner_id: int, guild_id: int | None = 10, *, draft: bool = False) -> Ticket:
    """Return a ticket."""
    return Ticket(job_id=name, owner_id=owner_id, guild_id=guild_id, lane="draft" if draft else "slow")


def open_queue() -> FairQueue:
    """Return a queue without caps."""
    return FairQueue(queue_limit=10_000, per_person=10_000)


def starts(queue: FairQueue, count: int, *, slots: int = 1) -> list[Ticket]:
    """Pop `count` jobs; only the newest `slots` of them are under way at any time."""
    popped: list[Ticket] = []
    for _ in range(count):
        if len(popped) >= slots:
            queue.finish(popped[-slots].job_id)
        job = queue.pop()
        assert job is not None
        popped.append(job)
    return popped


def greedy_queue(slots: int, *, guild_id: int | None = 10) -> FairQueue:
    """Return a queue in which one person had the first `slots` starts and 50 more jobs wait."""
    queue = open_queue()
    for number in range(50 + slots):
        queue.push(ticket(f"greedy {number}", GREEDY, guild_id))
    starts(queue, slots, slots=slots)
    return queue


def test_jobs_of_one_person_start_in_the_order_in_which_they_came() -> None:
    """Nobody else waits: first come, first served."""
    queue = open_queue()
    for name in "abc":
        queue.push(ticket(name, 1))
    assert [job.job_id for job in starts(queue, 3)] == ["a", "b", "c"]
    assert queue.pop() is None


@pytest.mark.parametrize(
    "guilds", [[10] * 5, [None] * 5, [20] * 5, [20, 30, 40, 50, 60], [10, 10, 20, None, None]]
)
@pytest.mark.parametrize("slots", [3, 4, 8])
def test_fifty_jobs_of_one_person_do_not_hold_up_five_others(slots: int, guilds: list[int | None]) -> None:
    """One person queues 50, five others one each, wherever they are: all five within 2 × slots starts."""
    queue = greedy_queue(slots)
    for person, guild_id in zip(OTHERS, guilds, strict=True):
        queue.push(ticket(f"other {person}", person, guild_id))
    owners = [job.owner_id for job in starts(queue, 2 * slots, slots=slots)]
    assert set(OTHERS) <= set(owners)


@pytest.mark.parametrize("guild_id", [10, 20, None])
@pytest.mark.parametrize("slots", [1, 2, 5])
def test_whoever_comes_while_fifty_wait_starts_within_two_per_slot(slots: int, guild_id: int | None) -> None:
    """Five people come one after another: each starts within the next 2 × slots starts."""
    queue = greedy_queue(slots)
    for person in OTHERS:
        queue.push(ticket(f"other {person}", person, guild_id))
        owners = [job.owner_id for job in starts(queue, 2 * slots, slots=slots)]
        assert person in owners


@pytest.mark.parametrize("guild_id", [10, 20])
def test_visitors_do_not_bring_whoever_stays_forward(guild_id: int) -> None:
    """However many have come and gone before, who comes while somebody's 50 wait is the very next."""
    queue = greedy_queue(1)
    for person in range(100, 140):
        queue.push(ticket(f"visitor {person}", person, guild_id))
        assert queue.position(f"visitor {person}") == 1
        starts(queue, 2)


def test_one_round_gives_everybody_one_turn() -> None:
    """Six people with ten jobs each: every six starts in a row serve each of them once."""
    queue = open_queue()
    for person in range(6):
        for number in range(10):
            queue.push(ticket(f"{person}-{number}", person))
    owners = [job.owner_id for job in starts(queue, 60)]
    assert all(set(owners[i : i + 6]) == set(range(6)) for i in range(0, 60, 6))


def test_a_crowded_server_neither_starves_a_small_one_nor_is_starved_by_it() -> None:
    """128 people with three jobs each against one: the one gets a turn in 33, the others equal shares."""
    queue = open_queue()
    for number in range(3):
        for person in range(100, 228):
            queue.push(ticket(f"crowd {person} {number}", person, 10))
    for number in range(30):
        queue.push(ticket(f"lonely {number}", 1, 20))
    owners = Counter(job.owner_id for job in starts(queue, 264))
    assert owners.pop(1) == 8
    assert set(owners.values()) == {2}


def test_the_first_job_of_a_small_server_is_not_behind_a_crowd_that_was_first() -> None:
    """A crowd of 100 waits already; who comes from another server starts next but one at the latest."""
    queue = open_queue()
    for person in range(100, 200):
        queue.push(ticket(f"crowd {person}", person, 10))
    starts(queue, 20)
    queue.push(ticket("lonely", 1, 20))
    assert queue.position("lonely") in (1, 2)


def test_a_stream_of_newcomers_cannot_put_off_anybody_for_ever() -> None:
    """A new person comes before every start; the second job of who was there first starts soon after."""
    queue = open_queue()
    for number in range(2):
        queue.push(ticket(f"patient {number}", 1))
    names = []
    for newcomer in range(100, 150):
        queue.push(ticket(f"new {newcomer}", newcomer))
        names += [job.job_id for job in starts(queue, 1)]
    assert names.index("patient 1") < 10


def test_who_is_being_painted_waits_for_who_is_not() -> None:
    """One person's only job was begun; then they and another order: the other goes first."""
    queue = open_queue()
    queue.push(ticket("begun", 1))
    queue.pop()
    queue.push(ticket("second", 1))
    queue.push(ticket("other", 2))
    assert queue.order() == ["other", "second"]


def test_nobody_saves_up_turns_by_being_away() -> None:
    """After 40 turns for one person, another who comes gets every second turn and not the next 40."""
    queue = open_queue()
    for number in range(60):
        queue.push(ticket(f"a {number}", 1))
    starts(queue, 40)
    for number in range(20):
        queue.push(ticket(f"b {number}", 2))
    assert Counter(job.owner_id for job in starts(queue, 20)) == {1: 10, 2: 10}


@pytest.mark.parametrize("pause", [0, 1, 2])
@pytest.mark.parametrize("guild_id", [10, 20])
@pytest.mark.parametrize("others", [1, 3, 8])
def test_coming_one_job_at_a_time_gives_no_advantage(others: int, guild_id: int, pause: int) -> None:
    """Who hands in the next job only some starts after the last one gets no more than their share."""
    sly = 100
    queue = open_queue()
    for number in range(60):
        for person in range(others):
            queue.push(ticket(f"{person} {number}", person, 10))
    begun: list[int] = []
    for _ in range(10 * (others + 1)):
        if queue.position("sly") is None and sly not in begun[len(begun) - pause :]:
            queue.push(ticket("sly", sly, guild_id))
        (job,) = starts(queue, 1)
        begun.append(job.owner_id)
        queue.finish(job.job_id)
    assert begun.count(sly) <= 10


def test_drafts_go_first() -> None:
    """A draft that comes late starts before slower jobs that wait."""
    queue = open_queue()
    queue.push(ticket("slow", 1))
    queue.push(ticket("draft", 2, draft=True))
    assert [job.job_id for job in starts(queue, 2)] == ["draft", "slow"]


def test_a_flood_of_drafts_lets_a_slower_job_through() -> None:
    """After a number of drafts in a row a slower job that waits gets its turn."""
    queue = open_queue()
    queue.push(ticket("slow", 1))
    for number in range(50):
        queue.push(ticket(f"draft {number}", number, draft=True))
    names = [job.job_id for job in starts(queue, DRAFTS_IN_A_ROW + 1)]
    assert names[-1] == "slow"


def test_a_removed_job_never_starts_and_leaves_no_gap() -> None:
    """Removing takes a job out once; those behind it move up."""
    queue = open_queue()
    for name in "abc":
        queue.push(ticket(name, 1))
    assert queue.remove("b")
    assert not queue.remove("b")
    assert (queue.position("a"), queue.position("b"), queue.position("c")) == (1, None, 2)
    assert [job.job_id for job in starts(queue, 2)] == ["a", "c"]


def test_the_share_of_a_person_counts_what_waits_what_runs_and_what_is_being_stored() -> None:
    """Three are allowed: one runs, one waits, one is reserved; the fourth is refused until one ends."""
    queue = FairQueue(queue_limit=100, per_person=3)
    queue.push(ticket("a", 1))
    queue.push(ticket("b", 1))
    queue.pop()
    queue.reserve(1)
    with pytest.raises(NoRoom) as refusal:
        queue.reserve(1)
    assert (refusal.value.cap, refusal.value.limit) == ("person", 3)
    queue.reserve(2)
    queue.finish("a")
    queue.reserve(1)


def test_the_queue_limit_counts_what_waits_and_what_is_being_stored_but_not_what_runs() -> None:
    """Two may wait: one waits, one is reserved, one runs; the next is refused until a place is given back."""
    queue = FairQueue(queue_limit=2, per_person=100)
    queue.push(ticket("a", 1))
    queue.push(ticket("b", 2))
    queue.pop()
    queue.reserve(3)
    with pytest.raises(NoRoom) as refusal:
        queue.reserve(4)
    assert (refusal.value.cap, refusal.value.limit) == ("queue", 2)
    queue.release(3)
    queue.reserve(4)


def test_weights_share_turns_in_proportion() -> None:
    """Of 120 turns, weights 1, 2 and 3 get 20, 40 and 60."""
    turns: Turns[str] = Turns()
    weights = {"a": 1.0, "b": 2.0, "c": 3.0}
    for party in weights:
        turns.come(party)
    assert Counter(turns.take(weights) for _ in range(120)) == {"a": 20, "b": 40, "c": 60}


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(1, 4), st.sampled_from([None, 10, 20]), st.booleans()),
        st.just(("pop",)),
        st.tuples(st.just("remove"), st.integers(0, 30)),
        st.tuples(st.just("finish"), st.integers(0, 30)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(OPERATIONS)
def test_whatever_happens_every_job_starts_once_and_as_foretold(operations: list[tuple[object, ...]]) -> None:
    """Any mix of comings and goings: `order` foretells the starts, changes nothing, and nothing is lost."""
    queue = open_queue()
    pushed: dict[str, Ticket] = {}
    gone: list[str] = []
    for operation in operations:
        match operation:
            case ("push", int(owner), guild, bool(draft)):
                new = ticket(f"j{len(pushed)}", owner, guild if isinstance(guild, int) else None, draft=draft)
                pushed[new.job_id] = new
                queue.push(new)
            case ("pop",):
                foretold = queue.order()
                job = queue.pop()
                assert [job.job_id] == foretold[:1] if job else not foretold
                gone += [job.job_id] if job else []
            case ("remove", int(number)):
                gone += [f"j{number}"] if queue.remove(f"j{number}") else []
            case ("finish", int(number)):
                queue.finish(f"j{number}")
    foretold = queue.order()
    assert queue.order() == foretold
    assert [job.job_id for job in iter(queue.pop, None)] == foretold
    assert Counter([*gone, *foretold]) == Counter(list(pushed))
    for job_id in pushed:
        queue.finish(job_id)
    assert not queue._crowds
    assert not any(lane._people for lane in queue._lanes.values())


def test_caps_of_a_server() -> None:
    """They count only what is on that server: waiting, under way and being stored, of one and of all."""
    queue = FairQueue(queue_limit=100, per_person=100)
    caps = {"per_person": 2, "per_server": 4}
    for number, (owner_id, guild_id) in enumerate([(1, 7), (1, 8), (1, 8), (1, 8), (2, 7)]):
        queue.push(Ticket(job_id=str(number), owner_id=owner_id, guild_id=guild_id))
    while queue.pop():
        pass
    queue.reserve(1, 7, **caps)
    with pytest.raises(NoRoom) as own:
        queue.reserve(1, 7, **caps)
    assert (own.value.cap, own.value.limit) == ("person", 2)
    queue.reserve(3, 7, **caps)
    with pytest.raises(NoRoom) as all_of_them:
        queue.reserve(4, 7, **caps)
    assert (all_of_them.value.cap, all_of_them.value.limit) == ("server", 4)
    queue.reserve(4, 9, **caps)
    queue.release(3, 7)
    queue.reserve(4, 7, **caps)


def test_no_server_raises_the_cap_of_a_person() -> None:
    """What one person may have in all holds on every server."""
    queue = FairQueue(queue_limit=100, per_person=1)
    queue.reserve(1, 7, per_person=50)
    with pytest.raises(NoRoom) as caught:
        queue.reserve(1, 8, per_person=50)
    assert caught.value.limit == 1
