"""A person in front of the rehearsal: a real browser, the real bot, real workers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.async_api import expect

from bot import rehearse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from playwright.async_api import Browser, Locator, Page, Request

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PAINTED_WITHIN_MS: Final = 150_000
"""It takes seconds, but the machine may be busy with everything else."""
PHOTOS: Final = rehearse.PHOTOS
CONTENT_SIZE: Final = (120, 80)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a rehearsal's page, started and ended as a person does it."""
    log = tmp_path_factory.mktemp("rehearsal") / "stderr.txt"
    command = [sys.executable, "-m", "bot", "rehearse", "--port", "0", "--no-browser"]
    with log.open("wb") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    with process:
        lines = iter(process.stdout or ())
        yield next(found[0] for line in lines if (found := re.search(r"http://\S+", line)))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0, log.read_text()
    assert "Traceback" not in log.read_text()


@dataclass(frozen=True, slots=True)
class PostedFile:
    """A file of a message, fetched through the page."""

    name: str
    data: bytes

    @property
    def image(self) -> Image.Image:
        """The picture in it."""
        return Image.open(io.BytesIO(self.data))


class Desk:
    """The page as a person uses it.

    Args:
        page: open in a browser.
        shots: where pictures of the page go, to be looked at.
    """

    def __init__(self, page: Page, shots: Path) -> None:
        self.page = page
        self._shots = shots
        self._headers: dict[str, str] = {}
        page.on("request", self._remember_pass)

    async def sit_down(self, address: str) -> None:
        """Open the page and read the welcome."""
        await self.page.goto(address)
        await expect(self.messages.filter(has_text="a form asks for a photo")).to_be_visible(timeout=30_000)

    @property
    def messages(self) -> Locator:
        """The messages, oldest first."""
        return self.page.locator(".channel-message")

    async def stylize(
        self, *, content: Path, style: Path | None = None, preset: str | None = None, size: int | None = None
    ) -> Locator:
        """Type the command, fill in its options, send it; return the answer."""
        before = await self.messages.count()
        await self.page.locator("#channel-composer-input").press_sequentially("/stylize")
        await expect(self.page.get_by_role("option").filter(has_text="/stylize")).to_be_visible()
        await self.page.keyboard.press("Enter")
        await self._add_option("content")
        await self._attach("content", content)
        if style:
            await self._add_option("style")
            await self._attach("style", style)
        if size:
            await self._add_option("size")
            await self.page.locator("input[data-option=size]").press_sequentially(str(size))
        if preset:
            await self._add_option("preset")
            await self.page.locator("input[data-option=preset]").press_sequentially(preset)
            await (
                self.page.get_by_role("option")
                .filter(has_text=re.compile(preset, re.IGNORECASE))
                .first.click()
            )
        await self.shoot("filled_in")
        await self.page.locator("#send-message").click()
        await expect(self.messages).to_have_count(before + 1, timeout=20_000)
        return self.messages.nth(before)

    async def posted(self, message: Locator) -> list[PostedFile]:
        """Fetch every file of a message through the page, byte for byte."""
        state = await self._fetch_json("/api/state")
        shown = state["messages"][await message.get_attribute("data-message-id")]
        return [
            PostedFile(file["filename"], await self._fetch_file(file["asset_id"]))
            for file in shown["attachments"]
        ]

    async def shoot(self, name: str) -> None:
        """Take a picture of the page."""
        await self.page.screenshot(path=self._shots / f"{name}.png")

    async def _add_option(self, name: str) -> None:
        await self.page.locator(".command-ghost").click()
        await self.page.get_by_role("option").filter(has_text=re.compile(rf"^{name}")).click()

    async def _attach(self, option: str, path: Path) -> None:
        await self.page.locator(f"input[type=file][data-option={option}]").set_input_files(path)

    def _remember_pass(self, request: Request) -> None:
        names = ("x-simcord-capability", "x-simcord-context")
        self._headers |= {name: value for name, value in request.headers.items() if name in names}

    async def _fetch_json(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.page.evaluate(
            "async ([path, headers]) => (await fetch(path, {headers})).json()", [path, self._headers]
        )
        return found

    async def _fetch_file(self, key: str) -> bytes:
        text: str = await self.page.evaluate(
            """async ([path, headers]) => {
                const bytes = new Uint8Array(await (await fetch(path, {headers})).arrayBuffer());
                return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
            }""",
            [f"/api/assets/{key}?download=1", self._headers],
        )
        return base64.b64decode(text)


@pytest.fixture
async def desk(chromium: Browser, address: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """Somebody who has just opened the page."""
    page = await chromium.new_page(viewport={"width": 1100, "height": 850})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    desk = Desk(page, tmp_path)
    await desk.sit_down(address)
    yield desk
    await desk.shoot("at_the_end")
    assert problems == []


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small photo on the person's disk."""
    return small_copy("castle.webp", tmp_path / "photo.png")


@pytest.fixture
def style_photo(tmp_path: Path) -> Path:
    """Another one, to be used as the style."""
    return small_copy("kingfisher.webp", tmp_path / "style.jpg")


def small_copy(name: str, path: Path) -> Path:
    """Write one of the rehearsal's photos, smaller, to a file of another format."""
    with Image.open(PHOTOS / name) as photo:
        photo.convert("RGB").resize(CONTENT_SIZE).save(path)
    return path


def check_result(files: list[PostedFile], photo: Path) -> None:
    """Content, style, pastiche and curve are posted; the pastiche is a painting of this photo."""
    assert [file.name.partition(".")[0] for file in files] == ["content", "style_1", "pastiche", "curve"]
    content, _, pastiche, curve = files
    with Image.open(photo) as original:
        width_px, height_px = original.size
        assert pastiche.image.width / pastiche.image.height == pytest.approx(width_px / height_px, rel=0.03)
        assert distance(pastiche.image, original) > 8
        assert distance(content.image, original) < 8
    assert curve.image.format == "PNG"
    assert min(curve.image.size) >= 200


def distance(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures per channel, 0 to 255."""
    small = [image.convert("RGB").resize((48, 32)) for image in (one, other)]
    return sum(ImageStat.Stat(ImageChops.difference(*small)).mean) / 3


async def test_two_attachments(desk: Desk, photo: Path, style_photo: Path) -> None:
    """A photo and a style picture become a painting, posted with everything that belongs to it."""
    card = await desk.stylize(content=photo, style=style_photo, size=64)
    await expect(card).to_contain_text("See the picture", timeout=PAINTED_WITHIN_MS)
    result = desk.messages.last
    await expect(result.locator("img")).to_have_count(4, timeout=30_000)
    await expect(result).to_contain_text("@you, here is your picture.")
    check_result(await desk.posted(result), photo)


async def test_a_preset(desk: Desk, photo: Path) -> None:
    """A painting is found by its title while one types, and named in the result."""
    card = await desk.stylize(content=photo, preset="great wave", size=64)
    await expect(card).to_contain_text("See the picture", timeout=PAINTED_WITHIN_MS)
    result = desk.messages.last
    await expect(result).to_contain_text("The Great Wave")
    await expect(result.locator("img")).to_have_count(4, timeout=30_000)
    check_result(await desk.posted(result), photo)


async def test_a_mistake(desk: Desk, photo: Path, style_photo: Path) -> None:
    """Both a style picture and a preset: one sentence for the person alone, and nothing is painted."""
    answer = await desk.stylize(content=photo, style=style_photo, preset="scream")
    await expect(answer).to_contain_text("You gave both a style picture and a preset")
    await expect(answer).to_contain_text("Only you can see this")
    await expect(answer.get_by_role("button", name="Cancel")).to_have_count(0)


async def test_progress_and_cancel(desk: Desk, photo: Path) -> None:
    """The card counts steps and shows the picture growing; Cancel ends the job without a result."""
    card = await desk.stylize(content=photo, preset="great wave", size=768)
    first = await step(card)
    await expect(card.locator("img")).to_have_count(1, timeout=60_000)
    assert await step(card, after=first) > first
    await desk.shoot("under_way")
    await card.get_by_role("button", name="Cancel").click()
    await expect(card).to_contain_text("cancelled", timeout=30_000)
    await expect(card.get_by_role("button", name=re.compile("Cancel|Stop here"))).to_have_count(0)
    assert await desk.messages.last.get_attribute("data-message-id") == await card.get_attribute(
        "data-message-id"
    )


async def test_menu_on_a_picture(desk: Desk, style_photo: Path) -> None:
    """A right click on a message opens the bot's menus; the form paints the picture that stands there."""
    before = await desk.messages.count()
    await desk.messages.first.click(button="right")
    menus = desk.page.get_by_role("menuitem")
    await expect(menus).to_have_text(["Stylize this…", "Use as content", "Use as style"])
    await desk.shoot("menus")
    await menus.first.click()
    form = desk.page.locator(".modal-dialog")
    await expect(form).to_contain_text("There are 4 pictures in that message, and I take the first.")
    await form.locator("input[type=file]").set_input_files(style_photo)
    await desk.shoot("form")
    await form.get_by_role("button", name="Submit").click()
    await expect(desk.messages).to_have_count(before + 1, timeout=20_000)
    card = desk.messages.nth(before)
    await expect(card).to_contain_text("In the manner of your style picture", timeout=30_000)
    await card.get_by_role("button", name="Cancel").click()
    await expect(card).to_contain_text("cancelled", timeout=30_000)


async def test_styles_in_the_page(desk: Desk) -> None:
    """`/styles` shows thumbnails and leafs; `Use` asks for a picture."""
    before = await desk.messages.count()
    await desk.page.locator("#channel-composer-input").press_sequentially("/styles")
    await expect(desk.page.get_by_role("option").filter(has_text="/styles")).to_be_visible()
    await desk.page.keyboard.press("Enter")
    await desk.page.locator("#send-message").click()
    await expect(desk.messages).to_have_count(before + 1, timeout=20_000)
    page = desk.messages.nth(before)
    await expect(page).to_contain_text("Only you can see this")
    await expect(page.locator("img")).to_have_count(6, timeout=30_000)
    await page.get_by_role("button", name="Next").click()
    await expect(page).to_contain_text("Page 2 of 10", timeout=20_000)
    await expect(page).to_contain_text("Mona Lisa")
    await desk.shoot("styles")
    await page.get_by_role("button", name="Use").nth(1).click()
    await expect(desk.page.locator(".modal-dialog")).to_contain_text("Picture to paint", timeout=20_000)


async def step(card: Locator, *, after: int = 0) -> int:
    """Return the first step later than `after` that the card shows."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with contextlib.suppress(TypeError):
            found = re.search(r"step (\d+) of \d+", await card.inner_text())
            if int(found[1]) > after:  # type: ignore[index]
                return int(found[1])  # type: ignore[index]
        await asyncio.sleep(0.2)
    raise TimeoutError(f"no step after {after}")
