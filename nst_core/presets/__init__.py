"""The paintings that can be picked by name: what they are, and their files. Standard library only.

Some come with the project; the others are downloaded at their first use and kept in a cache. What
each is stands in `presets.toml`, its licence word for word in the project's NOTICE.
"""

from __future__ import annotations

import functools
import hashlib
import tomllib
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nst_core.errors import BadParameter, Fault, closest
from nst_core.presets.download import WIKIMEDIA, Source, cached

FOLDER: Final = Path(__file__).parent
THUMBNAILS: Final = FOLDER / "thumbnails"
"""Small copies of the bundled paintings, by id; `tools/make_thumbnails.py` makes them."""
_MOST_SHOWN_LETTERS: Final = 80
_COMBINING_MARKS: Final = dict.fromkeys(range(0x300, 0x370))
_HIRAGANA_TO_KATAKANA: Final = {point: point + 0x60 for point in range(0x3041, 0x3097)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One painting. Either it is bundled (`file`, `sha256`) or it can be downloaded (`url`)."""

    id: str
    title: str
    title_ja: str
    artist: str
    artist_ja: str
    year: str
    """As museums give it: "1889", "c. 1831", "1907–08"."""
    died: str
    """The artist's year of death."""
    movement: str
    movement_ja: str
    licence: str
    """Of the file, in short."""
    source: str
    """Where the file is from: a package, or a page on Wikimedia Commons."""
    sha256: str | None = None
    file: str | None = None
    """Its name in this folder."""
    url: str | None = None
    """Wikimedia renders its copies anew now and then, so these have no fixed sha256."""

    def __post_init__(self) -> None:
        """Refuse an entry that has both a file and an address, or neither."""
        if (self.file is None) == (self.url is None) or (self.file is None) != (self.sha256 is None):
            raise ValueError(f"preset {self.id}: either file and sha256, or url")

    @property
    def bundled(self) -> bool:
        """Whether it comes with the project, and so works without a network."""
        return self.file is not None

    def title_in(self, language: str) -> str:
        """Return the title in "ja" or else in English."""
        return self.title_ja if language == "ja" else self.title

    def artist_in(self, language: str) -> str:
        """Return the artist's name in "ja" or else in Latin letters."""
        return self.artist_ja if language == "ja" else self.artist

    def year_in(self, language: str) -> str:
        """Return the year as it is said in "ja" or else in English."""
        if language != "ja":
            return self.year
        bare = self.year.removeprefix("c. ")
        decade = f"{bare[:-1]}年代" if bare.endswith("s") else f"{bare}年"
        return decade if bare == self.year else f"{decade}頃"

    def movement_in(self, language: str) -> str:
        """Return the movement in "ja" or else in English."""
        return self.movement_ja if language == "ja" else self.movement


def all_presets() -> dict[str, Preset]:
    """Return every preset by its id: first the bundled ones, the best known first."""
    return dict(_presets())


def find(name: str) -> Preset:
    """Return the preset of that id or title, in either language; case and accents do not matter.

    Raises:
        BadParameter: there is none; it names the closest id, if one is close.
    """
    presets = _presets()
    wanted = folded(name)
    for preset in presets.values():
        if wanted in {folded(known) for known in (preset.id, preset.title, *_titles_ja(preset))}:
            return preset
    shown = " ".join(name.split())[:_MOST_SHOWN_LETTERS]
    if near := _closest_id(name):
        raise BadParameter("preset_unknown", preset=shown, hint="hint_closest", closest=near)
    raise BadParameter("preset_unknown", preset=shown, hint="hint_list")


def search(text: str, language: str = "en", *, limit: int = 25) -> list[Preset]:
    """Return the presets that a half-typed text may mean, for a list to pick from.

    Args:
        text: words; each must occur in the id, or in title, artist or movement, in either language.
            Hiragana finds katakana. Nothing typed means all.
        language: a preset whose title in this language begins with the text comes earlier.
        limit: Discord shows at most 25.

    Returns:
        Bundled ones first, then in the order of `all_presets`.
    """
    words = [folded(word) for word in text.split()]
    found = [preset for preset in _presets().values() if all(word in _haystack(preset) for word in words)]
    start = folded(text)
    found.sort(
        key=lambda preset: (not preset.bundled, not folded(preset.title_in(language)).startswith(start))
    )
    return found[:limit]


def read(preset: Preset, *, cache: Path | None = None, source: Source = WIKIMEDIA) -> bytes:
    """Return a painting's file, a JPEG or PNG. It may block: the first use of some is a download.

    Args:
        preset: which one.
        cache: the folder that keeps downloads; by default the person's own cache.
        source: where a download may come from, and how long and large it may be.

    Raises:
        Unavailable: the download did not work, or brought something else.
        Fault: a bundled file is not the one that the project shipped.
    """
    if preset.file is None:
        return cached(preset.id, preset.title, preset.url or "", cache=cache, source=source)
    try:
        data = (FOLDER / preset.file).read_bytes()
    except OSError as error:
        raise Fault(f"the bundled painting {preset.file} cannot be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != preset.sha256:
        raise Fault(f"the bundled painting {preset.file} is not the one that was shipped")
    return data


@functools.lru_cache(maxsize=4096)  # what people type comes by here, too
def folded(text: str) -> str:
    """Return the letters and digits alone, as one finds them: no case, accent or kind of kana."""
    plain = unicodedata.normalize("NFKD", text).translate(_COMBINING_MARKS).casefold()
    whole = unicodedata.normalize("NFKC", plain).translate(_HIRAGANA_TO_KATAKANA)
    return "".join(letter for letter in whole if letter.isalnum())


def thumbnail(preset: Preset) -> bytes | None:
    """Return a bundled painting's small copy for lists, a JPEG; None for one that is downloaded.

    Raises:
        Fault: the file is missing.
    """
    if not preset.bundled:
        return None
    try:
        return (THUMBNAILS / f"{preset.id}.jpg").read_bytes()
    except OSError as error:
        raise Fault(f"the thumbnail of {preset.id} cannot be read: {error}") from error


@functools.cache
def _presets() -> dict[str, Preset]:
    entries = tomllib.loads((FOLDER / "presets.toml").read_text(encoding="utf-8"))
    return {preset_id: Preset(id=preset_id, **entry) for preset_id, entry in entries.items()}


@functools.cache
def _haystack(preset: Preset) -> str:
    fields = (preset.id, preset.title, preset.title_ja, preset.artist, preset.artist_ja)
    return "\n".join(map(folded, (*fields, preset.movement, preset.movement_ja)))


def _titles_ja(preset: Preset) -> tuple[str, str]:
    """Return the Japanese title with and without its series: 神奈川沖浪裏（冨嶽三十六景）."""
    return preset.title_ja, preset.title_ja.partition("（")[0]


def _closest_id(name: str) -> str:
    known = {
        folded(title): preset.id for preset in _presets().values() for title in (preset.id, preset.title)
    }
    return known.get(closest(folded(name), known), "")
