"""What leaves the station as text holds no secret."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otorongo.station.app_check import check
from otorongo.station.redact import without_secrets

ODD = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=12)
SECRET = st.builds(lambda a, b: f"{a}geheim{b}", ODD, ODD)


@given(SECRET, st.sampled_from(["rtsp", "mqtts", "https"]))
def test_no_password_in_an_address_survives(secret: str, scheme: str) -> None:
    """Whatever signs it holds, a password before the host goes, and the host stays."""
    out = without_secrets(f'device = "{scheme}://admin:{secret}@10.0.0.7:554/stream"\nfps = 2.0\n')
    assert "geheim" not in out
    assert "admin" not in out
    assert "10.0.0.7:554/stream" in out
    assert "fps = 2.0" in out


@given(SECRET, st.sampled_from(["password", "pwd", "PASS", "user", "api_token", "secret", "key", "api-key", "Passwd"]))
def test_no_value_of_a_secret_key_survives(secret: str, key: str) -> None:
    """Quoted or not, with = or :, in TOML, JSON or a line of the log."""
    for text in (f'{key} = "{secret}"', f"{key}: {secret}", f'{{"{key}": "{secret}"}}', f"{key}='''\n{secret}\n'''"):
        assert "geheim" not in without_secrets(f"a = 1\n{text}\nb = 2"), text
        assert "b = 2" in without_secrets(f"a = 1\n{text}\nb = 2")


@pytest.mark.parametrize(
    ("text", "out"),
    [
        ("rtsp://10.0.0.7/cam?user=me&password=geheim", "rtsp://10.0.0.7/cam?***"),
        ("rtsp://u:p@ss@host/a", "rtsp://***@host/a"),
        ("-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\nx = 1", "***\nx = 1"),
        ("fps = 2 # the password was geheim", "fps = 2 # ***"),
        ('password_file = "/etc/otorongo/pw"', 'password_file = "/etc/otorongo/pw"'),
        ('seal_key_file = "/a"\nkeepalive_s = 900', 'seal_key_file = "/a"\nkeepalive_s = 900'),
        ("mqtt://me:pw@hub token: abc\npassword_file = '/x'", "mqtt://***@hub token: ***\npassword_file = '/x'"),
    ],
)
def test_what_goes_and_what_stays(text: str, out: str) -> None:
    """Secrets go; where a secret lies, and what is none, stays."""
    assert without_secrets(text) == out


def test_check_shows_no_password_of_a_camera(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its lines are read aloud, photographed and sent to whoever helps."""
    path = tmp_path / "station.toml"
    device = "/dev/rtsp://admin:geheim@10.0.0.1/x"
    path.write_text(f'station = "K-02"\ndata_dir = "{tmp_path}"\n[camera]\ndriver = "opencv"\ndevice = "{device}"\n')
    assert check(path) == 1
    said = capsys.readouterr().out
    assert "10.0.0.1/x: no such device" in said
    assert "geheim" not in said
