"""hub.toml: what loads, what is refused, and in which words."""

from pathlib import Path

import pytest

from otorongo import language
from otorongo.hub import config
from otorongo.toml import ConfigError
from tests.spoken import english_in

PLACE = '[[place]]\nname = "Cocha"\nkind = "protected"\npolygon = "c.geojson"\n'
RIGHT = '[[right]]\nholder = "E"\nkind = "k"\nactivity = "logging"\nplace = "Cocha"\n'


def load(folder: Path, text: str) -> config.HubConfig:
    """Read a text as hub.toml."""
    (folder / "hub.toml").write_text(text)
    return config.load(folder / "hub.toml")


def test_an_empty_file_is_a_hub(tmp_path: Path) -> None:
    """Everything has a default: its own broker, SQLite in one folder, and the activities that every hub knows."""
    hub = load(tmp_path, "")
    assert hub.database_url == "sqlite:////var/lib/otorongo-hub/hub.db"
    assert str(hub.pki_path) == "/var/lib/otorongo-hub/pki"
    assert [one.name for one in hub.activities] == [
        "logging",
        "mining",
        "clearing",
        "poaching",
        "intrusion",
        "presence",
    ]


def test_paths_are_relative_to_the_file_not_to_where_the_program_was_started(tmp_path: Path) -> None:
    """Secrets, certificates, data and copies; an absolute path stays, and an empty one."""
    text = (
        'data_dir = "data"\ndatabase = "sqlite:///hub.db"\n'
        '[broker]\nkey_file = "hub.key"\n[backup]\nfolder = "copies"\n'
        '[[person]]\nname = "a"\nchannels = [{ url_file = "a.url" }, { url_file = "/etc/a.url" }]\n'
    )
    hub = load(tmp_path, text)
    assert (hub.data_dir, hub.backup.folder) == (f"{tmp_path}/data", f"{tmp_path}/copies")
    assert (hub.broker.key_file, hub.broker.ca_file) == (f"{tmp_path}/hub.key", "")
    assert hub.database_url == f"sqlite:///{tmp_path}/hub.db"
    assert [one.url_file for one in hub.person[0].channels] == [f"{tmp_path}/a.url", "/etc/a.url"]
    assert hub.pki_path == tmp_path / "data" / "pki"
    server = 'database = "postgresql://u@h/hub"\n'
    assert load(tmp_path, server).database == "postgresql://u@h/hub"


def test_an_activity_of_ones_own_stands_before_ours(tmp_path: Path) -> None:
    """The file's activity takes the place of ours of that name; without weights it switches ours off."""
    hub = load(
        tmp_path, '[[activity]]\nname = "logging"\nweights = { chainsaw = 1.0 }\n[[activity]]\nname = "mining"\n'
    )
    assert [one.name for one in hub.activities] == ["logging", "clearing", "poaching", "intrusion", "presence"]
    assert hub.activities[0].weights == {"chainsaw": 1.0}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("data = 1", r"hub.toml: data: no such key \(allowed: data_dir, database"),
        (PLACE.replace("protected", "park"), r"place\[0\].kind: .*allowed: protected, shared_use"),
        (PLACE + PLACE, "place: 'Cocha' stands twice"),
        (PLACE.replace("Cocha", "~Cocha"), "the name begins with ~"),
        ('zone = "Lima"', r"zone: 'Lima' is no time zone \(allowed: such as America/Lima\)"),
        (RIGHT, r"right of E: place: 'Cocha' is none \(allowed: none yet\)"),
        (PLACE + RIGHT.replace("logging", "loging"), r"right of E: activity: 'loging' is none \(allowed: clearing"),
        (PLACE + RIGHT + 'hours = "6-18"', r"right of E: hours: '6-18' \(allowed: such as 06:00-18:00\)"),
        (PLACE + RIGHT + 'season = ["2026-10-01", "2026-01-01"]', "right of E: season: ends before it begins"),
        ('[[person]]\nname = "a"\nplaces = ["X"]', r"person a: places: 'X' is none \(allowed: \*\)"),
        ('[[person]]\nname = "a"\nchannels = [{}]', r"person a: channels\[0\]: needs url_file, or url, not both"),
        (
            '[[person]]\nname = "a"\nchannels = [{ url = "tgram://x/y" }]',
            "url would lay a secret open: put the address",
        ),
        ('[[activity]]\nname = "x"\nweights = { saw = 1.0 }', "weights: 'saw' is no class .allowed: chainsaw"),
        ('[[activity]]\nname = "x"\nweights = { dog = 1.0 }\nring_at = 0.999', "must rise in this order"),
        ('[[station]]\nname = "K 1"\nlatitude_deg = 0\nlongitude_deg = 0', "station.name: "),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """The error names the file, the key, the reason and what is allowed, in the language that is spoken."""
    with pytest.raises(ConfigError, match=reason) as error:
        load(tmp_path, text)
    assert str(error.value).startswith(f"{tmp_path}/hub.toml: ")
    language.speak("es")
    with pytest.raises(ConfigError) as spanish:
        load(tmp_path, text)
    assert english_in(str(spanish.value)) == []
