"""`evaluate pictures` on rendered pictures: what is counted before and after, and that the card says the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from msgspec import structs
from numpy.typing import NDArray

from otorongo.errors import OtorongoError
from otorongo.models import evidence_pictures, manifest, runtime
from otorongo.models.__main__ import main
from otorongo.models.evaluate import pictures, pictures_rendered
from otorongo.models.evaluate.bundle_files import sealed
from otorongo.models.evaluate.pictures_look import GREY, SHIPPED, Eyes, Looked, look, saturation
from otorongo.models.evaluate.pictures_rendered import Pair
from otorongo.models.evidence_pictures import PictureRendered
from otorongo.models.image import as_picture
from tests.models import box_bundles
from tests.models.box_bundles import Shown

HEAD = "file,label,x,y,w,h,place"


class SeesColours:
    """A classifier that is blind to grey pictures: two networks that always say the same, one for each."""

    def __init__(self, seeing: runtime.Classifier, blind: runtime.Classifier) -> None:
        self.bundle, self._seeing, self._blind = seeing.bundle, seeing, blind

    def scores(self, data: NDArray[Any], rate_hz: int = 0) -> runtime.Verdict:
        """Of the one or the other."""
        return (self._seeing if saturation(as_picture(data)) > GREY else self._blind).scores(data, rate_hz)


def eyes_for_colours(folder: Path) -> Eyes:
    """Eyes that see a person in every picture with colours, and nothing by night."""
    seeing = manifest.load(box_bundles.make(folder / "seeing", Shown("person", 0.9)))
    blind = manifest.load(box_bundles.make(folder / "blind"))
    fake = SeesColours(runtime.open_classifier(seeing), runtime.open_classifier(blind))
    return Eyes(seeing, {SHIPPED: fake})


def folder_of(folder: Path) -> Path:
    """Two people of one camera, one who is too wide to stand, and an empty frame; all red."""
    folder.mkdir()
    rows = ["a.png,person,0.4,0.1,0.2,0.8,creek", "b.png,person,0.4,0.1,0.2,0.8,creek",
            "c.png,person,0.1,0.4,0.8,0.5,ridge", "d.png,empty,,,,,hill"]  # fmt: skip
    (folder / "labels.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    for name in "abcd":
        cv2.imwrite(str(folder / f"{name}.png"), np.full((300, 400, 3), (20, 20, 200), np.uint8))
    return folder


def measured(tmp_path: Path) -> tuple[Eyes, list[Looked]]:
    """What those eyes make of that folder."""
    eyes = eyes_for_colours(tmp_path)
    return eyes, look(eyes, pictures.collect([folder_of(tmp_path / "mine")]).pictures, lambda: None)[0]


def test_a_night_takes_away_what_is_seen_by_colour(tmp_path: Path) -> None:
    """People and false alarms are counted before and after, by place, for each change."""
    eyes, looked = measured(tmp_path)
    seen: list[int] = []
    rows = pictures_rendered.rendered(eyes, looked, lambda: seen.append(1))
    assert len(seen) == pictures_rendered.count(looked)
    by = {(one.what, one.name, one.there): one for one in rows}
    dark = by["night, infrared lamp", "person", True]
    assert (dark.tries, dark.places, dark.plain, dark.hits, dark.lost) == (3, 2, 3, 0, 1.0)
    rain = by["rain by day", "person", True]
    assert (rain.hits, rain.lost, rain.lost_low, rain.lost_high) == (3, 0.0, 0.0, 0.0)
    false = by["rain by day", "anything", False]
    assert (false.tries, false.plain, false.hits) == (1, 1, 1)
    assert by["night, infrared lamp", "anything", False].hits == 0
    assert by["cut by the frame's edge, 30 % left", "anything", True].tries == 3
    assert [one.tries for key, one in by.items() if "m away" in key[0]] == [2] * 8  # the wide one is left out
    assert (by["20 m away, by day", "person", True].hits, by["20 m away, by night", "person", True].hits) == (2, 0)
    assert list(dict.fromkeys(one.what for one in rows))[:4] == list(pictures_rendered.WEATHER)


def test_without_an_empty_frame_nobody_is_put_anywhere(tmp_path: Path) -> None:
    """No ground to stand on, no rows of distances."""
    eyes, looked = measured(tmp_path)
    rows = pictures_rendered.rendered(eyes, [one for one in looked if one.picture.labels], lambda: None)
    assert rows
    assert not [one for one in rows if "m away" in one.what]


def test_what_is_unknown_counts_for_nothing(tmp_path: Path) -> None:
    """A picture of which nobody knows whether a person is in it makes no row."""
    eyes, looked = measured(tmp_path)
    unknown = [replace(one, picture=replace(one.picture, labels=frozenset(), known=frozenset())) for one in looked]
    assert pictures_rendered.rendered(eyes, unknown, lambda: None) == ()


def test_counts_are_paired_and_go_by_place() -> None:
    """One lost and one gained are no loss, and the interval knows that they are two cameras'."""
    pairs = [
        Pair("rain by day", "person", True, "frames", "creek", True, False),
        Pair("rain by day", "person", True, "frames", "ridge", False, True),
    ]
    (row,) = pictures_rendered.rows(pairs)
    assert (row.tries, row.places, row.plain, row.hits, row.lost) == (2, 2, 1, 1, 0.0)
    assert (row.lost_low, row.lost_high) == (-1.0, 1.0)


def test_the_card_says_the_rows_of_the_file(tmp_path: Path) -> None:
    """Into a bundle and back; a card with a prettier row is refused."""
    bundle = box_bundles.make(tmp_path / "bundle", Shown("person", 0.9))
    card, path = bundle / "card.md", bundle / "manifest.toml"
    card.write_text("# stub\n")
    path.write_text(sealed(path.read_text(), {"card": card}))
    given = ["--pictures", str(folder_of(tmp_path / "mine")), "--out", str(tmp_path / "out"), "--into-bundle"]
    assert main(["evaluate", "pictures", str(bundle), *given]) == 0
    told = evidence_pictures.check(manifest.load(bundle))
    assert told is not None
    assert len(told.rendered) >= 16
    text = card.read_text()
    assert evidence_pictures.rendered_table(told) in text
    card.write_text(text.replace("| rain by night | person | frames: 3 |", "| rain by night | person | frames: 30 |"))
    path.write_text(sealed(path.read_text(), {"card": card}))
    with pytest.raises(OtorongoError, match="its rendered rows are not those of"):
        evidence_pictures.check(manifest.load(bundle))


def test_a_false_alarm_is_told_as_one() -> None:
    """What is not in a picture is counted as false, with its sign: less than nothing lost is gained."""
    row = PictureRendered(
        what="rain by day", name="anything", there=False, set="frames", tries=14, places=12, plain=0, hits=2,
        low=0.04, high=0.4, lost=-0.14, lost_low=-0.3, lost_high=0.0,
    )  # fmt: skip
    nothing = evidence_pictures.PictureEvidence(networks={}, pictures=1, data=(), aims=())
    assert evidence_pictures.rendered_table(nothing) == ""
    table = evidence_pictures.rendered_table(structs.replace(nothing, rendered=(row,)))
    assert (
        "| rain by day | false: anything | frames: 14 | 12 | 0 | 2 | 0.04 to 0.40 | -0.14 (-0.30 to +0.00) |" in table
    )
