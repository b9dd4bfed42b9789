"""The store's tables: numbered migrations, and rows to records and back."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Final

from bot.jobs.disk import StoreDamaged
from bot.jobs.model import JobRecord
from nst_core.errors import UserError
from nst_core.protocol import Failure, StyleParams

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from bot.jobs.model import JobOrder

MENUS: Final = """
    CREATE TABLE kept_pictures (
        person_id INTEGER NOT NULL,
        half TEXT NOT NULL CHECK (half IN ('content', 'style')),
        hash TEXT NOT NULL,
        until REAL NOT NULL,
        PRIMARY KEY (person_id, half)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE own_presets (
        guild_id INTEGER NOT NULL,
        title TEXT NOT NULL,
        artist TEXT NOT NULL,
        licence TEXT NOT NULL,
        hash TEXT NOT NULL,
        thumbnail TEXT,
        added_by INTEGER NOT NULL,
        added_at REAL NOT NULL,
        PRIMARY KEY (guild_id, title)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE fetching_cards (
        message_id INTEGER PRIMARY KEY,
        channel_id INTEGER NOT NULL,
        guild_id INTEGER,
        language TEXT NOT NULL
    ) STRICT;
"""
"""What people keep for their next picture, paintings of servers' own, cards without a job yet."""

SHARING: Final = """
    ALTER TABLE jobs ADD COLUMN age_restricted INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN spoiler INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN guest INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX jobs_by_channel ON jobs (channel_id, id);
    CREATE TABLE servers (guild_id INTEGER PRIMARY KEY, settings TEXT NOT NULL) STRICT;
    CREATE TABLE gallery (
        job_id TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
        guild_id INTEGER NOT NULL,
        channel_id INTEGER NOT NULL,
        message_id INTEGER NOT NULL,
        down INTEGER NOT NULL DEFAULT 0,
        hung_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX gallery_by_guild ON gallery (guild_id, hung_at);
    CREATE TABLE stars (
        job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        person_id INTEGER NOT NULL,
        PRIMARY KEY (job_id, person_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE parties (
        thread_id INTEGER PRIMARY KEY,
        guild_id INTEGER NOT NULL,
        channel_id INTEGER NOT NULL,
        host_id INTEGER NOT NULL,
        preset TEXT NOT NULL,
        language TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'closing', 'voting', 'over')),
        ends_at REAL NOT NULL,
        vote_s REAL NOT NULL,
        vote_ends_at REAL,
        vote_message_id INTEGER,
        entries TEXT NOT NULL DEFAULT '[]'
    ) STRICT;
"""
"""Settings of servers, stars, parties, and where a picture may be shown."""

MIGRATIONS: Final = (
    # A parent may be forgotten before its children, so parent_id is no foreign key.
    """
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        state TEXT NOT NULL
            CHECK (state IN ('queued', 'running', 'delivering', 'done', 'failed', 'cancelled')),
        attempt INTEGER NOT NULL DEFAULT 0,
        deaths INTEGER NOT NULL DEFAULT 0,
        shrinks INTEGER NOT NULL DEFAULT 0,
        owner_id INTEGER NOT NULL,
        guild_id INTEGER,
        channel_id INTEGER NOT NULL,
        params TEXT NOT NULL,
        presets TEXT NOT NULL,
        weights TEXT NOT NULL,
        locale TEXT NOT NULL,
        public_locale TEXT NOT NULL,
        private INTEGER NOT NULL,
        parent_id TEXT,
        max_bytes INTEGER NOT NULL,
        card_message_id INTEGER,
        result_message_id INTEGER,
        created_at REAL NOT NULL,
        started_at REAL,
        finished_at REAL,
        failure TEXT,
        result TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX jobs_by_owner ON jobs (owner_id, id);
    CREATE INDEX jobs_unfinished ON jobs (id) WHERE state IN ('queued', 'running', 'delivering');
    CREATE TABLE job_blobs (
        job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        role TEXT NOT NULL,
        place INTEGER NOT NULL,
        hash TEXT NOT NULL,
        PRIMARY KEY (job_id, role, place)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    """,
    MENUS,
    SHARING,
)

REFERRED_BLOBS: Final = """
    SELECT hash FROM job_blobs
    UNION SELECT hash FROM kept_pictures
    UNION SELECT hash FROM own_presets
    UNION SELECT thumbnail FROM own_presets WHERE thumbnail IS NOT NULL
"""
"""Every picture that is still needed, whoever needs it: the sweeper removes all others."""

SELECT_JOBS: Final = """
    SELECT *,
        (SELECT hash FROM job_blobs WHERE job_id = id AND role = 'content') AS content_blob,
        (SELECT json_group_array(hash) FROM
            (SELECT hash FROM job_blobs WHERE job_id = id AND role = 'style' ORDER BY place)) AS style_blobs
    FROM jobs
"""

FORGET_INPUTS: Final = (
    """
    DELETE FROM job_blobs
    WHERE role IN ('content', 'style', 'content_view', 'style_view', 'timelapse') AND job_id IN
        (SELECT id FROM jobs WHERE state IN ('done', 'failed', 'cancelled') AND finished_at < ?)
    """,
)
"""What takes away the pictures that people sent, and timelapses, which begin with one."""
FORGET_RESULTS: Final = (
    """
    DELETE FROM job_blobs WHERE role IN ('image', 'curve') AND job_id IN
        (SELECT id FROM jobs WHERE state IN ('done', 'failed', 'cancelled') AND finished_at < ?)
        AND (role = 'curve' OR job_id NOT IN (SELECT job_id FROM gallery WHERE NOT down))
    """,
    """
    UPDATE jobs SET result = NULL
    WHERE state IN ('done', 'failed', 'cancelled') AND finished_at < ?
        AND id NOT IN (SELECT job_id FROM gallery WHERE NOT down)
    """,
)
"""The same for what was painted, but for what hangs in a gallery."""

_JSON: Final = frozenset({"params", "presets", "weights", "failure"})
_FLAGS: Final = ("private", "age_restricted", "spoiler", "guest")
_ELSEWHERE: Final = frozenset({"content_blob", "style_blobs"})
"""Fields of a record that are kept in `job_blobs`."""


def new_record(job_id: str, order: JobOrder, blobs: tuple[str, ...], now: float) -> JobRecord:
    """Return the record of a job nobody has begun; `blobs` are the content's and each style's."""
    content_blob, *style_blobs = blobs
    return JobRecord(
        id=job_id,
        state="queued",
        attempt=0,
        owner_id=order.owner_id,
        guild_id=order.guild_id,
        channel_id=order.channel_id,
        params=order.params,
        presets=tuple(style.preset for style in order.styles),
        weights=tuple(style.weight for style in order.styles),
        locale=order.locale,
        public_locale=order.public_locale,
        private=order.private,
        parent_id=order.parent_id,
        max_bytes=order.max_bytes,
        content_blob=content_blob,
        style_blobs=tuple(style_blobs),
        card_message_id=order.card_message_id,
        result_message_id=None,
        created_at=now,
        started_at=None,
        finished_at=None,
        age_restricted=order.age_restricted,
        spoiler=order.spoiler,
        guest=order.guest,
    )


def columns(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of a record as the values of its row's columns."""
    return {
        name: json.dumps(_plain(value), ensure_ascii=False) if name in _JSON and value is not None else value
        for name, value in fields.items()
        if name not in _ELSEWHERE
    }


def row_of(record: JobRecord) -> dict[str, Any]:
    """Return a record's row, without what is kept in `job_blobs`."""
    return columns({field.name: getattr(record, field.name) for field in dataclasses.fields(record)})


def record_of(row: sqlite3.Row) -> JobRecord:
    """Return the record of a row of `SELECT_JOBS`.

    Raises:
        StoreDamaged: the row makes no sense.
    """
    try:
        return JobRecord(**_fields(row))
    except (ValueError, TypeError, LookupError, UserError) as error:
        raise StoreDamaged(f"job {row['id']} cannot be read: {error!r}") from error


def _fields(row: sqlite3.Row) -> dict[str, Any]:
    fields = {name: row[name] for name in row.keys() if name != "result"}  # noqa: SIM118 - a Row is no dict
    return fields | {
        **{flag: bool(fields[flag]) for flag in _FLAGS},
        "params": StyleParams(**json.loads(fields["params"])),
        "presets": tuple(json.loads(fields["presets"])),
        "weights": tuple(json.loads(fields["weights"])),
        "failure": _failure(fields["failure"]) if fields["failure"] else None,
        "content_blob": fields["content_blob"] or "",
        "style_blobs": tuple(json.loads(fields["style_blobs"])),
    }


def _failure(text: str) -> Failure:
    fields = json.loads(text)
    try:
        return Failure(**fields)
    except (LookupError, TypeError):  # a sentence of an older version, which this one no longer knows
        return Failure(job_id=fields["job_id"], attempt=fields["attempt"], kind="fault", message=text)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    is_record = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return dataclasses.asdict(value) if is_record else value
