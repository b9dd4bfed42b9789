"""The nodes that the bot knows of: pure bookkeeping, told what is heard and what time it is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bot.pool.report import BEAT_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bot.pool.base import Slot, SlotState
    from bot.pool.report import Build, Report

TWIN_S: Final = 3 * BEAT_S
"""So long must the first of two nodes with one name have been silent before the second one counts."""
FORGET_S: Final = 3600.0
"""So long a lost node is still shown."""
TWIN: Final = "another node already runs under the name “{node}”: start this one with another --name"


@dataclass(slots=True)
class Node:
    """One machine; times are seconds on the loop's clock."""

    name: str
    report: Report
    heard: float
    admitted: bool = False
    """Its consumer has been made: jobs sent to it arrive."""
    lost: bool = False
    objection: str = ""
    stale: set[str] = field(default_factory=set)
    """Slots about which the report is older than what the bot knows."""
    rival: tuple[str, float] | None = None
    """The boot of another node under this name, and when it first spoke."""

    def listens(self) -> bool:
        """Tell whether jobs may be sent to it."""
        return self.admitted and not self.lost and not self.objection and not self.report.draining


class Fleet:
    """Every node.

    Args:
        build: the bot's own, which a node must share.
        lost_after_s: so long may a node be silent.
    """

    def __init__(self, build: Build, *, lost_after_s: float) -> None:
        self._build = build
        self._lost_after_s = lost_after_s
        self._nodes: dict[str, Node] = {}

    def node(self, name: str) -> Node | None:
        """Return a node, or None."""
        return self._nodes.get(name)

    def hear(self, name: str, report: Report, now: float) -> str:
        """Take a report in; return why the node must go, or "" if it may stay."""
        node = self._nodes.get(name)
        if node is not None and node.report.boot != report.boot and not node.lost:
            if now - node.heard < TWIN_S:
                return self._weigh_rival(node, report.boot, now)
            node = None  # it was restarted
        if node is None or node.report.boot != report.boot:
            node = self._nodes[name] = Node(name, report, now)
            node.objection = self._build.objection(name, report.build)
        node.report, node.heard, node.lost = report, now, report.gone
        node.stale.clear()
        return node.objection

    def pardon(self, now: float) -> None:
        """Count nobody's silence from before now: the server was away, not they."""
        for node in self._nodes.values():
            node.heard = max(node.heard, now)

    def lose_silent(self, now: float) -> list[str]:
        """Give up nodes that have been silent for too long; return their names. Forget old losses."""
        silent = [
            node for node in self._nodes.values() if not node.lost and now - node.heard > self._lost_after_s
        ]
        for node in silent:
            node.lost = True
        self._nodes = {
            name: node for name, node in self._nodes.items() if not node.lost or now - node.heard < FORGET_S
        }
        return [node.name for node in silent]

    def outdate(self, slot: str) -> None:
        """Trust no report about a slot until the next one: something has just happened there."""
        node, _, name = slot.partition("/")
        if node in self._nodes:
            self._nodes[node].stale.add(name)

    def slots(self, busy: Mapping[str, str], *, connected: bool) -> list[Slot]:
        """Return every slot, named `<node>/<slot>`.

        Args:
            busy: jobs by the slots to which the bot has sent them.
            connected: whether there is a server just now.
        """
        return [_seen(node, slot, busy, connected=connected) for node in self for slot in node.report.slots]

    def __iter__(self) -> Iterator[Node]:
        """Go through the nodes by name."""
        return iter(sorted(self._nodes.values(), key=lambda node: node.name))

    def _weigh_rival(self, node: Node, boot: str, now: float) -> str:
        """Two processes under one name: whoever came later has to go, if the other still speaks."""
        if node.rival is None or node.rival[0] != boot:
            node.rival = (boot, now)
            return ""
        return TWIN.format(node=node.name) if node.heard > node.rival[1] else ""


def _seen(node: Node, slot: Slot, busy: Mapping[str, str], *, connected: bool) -> Slot:
    name = f"{node.name}/{slot.name}"
    state: SlotState = slot.state
    job_id = slot.job_id
    if node.lost or node.objection:
        state, job_id = "set_aside", None
    elif name in busy:
        state, job_id = "busy", busy[name]
    elif state == "ready" and (slot.name in node.stale or not connected or not node.listens()):
        state = "restarting"
    return dataclasses.replace(slot, name=name, node=node.name, state=state, job_id=job_id)
