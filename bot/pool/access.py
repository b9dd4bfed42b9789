"""`python -m bot.pool.access`: who may speak to the NATS server, and what each may do there.

It writes the file `users.conf` that the server's configuration includes. A token is shown once, when it
is made. The server takes changes over when it is told to: `nats-server --signal reload`.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bot.pool import subjects

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER: Final = (
    "# Written by `python -m bot.pool.access`. It holds secrets: nobody but the server may read it.\n"
)
KEY: Final = "users: "
TOKEN_BYTES: Final = 32
EXIT_USAGE: Final = 2

User = dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Add, rotate, remove or list; return the exit status."""
    options = parser().parse_args(argv)
    try:
        print(COMMANDS[options.command](options.file, options.name))  # noqa: T201 - a command line
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_USAGE
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    whole = argparse.ArgumentParser(
        prog="python -m bot.pool.access", description="Tokens and permissions of bot and nodes."
    )
    whole.add_argument("command", choices=COMMANDS, metavar="|".join(COMMANDS))
    whole.add_argument("name", nargs="?", default="", help=f"“{subjects.BOT}”, or a node's name")
    whole.add_argument("--file", type=Path, default=Path("users.conf"), help="default: %(default)s")
    return whole


def add(path: Path, name: str) -> str:
    """Let somebody in; return their token.

    Raises:
        ValueError: the name cannot be one, or is taken.
    """
    users = read(path)
    if name != subjects.BOT and subjects.node_name(name) != name:
        raise ValueError(f"“{name}” cannot be a node's name: use lower case, digits and hyphens")
    if any(user["user"] == name for user in users):
        raise ValueError(f"“{name}” has a token already: rotate makes a new one")
    return _write_with_token(path, users, name)


def rotate(path: Path, name: str) -> str:
    """Replace somebody's token; return the new one.

    Raises:
        ValueError: nobody has that name.
    """
    return _write_with_token(path, _without(path, name), name)


def remove(path: Path, name: str) -> str:
    """Let somebody in no longer.

    Raises:
        ValueError: nobody has that name.
    """
    _write(path, _without(path, name))
    return f"{name} is no longer let in"


def names(path: Path, _: str) -> str:
    """Return who is let in, one a line."""
    return "\n".join(user["user"] for user in read(path))


COMMANDS: Final = {"add": add, "rotate": rotate, "remove": remove, "list": names}


def user_of(name: str, token: str) -> User:
    """Return a user as the server knows them."""
    if name == subjects.BOT:
        publish, subscribe = subjects.bot_permissions()
        permissions: User = {"publish": publish, "subscribe": subscribe}
    else:
        publish, subscribe = subjects.node_permissions(name)
        # Answers to what the bot says to the node: one each, and only for a while.
        permissions = {
            "publish": publish,
            "subscribe": subscribe,
            "allow_responses": {"max": 1, "expires": "1m"},
        }
    return {"user": name, "password": token, "permissions": permissions}


def read(path: Path) -> list[User]:
    """Return the users of a file; none if there is no file.

    Raises:
        ValueError: it is not ours.
    """
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8").removeprefix(HEADER)
    if not text.startswith(KEY):
        raise ValueError(f"{path} was not written by this program")
    users: list[User] = json.loads(text.removeprefix(KEY))
    return users


def _without(path: Path, name: str) -> list[User]:
    users = read(path)
    others = [user for user in users if user["user"] != name]
    if len(others) == len(users):
        raise ValueError(f"nobody is called “{name}”; there are: {names(path, '').replace(chr(10), ', ')}")
    return others


def _write_with_token(path: Path, others: list[User], name: str) -> str:
    token = secrets.token_hex(TOKEN_BYTES)
    _write(path, sorted([*others, user_of(name, token)], key=lambda user: str(user["user"])))
    return token


def _write(path: Path, users: list[User]) -> None:
    """Replace the file at once, so that a server that is just reading it never sees half of it."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - Path.open cannot set the mode
        file.write(HEADER + KEY + json.dumps(users, indent=2) + "\n")
    if path.exists() and hasattr(os, "chown"):  # keep it readable for the server's own user
        before = path.stat()
        os.chown(fresh, before.st_uid, before.st_gid)
        fresh.chmod(before.st_mode & 0o777)
    fresh.replace(path)


if __name__ == "__main__":
    sys.exit(main())
