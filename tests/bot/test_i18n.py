from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import discord
import pytest
from discord import app_commands

from bot.commands.sharing import sharing_commands
from bot.commands.stylize import stylize_command
from bot.i18n import LANGUAGES, Words, language_of, words_in
from bot.i18n.translator import CommandTranslator, spoken
from nst_core import curve, formats
from nst_core.errors import SENTENCES, BadImage, BadParameter
from nst_core.protocol import AVAILABLE_MODES

BOT = Path(__file__).parents[2] / "bot"
ONLY_TRANSLATED = ("error.", "value.")
"""English has these in nst_core/errors.py, or needs no other word for them."""
LETTERS_OF_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
NO_WORDS = {"card.loss", "list.sentences", "list.comma", "style.preset", "button.star", "styles.about"}
NO_WORDS |= {"history.line", "history.option"}
GROUPS = {"mode", "mode_name", "loss", "permission", "option.stylize", "button", "help", "history_state"}
GROUPS |= {"setting", "setting_none", "setting_language", "setting_remix", "setting_spoiler"}
GROUPS |= {"settings_page", "form", "kept"}
"""Texts that are asked for by a word that is put together."""
POLITE = re.compile(r"(です|ます|ました|でした|ません|ください|ましょうか|ですか？|さい)[。？」）]?$")


def shared_texts(language: str) -> dict[str, str]:
    """Return the texts that every language file has to have."""
    texts = words_in(language).texts
    return {key: text for key, text in texts.items() if not key.startswith(ONLY_TRANSLATED)}


def placeholders(text: str) -> set[str]:
    """Return the names of what is to be filled in."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def used_keys() -> set[str]:
    """Return every key that stands as a plain string in a call of `say`, `spoken` or `_about`."""
    keys = set()
    for path in BOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in {
                "say",
                "spoken",
                "_about",
            }:
                constants = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                keys |= {value for value in constants if isinstance(value, str)}
    return keys


def most_letters(key: str) -> int:
    """Return how long Discord lets a text be."""
    buttons = {
        "kept.paint",
        "kept.choose",
        "styles.use",
        "styles.back",
        "styles.on",
        "styles.add",
        "styles.remove",
    }
    if key.startswith("button.") or key in buttons:
        return 80
    if key.startswith("menu."):
        return 32
    if key.startswith("form."):
        long = ("_hint", "_placeholder", "_least", "_middle", "_most")
        return 100 if key.endswith(long) else 45
    if key in {"own.form_title", "own.removal_title"}:
        return 45
    return 100 if key.startswith(("command.", "option.", "mode.")) else 2000


@pytest.fixture(params=LANGUAGES)
def words(request: pytest.FixtureRequest) -> Words:
    """Each language, one after another."""
    return words_in(request.param)


def test_languages_have_the_same_keys_and_placeholders() -> None:
    """A text that one language has, every language has, with the same things to fill in."""
    english, japanese = shared_texts("en"), shared_texts("ja")
    assert english.keys() == japanese.keys()
    differing = [key for key in english if placeholders(english[key]) != placeholders(japanese[key])]
    assert differing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_losses_have_one_name(language: str) -> None:
    """The card and the curve call each term the same."""
    on_card = {key for key in words_in(language).texts if key.startswith("loss.")}
    for key in on_card:
        assert words_in(language).texts[key] == curve.WORDS[language][key.removeprefix("loss.")]


def test_every_refusal_is_translated() -> None:
    """Japanese has a sentence for each code of `SENTENCES`, with the same things to fill in."""
    japanese = words_in("ja").refusals
    assert japanese.keys() == SENTENCES.keys()
    differing = [code for code in SENTENCES if placeholders(SENTENCES[code]) != placeholders(japanese[code])]
    assert differing == []


def test_texts_that_the_code_asks_for_exist(words: Words) -> None:
    """No text is asked for that the language file lacks."""
    keys = used_keys()
    assert len(keys) > 30
    assert keys - words.texts.keys() == set()


def test_no_text_is_left_over() -> None:
    """Every text of the language file is used: by its whole key, or by the part before the last dot."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in BOT.rglob("*.py"))
    commands = {f"command.{command.name}" for command in (stylize_command(), *sharing_commands())}
    unused = [
        key
        for key in shared_texts("en")
        if f'"{key}"' not in source and key.rpartition(".")[0] not in GROUPS | commands
    ]
    assert unused == []


