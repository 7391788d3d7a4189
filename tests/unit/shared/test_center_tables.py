"""Tables from a folder: taken whole, or refused with every fault named while the packaged ones stay in force."""

from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from shared import centers
from shared.centers import PACKAGED, TABLES, from_folder
from shared.centers.checking import main
from shared.centers.parsing import FILES, parse
from shared.web.translations import SHARED_LOCALE, load, placeholders
from tests.support.tables import Change, center_row, home_row, joined, write

DAY = date(2026, 11, 24)
KOREAN = load([SHARED_LOCALE])["ko"]


def test_a_sound_folder_is_in_force_beside_the_packaged_tables(tmp_path: Path) -> None:
    sets = from_folder(write(tmp_path, centers=joined))
    assert (sets.faults, sets.given, sets.current.version) == ((), True, "2027-01-01")
    assert centers.linked("ulsan", tables=sets.current) == ("jeju",)
    assert centers.linked("ulsan") == ()
    assert dict(sets.known) == {TABLES.version: TABLES, "2027-01-01": sets.current}


def test_every_lookup_answers_from_the_tables_it_is_given(tmp_path: Path) -> None:
    def rename(file: dict[str, Any]) -> None:
        busan = next(row for row in file["divisions"] if row["slug"] == "busan")
        busan["aliases"].append("부산특별시")
        busan["districts"] = [["26110", "중구", "Jung-gu"], ["26140", "서구", "Seo-gu"]]
        busan["former_codes"] = ["99"]
        file["ambiguous"]["바닷가"] = ["busan", "jeju"]

    def split(file: dict[str, Any]) -> None:
        home_row(file, "busan")["districts"] = "rest"
        file["catchments"].append({**home_row(file, "busan"), "districts": ["26110"], "center": "ulsan"})
        home_row(file, "seoul")["near"] = ["gangwon"]

    def staffed(file: dict[str, Any]) -> None:
        center_row(file, "busan")["staff"] = 7
        joined(file)

    folder = write(tmp_path, divisions=rename, catchments=split, centers=staffed)
    given, _ = parse({name: (folder / name).read_bytes() for name in FILES})
    assert given is not None
    assert centers.resolve("부산특별시", DAY, tables=given) == "busan"
    with pytest.raises(centers.UnknownDivision):
        centers.resolve("부산특별시", DAY)
    with pytest.raises(centers.Ambiguous):
        centers.resolve("바닷가", DAY, tables=given)
    assert centers.home_center("busan", "26110", DAY, tables=given) == "ulsan"
    assert centers.home_center("busan", "26140", DAY, tables=given) == "busan"
    assert centers.home_candidates("busan", None, DAY, tables=given) == ("busan", "ulsan")
    assert centers.home_candidates("busan", "26110", DAY) == ("busan",)
    assert centers.belongs("99110", "busan", tables=given)
    assert not centers.belongs("99110", "busan")
    assert centers.centers_near("seoul", DAY, tables=given) == ("gangwon",)
    assert [d.code for d in centers.districts_of("busan", tables=given)] == ["26110", "26140"]
    assert centers.center("busan", tables=given).staff == 7
    assert centers.neighbours("busan", tables=given) == centers.neighbours("busan")
    assert len(centers.divisions_on(DAY, tables=given)) == 16


def test_the_same_tables_in_a_folder_are_the_packaged_ones(tmp_path: Path) -> None:
    sets = from_folder(write(tmp_path, version=TABLES.version))
    assert (sets.faults, sets.given) == ((), False)
    assert sets.current is TABLES


def test_districts_change_their_centre_by_a_folder_as_reports_name_them(tmp_path: Path) -> None:
    """All that share a catchment together: a report names one district for them."""

    def swapped(file: dict[str, Any]) -> None:
        some, others = (row for row in file["catchments"] if row["division"] == "jeonnam-gwangju")
        some["center"], others["center"] = others["center"], some["center"]

    sets = from_folder(write(tmp_path, catchments=swapped))
    assert (sets.faults, sets.given) == ((), True)
    for district in centers.districts_of("jeonnam-gwangju"):
        told = centers.catchment_code("jeonnam-gwangju", district.code)
        home = centers.home_center("jeonnam-gwangju", told, DAY, tables=sets.current)
        assert home == centers.home_center("jeonnam-gwangju", district.code, DAY, tables=sets.current)
        assert home != centers.home_center("jeonnam-gwangju", district.code, DAY)


