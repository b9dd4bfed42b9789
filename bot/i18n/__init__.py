"""What the bot says, in every language: `Words` finds a sentence by its key.

Private text speaks the language of the person's Discord, public text that of the server.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from nst_core.errors import SENTENCES, UserError, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LANGUAGES: Final = ("en", "ja")
DEFAULT_LANGUAGE: Final = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """One language: its texts by dotted key, and the sentences of its refusals by code."""

    language: str
    texts: Mapping[str, str]
    refusals: dict[str, str]

    def say(self, key: str, **values: object) -> str:
        """Return the text of this key with its placeholders filled in.

        Raises:
            KeyError: no such text, or a placeholder without a value.
        """
        return self.texts[key].format(**values)

    def refuse(self, error: UserError) -> str:
        """Put a refusal into this language."""
        values = {name: self.name("value", str(value)) for name, value in error.values.items()}
        return say(self.refusals, error.code, dict(values))

    def name(self, kind: str, word: str) -> str:
        """Return what a mode, a loss or a kind of file is called, or the bare word if it has no name."""
        return self.texts.get(f"{kind}.{word}", word)


def language_of(locale: object) -> str:
    """Return the language for one of Discord's locales ("ja", "en-GB", …); None is English."""
    spoken = str(locale).partition("-")[0]
    return spoken if spoken in LANGUAGES else DEFAULT_LANGUAGE


@functools.cache
def words_in(language: str) -> Words:
    """Read a language file; each is read once."""
    file = resources.files(__name__).joinpath(f"{language}.toml")
    texts = dict(_flatten(tomllib.loads(file.read_text(encoding="utf-8"))))
    refusals = {key.removeprefix("error."): text for key, text in texts.items() if key.startswith("error.")}
    return Words(language, texts, refusals or SENTENCES)


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
