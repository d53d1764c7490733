"""After `people` was changed from `keep`: nothing that was made then stays open on the card, and that is told."""

import errno
from pathlib import Path

import numpy as np
import pytest

from otorongo.station.__main__ import main
from otorongo.station.app_policy import BEFORE, follow, left_open
from otorongo.station.config import CameraConfig, StationConfig, load
from otorongo.station.outbox import Outbox
from otorongo.station.sealing import Sealer
from tests.station.sealed_rig import keys, open_media, opened, public, sealer
from tests.station.sense_rig import notes, open_outbox
from tests.station.test_folder_camera import picture
from tests.station.test_sealed import people, watch

KEYS = keys()
SEALER = sealer(KEYS)


def station(folder: Path, policy: str) -> tuple[StationConfig, CameraConfig]:
    """A station whose camera has this policy."""
    path = folder / "station.toml"
    recipients = ", ".join(f'"{public(one)}"' for one in KEYS)
    seal = f"[seal]\nrecipients = [{recipients}]\n" if policy == "seal" else ""
    path.write_text(
        f'station = "s"\ndata_dir = "{folder}"\n{seal}[camera]\ndriver = "replay"\ndevice = "{folder / "card"}"\n'
        f'people = "{policy}"\n[camera.replay]\nspeed = 0.0\n'
    )
    config = load(path)
    assert config.camera is not None
    return config, config.camera


def starts(folder: Path, outbox: Outbox, policy: str, close: Sealer | None = None) -> None:
    """The camera's process starts with this policy."""
    config, camera = station(folder, policy)
    follow(config, "camera", camera, outbox, close, lambda: None)


def kept(folder: Path) -> Outbox:
    """A card with the picture of a person as it is, its whole frame, one of scenery and a bad one; all made open."""
    _, outbox, _, _ = watch(folder, people("keep"))
    starts(folder, outbox, "keep")
    (thumbnail,) = (folder / one.path for one in outbox.media.all())
    for name in ("scenery/camera/a.webp", "media/camera-full/2-1-full.webp"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(thumbnail.read_bytes())
    (folder / "bad" / "camera").mkdir(parents=True)
    np.save(folder / "bad" / "camera" / "1.npy", np.zeros(9))
    (folder / "media" / "camera" / "1-1-preview.webp").write_bytes(b"RIFF of an older time")
    (folder / "media" / "microphone").mkdir()
    (folder / "media" / "microphone" / "5-1.ogg").write_bytes(b"OggS")
    return outbox


STAYS = ["1-1-preview.webp", "5-1.ogg"]


def test_with_discard_what_was_open_goes_and_is_told_once(tmp_path: Path) -> None:
    """Pictures, whole frames, scenery and bad ones, and the outbox knows none of them; a sound and a preview stay."""
    outbox = kept(tmp_path)
    before = len(notes(outbox))
    starts(tmp_path, outbox, "discard")
    assert open_media(tmp_path) == STAYS
    assert outbox.media.all() == []
    (note,) = notes(outbox)[before:]
    assert "4 open pictures from then were removed" in note
    (tmp_path / "media" / "camera" / "9-1.webp").write_bytes(b"RIFF of an animal")
    starts(tmp_path, outbox, "discard")
    assert open_media(tmp_path) == [*STAYS, "9-1.webp"], "what is made under the policy is its own"
    assert len(notes(outbox)) == before + 1
    outbox.close()


def test_with_seal_each_is_sealed_and_opens_with_a_key(tmp_path: Path) -> None:
    """Every byte of it, beside under its own path; nothing of them lies open any more."""
    outbox = kept(tmp_path)
    content = {path.relative_to(tmp_path): path.read_bytes() for path in left_open(tmp_path, "camera")}
    assert len(content) == 4
    starts(tmp_path, outbox, "seal", SEALER)
    assert open_media(tmp_path) == STAYS
    for path, raw in content.items():
        assert opened(tmp_path / BEFORE / f"{path}.age", KEYS[1]) == raw
    assert outbox.media.all() == []
    assert "4 open pictures from then were sealed, below before/" in notes(outbox)[-1]
    outbox.close()


def test_what_cannot_be_sealed_is_told_and_tried_again(tmp_path: Path) -> None:
    """A full card: nothing is lost, nothing half done; the next start closes the rest."""
    outbox, left = kept(tmp_path), [2]

    def seal(content: bytes) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "no room")
        return SEALER.seal(content)

    starts(tmp_path, outbox, "seal", Sealer(seal, b"abcd"))
    assert len(left_open(tmp_path, "camera")) == 2
    assert "2 open pictures" in notes(outbox)[-1]
    assert "not all of them" in notes(outbox)[-1]
    starts(tmp_path, outbox, "seal", SEALER)
    assert left_open(tmp_path, "camera") == []
    assert len([one for one in (tmp_path / BEFORE).rglob("*") if one.is_file()]) == 4
    outbox.close()


@pytest.mark.parametrize("policies", [("discard", "seal", "discard"), ("keep", "keep"), ("discard", "keep")])
def test_no_other_change_costs_a_picture(tmp_path: Path, policies: tuple[str, ...]) -> None:
    """Whatever was open under a policy that lets nobody be seen may stay, as may all while everybody agrees."""
    outbox = open_outbox(tmp_path)
    (tmp_path / "media" / "camera").mkdir(parents=True)
    (tmp_path / "media" / "camera" / "9-1.webp").write_bytes(b"RIFF of an animal")
    for policy in policies:
        starts(tmp_path, outbox, policy, SEALER if policy == "seal" else None)
    assert open_media(tmp_path) == ["9-1.webp"]
    assert notes(outbox) == []
    outbox.close()


def test_the_commands_tell_it_and_do_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` counts what lies open and says what to do; the camera's own start does it; then `check` is silent."""
    picture(tmp_path / "card" / "IMG_1.jpg", "2026:01:11 12:00:00", red=False)
    path = str(tmp_path / "station.toml")
    station(tmp_path, "keep")
    assert main(["--config", path, "sense", "camera"]) == 0
    (tmp_path / "scenery" / "camera").mkdir(parents=True)
    (tmp_path / "scenery" / "camera" / "a.webp").write_bytes(b"RIFF")
    main(["--config", path, "check"])
    assert "still lies open" not in capsys.readouterr().out
    station(tmp_path, "discard")
    assert main(["--config", path, "check"]) == 1
    assert "camera.people is discard and was keep: 1 picture from then still lies open" in capsys.readouterr().out
    assert main(["--config", path, "sense", "camera"]) == 0
    assert open_media(tmp_path / "scenery") == []
    main(["--config", path, "check"])
    assert "still lies open" not in capsys.readouterr().out