def test_former_sets_are_known_by_version_and_not_in_force(tmp_path: Path) -> None:
    write(tmp_path, version="2027-07-01", centers=joined)
    write(tmp_path / "former" / "first", version="2027-01-01")
    sets = from_folder(tmp_path)
    assert (sets.faults, sets.current.version) == ((), "2027-07-01")
    assert set(sets.known) == {TABLES.version, "2027-01-01", "2027-07-01"}
    assert centers.linked("ulsan", tables=sets.known["2027-01-01"]) == ()


def drop(file: dict[str, Any], key: str, value: str) -> None:
    rows = next(rows for rows in file.values() if isinstance(rows, list))
    rows[:] = [row for row in rows if row[key] != value]


def lonely(file: dict[str, Any]) -> None:
    center_row(file, "busan")["land"].append("jeju")


def gap(file: dict[str, Any]) -> None:
    home_row(file, "jeju")["valid_to"] = "2026-12-31"


def reversed_span(file: dict[str, Any]) -> None:
    file["catchments"].append({**home_row(file, "jeju"), "valid_from": "2027-02-02", "valid_to": "2027-02-01"})


def stranger(file: dict[str, Any]) -> None:
    file["centers"].append({**center_row(file, "jeju"), "id": "dokdo", "sea_air": []})


def central_home(file: dict[str, Any]) -> None:
    home_row(file, "seoul")["center"] = "central"


def central_border(file: dict[str, Any]) -> None:
    center_row(file, "central")["land"] = ["gyeonggi"]
    center_row(file, "gyeonggi")["land"].append("central")


def foreign_district(file: dict[str, Any]) -> None:
    file["catchments"][16]["districts"].append("26110")


def halved(file: dict[str, Any]) -> None:
    home_row(file, "jeju")["districts"] = "rest"
    file["catchments"].append({**home_row(file, "jeju"), "districts": ["50130"], "center": "busan"})


def naju_to_gwangju(file: dict[str, Any]) -> None:
    home_row(file, "jeonnam-gwangju")["districts"].append("12170")


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("catchments", halved, "jeju has catchments by district, and this build asks for none there"),
        ("catchments", naju_to_gwangju, "jeonnam-gwangju: the district 12170 is parted from 12110"),
        ("catchments", gap, "jeju on 2027-01-01: neither a catchment nor a word that there is none"),
        ("catchments", reversed_span, "a catchment of jeju ends on 2027-02-01, before it begins on 2027-02-02"),
        ("catchments", central_home, "central is named in a catchment"),
        ("catchments", foreign_district, "names the district '26110', which cannot be one of its own"),
        ("centers", lonely, "busan reaches jeju by land, but not the other way round"),
        ("centers", stranger, "the centre dokdo is not one this build knows"),
        ("centers", lambda f: drop(f, "id", "jeju"), "the centre jeju is missing"),
        ("centers", central_border, "central has a border or a link"),
        ("centers", lambda f: center_row(f, "busan").update(staff=1000), "busan cannot have 1000 people"),
        ("centers", lambda f: f.update(table_version='x"y'), "the table version must be"),
        ("centers", lambda f: f.update(table_version=TABLES.version), "is that of other tables"),
        ("centers", lambda f: center_row(f, "busan").update(staff="3"), "centers.json: centers[0].staff: Input"),
        ("centers", lambda f: center_row(f, "busan").update(staf=3), "centers.json: centers[0].staf: Unexpected"),
        ("centers", lambda f: center_row(f, "busan").pop("phones"), "centers.json: centers[0].phones: Field required"),
        ("centers", lambda f: f["centers"].append(f["centers"][0]), "the id busan stands there 2 times"),
        ("centers", lambda f: f.pop("table_version"), "centers.json: table_version: Field required"),
        ("divisions", lambda f: drop(f, "slug", "gwangju"), "gwangju is missing: reports may name it for ever"),
        ("divisions", lambda f: f["divisions"][1].update(slug="Bu san"), "'Bu san' cannot be a slug"),
        ("divisions", lambda f: f["divisions"][1].update(valid_to="2026-02-30"), "divisions[1].valid_to: Input"),
        ("divisions", lambda f: f["divisions"][1].update(successor="atlantis"), "the successor atlantis"),
    ],
)
def test_a_fault_refuses_the_whole_folder_and_is_named(tmp_path: Path, file: str, change: Change, said: str) -> None:
    def with_a_border_too(content: dict[str, Any]) -> None:
        joined(content)
        change(content)

    changes: dict[str, Change] = {"centers": joined, file: with_a_border_too if file == "centers" else change}
    sets = from_folder(write(tmp_path, "2027-01-01", **changes))
    assert any(said in fault for fault in sets.faults), sets.faults
    for fault in sets.faults:
        assert fault.translated(str) == fault
        korean = fault.translated(KOREAN.gettext)
        assert korean != fault, "each has its Korean"
        assert all(str(fault.values[hole]) in korean for hole in placeholders(fault.message)), "and says which"
    assert sets.current is TABLES
    assert dict(sets.known) == dict(PACKAGED.known)


