"""Who says what where in the cluster: subjects, streams, and what each node may do.

Every subject names the node it belongs to, so that a node's permissions follow from its name alone: it
takes its own jobs, reads its own pictures and speaks for itself, and sees nothing of its neighbours.

=============================================  ===============  ==========================================
subject                                        kept in stream   holds
=============================================  ===============  ==========================================
`gafuu.to.<node>.job.<job>.<attempt>`          GAFUU_JOBS       a request; gone once the node acknowledges it
`gafuu.to.<node>.chunk.<job>.<attempt>.<n>`    GAFUU_IN         a piece of a large request
`gafuu.to.<node>.say`, `gafuu.to.all`          (not kept)       stop, refusal; "who is there?"
`gafuu.from.<node>.status`                     (not kept)       the node's heartbeat: its slots, its attempts
`gafuu.from.<node>.progress.<job>.<attempt>`   GAFUU_NEWS       the newest step, in memory
`gafuu.from.<node>.end.<job>.<attempt>`        GAFUU_ENDS       how the attempt ended
`gafuu.result.<node>.<job>.<attempt>.<n>`      GAFUU_OUT        a piece of a large result
=============================================  ===============  ==========================================
"""

from __future__ import annotations

import re
from typing import Final

JOBS: Final = "GAFUU_JOBS"
IN: Final = "GAFUU_IN"
NEWS: Final = "GAFUU_NEWS"
ENDS: Final = "GAFUU_ENDS"
OUT: Final = "GAFUU_OUT"

BOT: Final = "bot"
"""The bot's user name; no node may have it."""
ALL: Final = "gafuu.to.all"
EVERY_NODE: Final = "gafuu.from.*.>"
NODE_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

Key = tuple[str, int]
"""A job's id and the number of the attempt: what tells a late word from a timely one."""


def node_name(text: str) -> str:
    """Return a machine's name as it may stand in a subject: lower case, digits and hyphens.

    Raises:
        ValueError: nothing of it can.
    """
    name = re.sub(r"[^a-z0-9]+", "-", text.partition(".")[0].lower())[:32].strip("-")
    if not NODE_NAME.fullmatch(name) or name == BOT:
        raise ValueError(f"this cannot be a node's name: use letters, digits and hyphens, and not “{BOT}”")
    return name


def to_node(node: str, what: str, key: Key | None = None) -> str:
    """Return a subject on which the bot speaks to a node; `what` is job, chunk or say."""
    return _subject("to", node, what, key)


def from_node(node: str, what: str, key: Key | None = None) -> str:
    """Return a subject on which a node speaks; `what` is status, progress or end."""
    return _subject("from", node, what, key)


def result_chunks(node: str, key: Key) -> str:
    """Return the subject of a result's chunks, without their numbers.

    The bot fetches them; were they among what it listens to, every picture would come twice.
    """
    return _subject("result", node, key[0], (key[1],))


def read_subject(subject: str) -> tuple[str, str, Key | None]:
    """Return the node, what is said, and which attempt it is about.

    Raises:
        ValueError: it is no subject of ours.
    """
    match subject.split("."):
        case ["gafuu", "to" | "from", node, what]:
            return node, what, None
        case ["gafuu", "to" | "from", node, what, job_id, attempt] if attempt.isdecimal():
            return node, what, (job_id, int(attempt))
    raise ValueError(f"not a subject of ours: {subject}")


def inbox(user: str) -> str:
    """Return where answers to a user arrive: each has their own, so that nobody reads another's."""
    return f"_INBOX_{user}"


def node_permissions(node: str) -> tuple[list[str], list[str]]:
    """Return what a node may publish and subscribe to."""
    publish = [
        f"gafuu.from.{node}.>",
        f"gafuu.result.{node}.>",
        f"$JS.API.CONSUMER.MSG.NEXT.{JOBS}.{node}",
        f"$JS.API.DIRECT.GET.{IN}.gafuu.to.{node}.chunk.>",
        f"$JS.ACK.{JOBS}.{node}.>",
    ]
    return publish, [ALL, f"gafuu.to.{node}.say", f"{inbox(node)}.>"]


def bot_permissions() -> tuple[list[str], list[str]]:
    """Return what the bot may publish and subscribe to."""
    return ["gafuu.to.>", "$JS.API.>"], ["gafuu.from.>", f"{inbox(BOT)}.>"]


def _subject(direction: str, node: str, what: str, key: tuple[str | int, ...] | None) -> str:
    words = (what, *(key or ()))
    if not all(_WORD.fullmatch(str(word)) for word in words):
        raise ValueError(f"“{words}” cannot stand in a subject")
    return ".".join(map(str, ("gafuu", direction, node, *words)))
