"""The paintings that can be picked by name, and their download."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nst_core import presets
from nst_core.errors import BadParameter, Fault, Unavailable
from nst_core.presets.download import Source, cache_folder, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nst_core.presets import Preset

JPEG = (presets.FOLDER / "scream.jpg").read_bytes()
FAMOUS = ("starry_night", "scream", "great_wave", "kiss", "composition_viii")


class Museum(ThreadingHTTPServer):
    """A web server with every kind of answer that a download may meet."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Guide)
        self.seen: list[tuple[str, str]] = []
        self.closing = threading.Event()

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_port}"


class Guide(BaseHTTPRequestHandler):
    """Answers by path."""

    server: Museum

    def log_message(self, *_args: object) -> None:
        """Keep the test's output clean."""

    def do_GET(self) -> None:
        """Answer as the path's name says."""
        self.server.seen.append((self.path, self.headers["User-Agent"]))
        getattr(self, "_" + self.path.strip("/").split("/")[0])()

    def _answer(self, body: bytes, *, kind: str = "image/jpeg", length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def _whole(self) -> None:
        self._answer(JPEG)

    def _leisurely(self) -> None:
        self.server.closing.wait(0.2)
        self._answer(JPEG)

    def _page(self) -> None:
        self._answer(b"<!DOCTYPE html><html>Sign in to this network</html>")

    def _gif(self) -> None:
        self._answer(b"GIF89a" + bytes(50), kind="image/gif")

    def _oversize(self) -> None:
        self._answer(JPEG + bytes(300_000) + b"\xff\xd9")

    def _half(self) -> None:
        self._answer(JPEG[: len(JPEG) // 2])

    def _cut(self) -> None:
        self._answer(JPEG[: len(JPEG) // 2], length=len(JPEG))

    def _silent(self) -> None:
        self.server.closing.wait(20)

    def _dripping(self) -> None:
        self.send_response(200)
        self.end_headers()
        for byte in JPEG[:400]:
            if self.server.closing.wait(0.05):
                return
            self.wfile.write(bytes([byte]))

    def _missing(self) -> None:
        self.send_error(404)

    def _busy(self) -> None:
        self.send_error(429)

    def _moved(self) -> None:
        self._redirect(f"http://{self.server.host}/whole")

    def _elsewhere(self) -> None:
        self._redirect(f"http://localhost:{self.server.server_port}/whole")

    def _otherscheme(self) -> None:
        self._redirect(f"ftp://{self.server.host}/whole")

    def _circle(self) -> None:
        self._redirect(f"http://{self.server.host}/circle")

    def _redirect(self, address: str) -> None:
        self.send_response(301)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def museum(monkeypatch: pytest.MonkeyPatch) -> Iterator[Museum]:
    """A web server on this machine, for as long as a test lasts."""
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    server = Museum()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()
    thread.join()


def painting(museum: Museum, path: str) -> Preset:
    """Return a preset that is downloaded from the museum."""
    some = presets.find("almond_blossom")
    return replace(some, id="borrowed", title="Borrowed", url=f"http://{museum.host}/{path}")


def source(museum: Museum, *, silence_s: float = 5.0, total_s: float = 10.0) -> Source:
    """Return a source that allows the museum, and little patience."""
    return Source(
        scheme="http",
        hosts=frozenset({museum.host}),
        max_bytes=200_000,
        silence_s=silence_s,
        total_s=total_s,
    )


def test_at_least_twelve_paintings_are_bundled_and_their_files_are_intact() -> None:
    """Every bundled painting reads as a JPEG with the sha256 in the list, the famous ones among them."""
    bundled = {name: preset for name, preset in presets.all_presets().items() if preset.bundled}

    assert len(bundled) >= 12
    assert set(FAMOUS) <= set(bundled)
    for preset in bundled.values():
        assert presets.read(preset).startswith(b"\xff\xd8\xff"), preset.id


def test_every_field_is_filled_in_and_titles_are_unique() -> None:
    """No field is empty, Japanese ones are Japanese or a foreign name, and a title means one preset."""
    known = presets.all_presets()
    japanese = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")

    for preset in known.values():
        fields = ("title", "artist", "year", "died", "movement", "licence", "source")
        assert all(getattr(preset, field).strip() for field in fields), preset.id
        for field in ("title_ja", "artist_ja", "movement_ja"):
            assert japanese.search(getattr(preset, field)), (preset.id, field)
        assert re.fullmatch(r"[a-z][a-z0-9_]*", preset.id)
        assert presets.find(preset.title) is preset
        assert presets.find(preset.title_ja) is preset


def test_a_name_is_written_the_same_way_everywhere() -> None:
    """One artist or movement has one Japanese name in the whole list."""
    pairs = {(p.artist, p.artist_ja) for p in presets.all_presets().values()}
    movements = {(p.movement, p.movement_ja) for p in presets.all_presets().values()}

    assert len({artist for artist, _ in pairs}) == len({name for _, name in pairs}) == len(pairs)
    assert len({movement for movement, _ in movements}) == len(movements)


def test_the_download_tier_asks_wikimedia_for_a_width_that_it_allows() -> None:
    """Each address is one that `read` accepts, asks for 960 px, and is not of a bundled painting."""
    tier = [preset for preset in presets.all_presets().values() if not preset.bundled]

    assert len(tier) >= 20
    for preset in tier:
        assert re.fullmatch(
            r"https://commons\.wikimedia\.org/wiki/Special:FilePath/[!-~]+\?width=960", preset.url or ""
        )


def test_nothing_in_the_folder_is_unlisted() -> None:
    """Every picture in the folder belongs to an entry, so that it has a licence line."""
    listed = {preset.file for preset in presets.all_presets().values() if preset.bundled}

    assert {path.name for path in presets.FOLDER.glob("*.jpg")} == listed


def test_every_bundled_painting_has_its_licence_line_in_the_notice() -> None:
    """NOTICE.md names each bundled file."""
    notice = (Path(__file__).parents[2] / "NOTICE.md").read_text(encoding="utf-8")

    for preset in presets.all_presets().values():
        if preset.bundled:
            assert f"`{preset.file}`" in notice, preset.id


def test_a_changed_file_is_not_used(tmp_path: Path) -> None:
    """A bundled painting whose bytes are not those that were shipped is a fault, not a painting."""
    preset = replace(presets.find("scream"), sha256="0" * 64)

    with pytest.raises(Fault, match=r"scream\.jpg is not the one"):
        presets.read(preset, cache=tmp_path)


def test_a_preset_is_either_bundled_or_downloaded() -> None:
    """An entry with both a file and an address, or with neither, does not exist."""
    preset = presets.find("scream")

    with pytest.raises(ValueError, match="scream"):
        replace(preset, url="https://commons.wikimedia.org/x")
    with pytest.raises(ValueError, match="scream"):
        replace(preset, file=None)


@pytest.mark.parametrize(
    "name",
    ["starry_night", "Starry Night", "the starry night", "STARRY-NIGHT", " 星月夜 ", "THE　STARRY　NIGHT"],
)
def test_a_preset_is_found_by_id_or_title(name: str) -> None:
    """Case, blanks and dashes do not matter, nor the language of the title."""
    assert presets.find(name).id == "starry_night"


def test_accents_and_series_do_not_matter() -> None:
    """A title is found without its accents, and a print without its series."""
    assert presets.find("the night cafe").id == "night_cafe"
    assert presets.find("神奈川沖浪裏").id == "great_wave"


def test_an_unknown_name_is_told_the_closest_one() -> None:
    """A slip of the finger is answered with the id that was meant."""
    with pytest.raises(BadParameter) as caught:
        presets.find("stary_nihgt")

    assert caught.value.code == "preset_unknown"
    assert str(caught.value) == "There is no painting called “stary_nihgt”. Did you mean “starry_night”?"


@pytest.mark.parametrize("name", ["", "zzzzqqqq", "a\nb\n" * 200])
def test_a_hopeless_name_is_answered_in_one_short_line(name: str) -> None:
    """Whatever was typed, the answer is one line of bearable length that says what to do."""
    with pytest.raises(BadParameter) as caught:
        presets.find(name)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    assert str(caught.value).endswith("Pick one from the list of paintings.")


def test_search_finds_in_both_languages_and_in_every_field() -> None:
    """Id, title, artist and movement are searched, whatever language the person's client speaks."""
    found = {
        text: [preset.id for preset in presets.search(text)]
        for text in ("ukiyo-e", "浮世絵", "Hokusai", "cafe van gogh", "ごっほ", "ファンゴッホ")
    }

    assert found["ukiyo-e"] == found["浮世絵"]
    assert "great_wave" in found["Hokusai"]
    assert found["cafe van gogh"] == ["cafe_terrace", "night_cafe"]
    assert found["ごっほ"] == found["ファンゴッホ"]
    assert presets.search("no such words") == []


def test_search_shows_bundled_ones_first_in_a_stable_order() -> None:
    """Nothing typed lists as many as fit, in the list's own order; with words, bundled ones lead."""
    everything = presets.search("", limit=1000)
    ids = list(presets.all_presets())

    assert [preset.id for preset in presets.search("")] == ids[:25]
    assert [preset.id for preset in everything] == ids
    composed = [preset.bundled for preset in presets.search("composition")]
    assert composed == sorted(composed, reverse=True)
    assert True in composed
    assert False in composed


def test_search_puts_titles_that_begin_with_the_text_first() -> None:
    """Within a tier, the title in the person's own language decides."""
    assert presets.search("夜", "ja")[0].id == "cafe_terrace"
    assert presets.search("the ", "en")[0].title.startswith("The ")


def test_the_list_cannot_be_changed_from_outside() -> None:
    """Who changes the dictionary changes only a copy."""
    presets.all_presets().clear()

    assert presets.all_presets()


def test_a_download_is_kept_and_the_second_time_comes_from_the_cache(museum: Museum, tmp_path: Path) -> None:
    """The first use asks the server once, saying who we are; the next asks nobody."""
    preset = painting(museum, "whole")

    first = presets.read(preset, cache=tmp_path / "cache", source=source(museum))
    second = presets.read(preset, cache=tmp_path / "cache", source=source(museum))

    assert first == second == JPEG
    assert [path for path, _ in museum.seen] == ["/whole"]
    assert museum.seen[0][1].startswith("Gafuu/")
    assert [path.read_bytes() for path in (tmp_path / "cache").iterdir()] == [JPEG]


def test_who_runs_this_can_sign_the_requests(
    museum: Museum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GAFUU_CONTACT ends up in the User-Agent, and cannot break the header."""
    monkeypatch.setenv("GAFUU_CONTACT", "painter@example.org\r\nX-Evil: 1")

    presets.read(painting(museum, "whole"), cache=tmp_path, source=source(museum))

    assert museum.seen[0][1].endswith("contact: painter@example.orgX-Evil: 1")
    assert signed(Source(), {}) == Source()


def test_an_allowed_redirect_is_followed(museum: Museum, tmp_path: Path) -> None:
    """Wikimedia answers the stable address with a redirect to the picture."""
    assert presets.read(painting(museum, "moved"), cache=tmp_path, source=source(museum)) == JPEG


@pytest.mark.parametrize("path", ["elsewhere", "otherscheme", "page", "gif", "oversize", "half"])
def test_what_is_not_the_painting_is_thrown_away(museum: Museum, tmp_path: Path, path: str) -> None:
    """A foreign host, a web page, another kind of file, too much or too little leaves nothing behind."""
    with pytest.raises(Unavailable) as caught:
        presets.read(painting(museum, path), cache=tmp_path / "cache", source=source(museum))

    assert caught.value.code == "preset_broken"
    assert "“Borrowed”" in str(caught.value)
    assert not list(tmp_path.rglob("*"))
    assert [seen for seen, _ in museum.seen] == [f"/{path}"]


@pytest.mark.parametrize("path", ["missing", "busy", "cut", "circle"])
def test_a_download_that_fails_says_so(museum: Museum, tmp_path: Path, path: str) -> None:
    """404, 429, a cut connection and a circle of redirects are a matter of trying again later."""
    with pytest.raises(Unavailable) as caught:
        presets.read(painting(museum, path), cache=tmp_path / "cache", source=source(museum))

    assert caught.value.code == "preset_offline"
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize(("path", "silence_s", "total_s"), [("silent", 0.2, 10.0), ("dripping", 5.0, 0.3)])
def test_a_slow_server_is_not_waited_for(
    museum: Museum, tmp_path: Path, path: str, silence_s: float, total_s: float
) -> None:
    """Neither silence nor a drip of bytes holds a job up for long."""
    patience = source(museum, silence_s=silence_s, total_s=total_s)
    start = time.monotonic()

    with pytest.raises(Unavailable) as caught:
        presets.read(painting(museum, path), cache=tmp_path, source=patience)

    assert caught.value.code == "preset_offline"
    assert time.monotonic() - start < 5


def test_without_a_network_the_answer_is_one_sentence(museum: Museum, tmp_path: Path) -> None:
    """Nobody listens at that address."""
    preset = painting(museum, "whole")
    museum.closing.set()
    museum.shutdown()
    museum.server_close()

    with pytest.raises(Unavailable) as caught:
        presets.read(preset, cache=tmp_path, source=source(museum))

    assert caught.value.code == "preset_offline"


@pytest.mark.parametrize(
    "url",
    [
        "http://commons.wikimedia.org/x.jpg",
        "https://commons.wikimedia.org.example.org/x.jpg",
        "https://commons.wikimedia.org@example.org/x.jpg",
        "https://commons.wikimedia.org:8443/x.jpg",
        "file:///etc/hostname",
    ],
)
def test_only_https_and_wikimedia_are_asked(tmp_path: Path, url: str) -> None:
    """Another scheme, host or port is refused before a byte is sent."""
    preset = replace(presets.find("almond_blossom"), url=url)

    with pytest.raises(Unavailable) as caught:
        presets.read(preset, cache=tmp_path)

    assert caught.value.code == "preset_broken"


def test_a_damaged_copy_in_the_cache_is_replaced(museum: Museum, tmp_path: Path) -> None:
    """A file that lost its end, by a full disk say, is fetched again."""
    preset = painting(museum, "whole")
    presets.read(preset, cache=tmp_path, source=source(museum))
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(JPEG[:1000])

    assert presets.read(preset, cache=tmp_path, source=source(museum)) == JPEG
    assert kept.read_bytes() == JPEG


def test_a_new_address_is_a_new_download(museum: Museum, tmp_path: Path) -> None:
    """When the list is corrected, the old copy is not served for the new painting."""
    presets.read(painting(museum, "whole/old"), cache=tmp_path, source=source(museum))
    presets.read(painting(museum, "whole/new"), cache=tmp_path, source=source(museum))

    assert [path for path, _ in museum.seen] == ["/whole/old", "/whole/new"]


def test_downloads_at_the_same_time_do_not_hurt_each_other(museum: Museum, tmp_path: Path) -> None:
    """Eight at once all get the painting, and one whole file is left."""
    preset = painting(museum, "leisurely")

    with ThreadPoolExecutor(8) as threads:
        results = list(
            threads.map(
                lambda _: presets.read(preset, cache=tmp_path, source=source(museum)),
                range(8),
            )
        )

    assert results == [JPEG] * 8
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [JPEG]


def test_a_cache_that_cannot_be_written_does_not_cost_the_painting(museum: Museum, tmp_path: Path) -> None:
    """The download is used all the same."""
    (tmp_path / "cache").write_text("a file where the folder should be")

    assert presets.read(painting(museum, "whole"), cache=tmp_path / "cache", source=source(museum)) == JPEG


def test_the_cache_lies_where_the_platform_keeps_such_things() -> None:
    """XDG_CACHE_HOME wins; else the platform's usual folder under the person's own."""
    home = {"HOME": "/home/ai"}

    assert cache_folder({**home, "XDG_CACHE_HOME": "/c"}, "linux") == Path("/c/gafuu/presets")
    assert cache_folder(home, "linux") == Path("/home/ai/.cache/gafuu/presets")
    assert cache_folder(home, "darwin") == Path("/home/ai/Library/Caches/gafuu/presets")
    assert cache_folder({**home, "LOCALAPPDATA": "/l"}, "win32") == Path("/l/gafuu/presets")


def test_the_bot_may_import_it() -> None:
    """Nothing heavy is loaded, and nothing is read at import."""
    code = (
        "import sys; from nst_core import presets; "
        "assert not {'torch', 'PIL', 'numpy'} & set(sys.modules); "
        "assert not presets._presets.cache_info().currsize"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("year", "japanese"),
    [("1889", "1889年"), ("c. 1831", "1831年頃"), ("1907–08", "1907–08年"), ("1840s", "1840年代")],
)
def test_years_in_japanese(year: str, japanese: str) -> None:
    """As museums there write them."""
    preset = replace(presets.find("scream"), year=year)
    assert (preset.year_in("en"), preset.year_in("ja")) == (year, japanese)