def test_texts_fit_into_discord(words: Words) -> None:
    """Descriptions and choices have at most 100 characters, labels of buttons 80, of forms 45, menus 32."""
    for key, text in words.texts.items():
        assert 0 < len(text) <= most_letters(key) or key == "list.sentences", key


def test_modes_have_names(words: Words) -> None:
    """Every mode that can be chosen is called something, in the list and on the result."""
    for mode in AVAILABLE_MODES:
        assert words.texts[f"mode.{mode}"]
        assert words.name("mode_name", mode) == words.texts[f"mode_name.{mode}"]


def test_japanese_is_japanese() -> None:
    """No text was left in English."""
    texts = words_in("ja").texts
    assert {key for key, text in texts.items() if not LETTERS_OF_JAPANESE.search(text)} == NO_WORDS


def test_japanese_refusals_are_polite() -> None:
    """Every refusal ends in です, ます or ください, and so asks rather than orders."""
    sentences = {
        code: text
        for code, text in words_in("ja").refusals.items()
        if not code.startswith("role_") and not text.endswith(("{hint}", "{choices}"))
    }
    assert [code for code, text in sentences.items() if not POLITE.search(text)] == []


def test_refusal_in_japanese_has_no_english_word_in_it() -> None:
    """What nst_core says about a file's kind or a hint is put into Japanese with the sentence."""
    words = words_in("ja")
    drawing = words.refuse(BadImage("image_is_document", role="style", kind="an SVG drawing"))
    assert drawing.startswith("スタイル画像は SVG の図で")
    unknown = words.refuse(
        BadParameter("preset_unknown", preset="wave", hint="hint_closest", closest="great_wave")
    )
    assert unknown == "「wave」という絵は見つかりません。「great_wave」のことですか？"


KINDS = (
    *(name for _, name in formats._FOREIGN_SIGNATURES),
    *(name for _, name in formats._SIGNATURES),
    *("WebP", "AVIF", "HEIC", "BMP", "video", "picture", formats.DEEP_JPEG),
    *("a PDF document", "a PostScript drawing", "an SVG drawing"),
)
NAMES_OF_FORMATS = {
    "JPEG XL",
    "JPEG 2000",
    "Photoshop",
    "ICO",
    "JPEG",
    "PNG",
    "GIF",
    "TIFF",
    "WebP",
    "AVIF",
} | {
    *("HEIC", "BMP"),
}


@pytest.mark.parametrize("kind", sorted(set(KINDS)))
def test_kinds_of_files_have_japanese_names(kind: str) -> None:
    """Whatever nst_core calls a file is the name of a format, which is the same everywhere, or translated."""
    sentence = words_in("ja").refuse(BadImage("image_unsupported", role="style", kind=kind))
    assert (kind in sentence) == (kind in NAMES_OF_FORMATS)


def test_refusal_in_english_is_that_of_the_error_itself() -> None:
    """`nst` and the bot say the same sentence."""
    error = BadParameter("out_of_range", name="strength", value="101", least=0, most=100)
    assert words_in("en").refuse(error) == str(error)


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        (discord.Locale.japanese, "ja"),
        (discord.Locale.british_english, "en"),
        ("en-US", "en"),
        (discord.Locale.french, "en"),
        (None, "en"),
    ],
)
def test_language_of_a_locale(locale: object, language: str) -> None:
    """Japanese is spoken to Japanese Discords, English to all others."""
    assert language_of(locale) == language


async def test_descriptions_are_translated_and_names_are_not() -> None:
    """Discord gets descriptions in both kinds of English and in Japanese; commands keep their names."""
    translator = CommandTranslator()
    text = spoken("command.stylize.description")
    context = app_commands.TranslationContext(
        location=app_commands.TranslationContextLocation.command_description, data=None
    )
    assert text.message == words_in("en").say("command.stylize.description")
    translated = {
        locale: await translator.translate(text, locale, context)
        for locale in (discord.Locale.japanese, discord.Locale.american_english, discord.Locale.german)
    }
    assert translated[discord.Locale.japanese] == words_in("ja").say("command.stylize.description")
    assert translated[discord.Locale.american_english] == text.message
    assert translated[discord.Locale.german] is None
    name = app_commands.locale_str("stylize")
    assert await translator.translate(name, discord.Locale.japanese, context) is None
