import re
from datetime import date

from shared.web.korea import centers_map, divisions_map
from tests.unit.shared.web.small_site import TOKEN, client


def test_divisions_follow_the_day() -> None:
    before = {shape.slug for shape in divisions_map(date(2026, 6, 30)).shapes}
    after = {shape.slug for shape in divisions_map(date(2026, 7, 1)).shapes}
    assert (len(before), len(after)) == (17, 16)
    assert before - after == {"gwangju", "jeonnam"}
    assert len(after - before) == 1


def test_the_map_by_centre_has_the_sixteen_catchments_and_seoul() -> None:
    slugs = {shape.slug for shape in centers_map().shapes}
    assert {"gwangju", "jeonnam", "seoul"} <= slugs
    assert len(slugs) == 17


def test_every_shape_is_inside_the_view_box_and_named_in_both_languages() -> None:
    for korea in (centers_map(), divisions_map(date(2026, 11, 1))):
        _, _, width, height = (float(part) for part in korea.view_box.split())
        for shape in korea.shapes:
            assert 0 < shape.x < width
            assert 0 < shape.y < height
            assert shape.path.startswith("M")
            assert re.fullmatch(r"[가-힣]+", shape.name("ko"))
            assert re.fullmatch(r"[A-Z][A-Za-z-]+", shape.name("en"))


async def test_the_drawn_map_can_be_read_without_seeing_it() -> None:
    async with client(headers={"authorization": f"Bearer {TOKEN}"}) as http:
        page = (await http.get("/desk?lang=en")).text
    drawing = page[page.index('<svg class="map"') : page.index("</figure>")]
    assert 'role="img" aria-labelledby="map-title map-desc"' in drawing
    assert "Waiting reports by centre</desc>" in drawing
    assert "<title>Busan: 1,204</title>" in drawing
    assert "<title>Seoul</title>" in drawing
    assert drawing.count("<path") == 17
    assert 'fill="url(#map-hidden)"' in drawing
