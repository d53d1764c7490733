"""Where the library of the GPIO pins leaves its pipe."""

from pathlib import Path


def test_the_pins_library_has_a_folder_of_its_own(root: Path) -> None:
    """A pipe is made in a /tmp that nobody else sees, not in the working folder, which is not to be written."""
    sense = (root / "systemd/otorongo-sense@.service").read_text()
    assert "Environment=LG_WD=/tmp\n" in sense
    assert "PrivateTmp=yes\n" in sense