def test_all_faults_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    write(tmp_path, centers=lonely, catchments=gap)
    assert len(from_folder(tmp_path).faults) == 2
    (tmp_path / "divisions.json").write_text("{", encoding="utf-8")
    (tmp_path / "catchments.json").unlink()
    (tmp_path / "centers.json").write_text('{"centers": [], "table_version": 3}', encoding="utf-8")
    found = from_folder(tmp_path).faults
    assert [fault.split(": ")[0] for fault in found] == ["catchments.json", "divisions.json", "centers.json"]
    assert "cannot be read" in found[0]


def test_a_folder_that_is_not_there_is_refused_three_times(tmp_path: Path) -> None:
    sets = from_folder(tmp_path / "nowhere")
    assert [fault.split(":")[0] for fault in sets.faults] == list(FILES)
    assert sets.current is TABLES


def test_a_fault_in_a_former_set_refuses_all_and_says_where(tmp_path: Path) -> None:
    write(tmp_path, version="2027-07-01")
    write(tmp_path / "former" / "first", version="2027-01-01", centers=lonely)
    sets = from_folder(tmp_path)
    assert sets.faults == ("former/first: busan reaches jeju by land, but not the other way round",)
    assert not sets.given


def test_one_version_for_two_contents_is_refused(tmp_path: Path) -> None:
    write(tmp_path, version="2027-01-01", centers=joined)
    write(tmp_path / "former" / "first", version="2027-01-01")
    assert ["2027-01-01 is that of other tables" in fault for fault in from_folder(tmp_path).faults] == [True]


def test_an_end_on_the_last_day_there_is_is_no_gap(tmp_path: Path) -> None:
    def ends(file: dict[str, Any]) -> None:
        home_row(file, "jeju")["valid_to"] = "9999-12-31"

    assert from_folder(write(tmp_path, catchments=ends)).faults == ()


def test_a_field_written_twice_is_found_and_a_byte_order_mark_is_not_minded() -> None:
    data = resources.files("shared.centers").joinpath("data")
    files = {name: b"\xef\xbb\xbf" + data.joinpath(name).read_bytes() for name in FILES}
    assert parse(files)[1] == ()
    files["centers.json"] = files["centers.json"].replace(b'"staff": 3,', b'"staff": 3, "staff": 4,', 1)
    assert parse(files) == (None, ("centers.json: the field staff stands there 2 times",))


def test_the_command_says_what_a_folder_would_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def other_home(file: dict[str, Any]) -> None:
        row = home_row(file, "sejong")
        row["valid_to"] = "2026-12-31"
        file["catchments"].append({**row, "center": "daejeon", "valid_from": "2027-01-01", "valid_to": None})
        file["catchments"].append({**row, "division": "seoul", "valid_from": "2027-01-01", "valid_to": "2027-01-01"})

    write(tmp_path, centers=joined, catchments=other_home)
    assert main(tmp_path) == 1
    printed = capsys.readouterr().out
    assert "seoul on 2027-01-01: a catchment of the whole division beside others" in printed
    assert "refused: 1 faults; the tables of version" in printed

    def sound(file: dict[str, Any]) -> None:
        other_home(file)
        file["catchments"].pop()
        home_row(file, "seoul")["near"] = ["incheon"]

    write(tmp_path, centers=joined, catchments=sound)
    assert main(tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == [
        "new: jeju reaches ulsan by sea_air",
        "new: ulsan reaches jeju by sea_air",
        "new: sejong at sejong, until 2026-12-31",
        "new: seoul at no centre, asking incheon first, for ever",
        "new: sejong at daejeon, from 2027-01-01",
        "gone: sejong at sejong, for ever",
        "gone: seoul at no centre, asking gyeonggi, incheon first, for ever",
        f"sound: version 2027-01-01; known versions: {TABLES.version}, 2027-01-01",
    ]
