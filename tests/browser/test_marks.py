"""Fingerprints made in a real Chromium: exact, the same as others make, and without the picture leaving the page."""

import hashlib
import json
import struct
import zlib
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from services.intake.reports import documents
from shared.encryption import Keyring
from tests.browser.helpers import follow, go_on, to_what
from tests.browser.test_form import small_page
from tests.integration.intake.harness import IntakeHarness


def picture(width: int, height: int) -> bytes:
    """A small PNG: a slope of grey with a bright and a dark corner."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            value = (x * 160 // width + y * 80 // height) % 256
            if x * 3 < width and y * 3 < height:
                value = 250
            if x * 4 > width * 3 and y * 2 > height:
                value = 5
            rows.append(value)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")
    )


async def to_pictures(page: Page, site: str) -> None:
    """Begin a report as far as the step that asks for pictures."""
    await to_what(page, site)
    await page.locator("#harm_types").check()
    await go_on(page, "urgent")
    await page.goto(f"{site}/form/seen")


async def test_fingerprints_are_made_here_and_the_picture_is_sent_nowhere(
    chromium: Browser, site: str, harness: IntakeHarness, tmp_path: Path
) -> None:
    whole, smaller = picture(400, 300), picture(200, 150)
    (tmp_path / "a.png").write_bytes(whole)
    (tmp_path / "b.png").write_bytes(smaller)
    (tmp_path / "film.mp4").write_bytes(b"no picture at all")
    page = await small_page(chromium, script=True)
    bodies: list[bytes] = []
    page.on("request", lambda request: bodies.append(request.post_data_buffer or b""))
    await to_pictures(page, site)
    await expect(page.locator("#pictures")).to_be_hidden()
    await page.locator("details.more summary").click()
    assert await page.locator("input[type=file]").get_attribute("name") is None
    await page.locator("#pictures").set_input_files([tmp_path / name for name in ("a.png", "b.png", "film.mp4")])
    await expect(page.locator("[data-marks-status]")).to_contain_text("만든 지문")
    marks = (await page.locator("#marks").input_value()).splitlines()
    exact = [hashlib.sha256(body).hexdigest() for body in (whole, smaller, b"no picture at all")]
    assert [mark for mark in marks if not mark.startswith("pdq:")] == exact
    first, second = (int(mark.removeprefix("pdq:"), 16) for mark in marks if mark.startswith("pdq:"))
    assert (first ^ second).bit_count() <= 31, "the same picture at half its size is a match by PDQ's own threshold"
    assert 100 <= first.bit_count() <= 156
    assert await page.evaluate("document.querySelectorAll('main img, main canvas').length") == 0
    await go_on(page, "words")
    await go_on(page, "check", by="check")
    await follow(page, page.locator("#send button").click())
    await expect(page.locator(".receipt-code")).to_be_visible()
    assert all(b"PNG" not in body and b"a.png" not in body for body in bodies)
    [stored] = await harness.collection.find({}).to_list(None)
    opened = documents.opened(stored, Keyring([b"m" * 32]))
    assert opened["fingerprints"] == exact
    assert opened["picture_hashes"] == [f"{first:064x}", f"{second:064x}"]


async def test_a_file_that_cannot_be_read_is_told_of_and_keeps_no_other_waiting(
    chromium: Browser, site: str, tmp_path: Path
) -> None:
    (tmp_path / "moved.png").write_bytes(b"here when it was chosen, gone when it is read")
    (tmp_path / "film.mp4").write_bytes(b"no picture at all")
    page = await small_page(chromium, script=True)
    await page.add_init_script(
        """const read = Blob.prototype.arrayBuffer;
        Blob.prototype.arrayBuffer = function () {
          return this.name === "moved.png" ? Promise.reject(new DOMException("", "NotReadableError")) : read.call(this);
        };"""
    )
    await to_pictures(page, site)
    await page.locator("details.more summary").click()
    await page.locator("#pictures").set_input_files([tmp_path / "moved.png", tmp_path / "film.mp4"])
    await expect(page.locator("[data-marks-status]")).to_contain_text("읽지 못한 파일이 있어요")
    assert await page.locator("#marks").input_value() == hashlib.sha256(b"no picture at all").hexdigest()
    assert await page.locator("#pictures").input_value() == ""


GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "pdq.json").read_text())


async def test_the_perceptual_hash_is_the_one_others_use(chromium: Browser, site: str) -> None:
    page = await small_page(chromium, script=True)
    await page.goto(f"{site}/form/who")
    source = (await page.locator("script[src*=quick-exit]").get_attribute("src") or "").replace("quick-exit", "marks")
    for one in GOLDEN["pictures"]:
        made = await page.evaluate(
            """async ([source, width, height]) => {
              const { pdq } = await import(source);
              const values = new Float64Array(width * height);
              for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1)
                values[y * width + x] =
                  Math.floor(128 + 60 * Math.sin(x / 17) + 40 * Math.cos(y / 23) + 20 * Math.sin((x + 2 * y) / 41));
              return pdq(values, width, height);
            }""",
            [source, one["width"], one["height"]],
        )
        distance = (int(made, 16) ^ int(one["pdq"], 16)).bit_count()
        assert distance <= GOLDEN["most_bits"], f"{distance} bits differ for {one}"
