"""Bookkeeping of nodes, without any network."""

from __future__ import annotations

from bot.pool.base import Slot
from bot.pool.fleet import FORGET_S, TWIN_S, Fleet
from bot.pool.report import Build, Report

BUILD = Build(protocol=1, code="c0de", extractor="vgg16")


def report(boot: str = "b1", *, state: str = "ready", gone: bool = False, draining: bool = False) -> Report:
    """Return the report of a node with one slot."""
    slot = Slot(name="cpu", device_name="a fake", state=state)  # type: ignore[arg-type]
    return Report(boot=boot, build=BUILD, slots=(slot,), gone=gone, draining=draining)


def fleet_of(name: str = "attic", *, now: float = 0.0) -> Fleet:
    """Return a fleet with one admitted node."""
    fleet = Fleet(BUILD, lost_after_s=6.0)
    assert fleet.hear(name, report(), now) == ""
    fleet.node(name).admitted = True  # type: ignore[union-attr]
    return fleet


def state_of(fleet: Fleet, *, connected: bool = True, busy: dict[str, str] | None = None) -> str:
    """Return the state of the one slot."""
    (slot,) = fleet.slots(busy or {}, connected=connected)
    return slot.state


def test_a_slot_has_its_nodes_name() -> None:
    """A slot is named after its node and belongs to it."""
    (slot,) = fleet_of().slots({}, connected=True)
    assert (slot.name, slot.node, slot.state) == ("attic/cpu", "attic", "ready")


def test_only_a_node_that_listens_gets_jobs() -> None:
    """Before its queue is there, while it drains, and without a server, its ready slot is not."""
    fleet = fleet_of()
    assert state_of(fleet, connected=False) == "restarting"
    fleet.hear("attic", report(draining=True), 1)
    assert state_of(fleet) == "restarting"
    unadmitted = Fleet(BUILD, lost_after_s=6.0)
    unadmitted.hear("attic", report(), 0)
    assert state_of(unadmitted) == "restarting"


def test_what_the_bot_sent_counts_before_the_node_says_so() -> None:
    """A slot is busy from the dispatch on, and after the end not ready before the node says so anew."""
    fleet = fleet_of()
    assert state_of(fleet, busy={"attic/cpu": "j1"}) == "busy"
    fleet.outdate("attic/cpu")
    assert state_of(fleet) == "restarting"
    fleet.hear("attic", report(), 1)
    assert state_of(fleet) == "ready"


def test_silence() -> None:
    """A node that is silent for too long is lost, comes back when it speaks, and else is forgotten."""
    fleet = fleet_of()
    assert fleet.lose_silent(5.9) == []
    assert fleet.lose_silent(6.1) == ["attic"]
    assert fleet.lose_silent(6.2) == []
    assert state_of(fleet) == "set_aside"
    fleet.hear("attic", report(), 7)
    assert state_of(fleet) == "ready"
    fleet.lose_silent(100)
    fleet.lose_silent(7 + FORGET_S)
    assert fleet.slots({}, connected=True) == []


def test_pardon() -> None:
    """Nobody is lost for a silence in which there was no server."""
    fleet = fleet_of()
    fleet.pardon(100)
    assert fleet.lose_silent(105) == []
    assert fleet.lose_silent(107) == ["attic"]


def test_gone() -> None:
    """A node that says goodbye is lost at once."""
    fleet = fleet_of()
    fleet.hear("attic", report(gone=True), 1)
    assert state_of(fleet) == "set_aside"


def test_restart() -> None:
    """A node that comes back as another process is a new one, once the old one has been silent."""
    fleet = fleet_of()
    assert fleet.hear("attic", report("b2"), 1) == ""
    assert fleet.node("attic").report.boot == "b1"  # type: ignore[union-attr]
    assert fleet.hear("attic", report("b2"), TWIN_S) == ""
    assert fleet.node("attic").report.boot == "b2"  # type: ignore[union-attr]


def test_twins() -> None:
    """Of two processes under one name the later has to go, as soon as the earlier has spoken again."""
    fleet = fleet_of()
    assert fleet.hear("attic", report("b2"), 0.5) == ""
    assert fleet.hear("attic", report("b1"), 1.0) == ""
    assert "start this one with another --name" in fleet.hear("attic", report("b2"), 1.5)
    assert fleet.hear("attic", report("b1"), 2.0) == ""
    assert fleet.node("attic").report.boot == "b1"  # type: ignore[union-attr]
