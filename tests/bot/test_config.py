from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.config import Settings, load
from nst_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
SECTIONS = Settings().model_dump(exclude={"token", "nats_token"})


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """`written("[log]")` is a configuration file with that text."""

    def write(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_example_is_every_default() -> None:
    """The example names each key that there is, with the value it has when it is left out."""
    assert tomllib.loads(EXAMPLE.read_text(encoding="utf-8")) == SECTIONS
    assert load(EXAMPLE, {}) == load(None, {})


@pytest.mark.parametrize(
    ("section", "key"), [(section, key) for section, keys in SECTIONS.items() for key in keys]
)
def test_every_key_of_the_example_is_explained(section: str, key: str) -> None:
    """A comment stands above each key: what it does, in which unit, within which range."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    start = lines.index(f"[{section}]")
    place = next(at for at in range(start, len(lines)) if lines[at].startswith(f"{key} = "))
    assert lines[place - 1].startswith("# ")


def test_ranges_of_the_example_are_those_that_are_checked(written: Callable[[str], Path]) -> None:
    """The extremes that the comments name are accepted, and what lies beyond them is not."""
    load(written("[discord]\nedit_every_s = 60\n[limits]\nupload_mib = 100\nmegapixels = 200"), {})
    for text in ("[discord]\nedit_every_s = 0.5", "[limits]\nupload_mib = 101", "[style]\nlong_side_px = 63"):
        with pytest.raises(ConfigError):
            load(written(text), {})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[discord]\nedit_every = 3", "discord.edit_every"),
        ("[limits]\nqueue = 0", "limits.queue"),
        ("[workers]\nbackend = 'cloud'", "workers.backend"),
        ("[colours]", "colours"),
        ("[style\n", "not TOML"),
        ("token = 'abc'", "DISCORD_TOKEN"),
    ],
)
def test_mistakes_name_file_and_key(text: str, names: str, written: Callable[[str], Path]) -> None:
    """One line says where the mistake is."""
    path = written(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    message = str(caught.value)
    assert str(path) in message
    assert names in message
    assert "\n" not in message


def test_missing_file_says_what_to_copy(tmp_path: Path) -> None:
    """A first start without a configuration tells how to get one."""
    with pytest.raises(ConfigError, match=r"config\.example\.toml"):
        load(tmp_path / "config.toml", {})


def test_token_comes_from_the_environment_and_hides() -> None:
    """The token is read from DISCORD_TOKEN and does not show when settings are printed."""
    settings = load(None, {"DISCORD_TOKEN": " a-secret \n"})
    assert settings.token is not None
    assert settings.token.get_secret_value() == "a-secret"
    assert "a-secret" not in repr(settings)
    assert load(None, {"DISCORD_TOKEN": "  "}).token is None


def test_value_of_a_wrong_key_is_not_shown(written: Callable[[str], Path]) -> None:
    """A secret in the wrong place does not end up in a log."""
    with pytest.raises(ConfigError) as caught:
        load(written("[discord]\ntoken = 'a-secret'"), {})
    assert "a-secret" not in str(caught.value)
