"""`make demo`: a hub and two stations on this machine; recordings go in, a ranger's phone rings.

`ONCE=1` ends by itself, and well only if the expected alerts, and no others, were delivered. `MEDIA=folder` replays
recordings of your own; without it those of `../shared/media` if they are there, else what the project renders itself.
"""

import argparse
import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from demo.field import Field, Person
from demo.inputs import Inputs, NothingToPlayError, prepare, strangers
from demo.phone import Message, Phone
from demo.table import delivered, print_table
from otorongo.hub import rules as hub_rules
from otorongo.hub import texts, unseal
from otorongo.hub.acts import Done, act
from otorongo.hub.answers import Who
from otorongo.hub.store import Store
from otorongo.language import language, say, speak
from otorongo.station.outbox import Outbox
from otorongo.station.ports import ClockReading

RING_AGAIN_MIN = 0.2
WAIT_S = 110.0


def main() -> int:
    """Run the demo; the exit status."""
    speak()
    _parser().parse_args()
    once = os.environ.get("ONCE", "") not in ("", "0")
    media, ours = _media()
    try:
        theirs = strangers(media) if media and not ours else None
    except NothingToPlayError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="otorongo-demo-"))
    print(say("Otorongo: a hub and two stations on this machine. Ctrl-C ends it.") + "\n")
    inputs = theirs or prepare(folder, media)
    _tell(say("input"), inputs.words)
    phone = Phone(_show)
    try:
        return _run(folder, inputs, phone, once)
    except KeyboardInterrupt:
        print("\n" + say("stopped"))
        return 0 if not once else 1
    finally:
        phone.close()
        shutil.rmtree(folder, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="demo",
        description=say("A hub and two stations on this machine: recordings go in, a ranger's phone rings."),
        epilog=say(
            "By the environment: ONCE=1 ends by itself; MEDIA=FOLDER replays your own recordings; OTORONGO_LANG=en "
            "speaks English."
        ),
    )


def _media() -> tuple[Path | None, bool]:
    given = os.environ.get("MEDIA", "")
    if given:
        return Path(given).absolute(), (Path(given) / "sounds/esc10/chainsaw").is_dir()
    near = Path(os.environ.get("OTORONGO_SHARED", Path(__file__).parents[1].parent / "shared")) / "media"
    return (near, True) if (near / "sounds/esc10/chainsaw").is_dir() else (None, False)


def _show(message: Message) -> None:
    _tell(say("PHONE"), f"{message.path.strip('/')}: {message.body}")


def _tell(who: str, what: str) -> None:
    """A line of the narration: who or what, and what happens; long ones go on below."""
    width = max(60, shutil.get_terminal_size().columns - 1)
    told = textwrap.fill(
        what,
        width,
        initial_indent=f"{who:<10} ",
        subsequent_indent=" " * 11,
        break_long_words=False,
        break_on_hyphens=False,
    )
    print(told, flush=True)


def _run(folder: Path, inputs: Inputs, phone: Phone, once: bool) -> int:
    field = Field(folder)
    people = [
        Person("guardia.norte", "ranger", "norte", phone.url("guardia.norte")),
        Person("coordinadora", "coordinator", "sede", phone.url("coordinadora")),
        Person("auditora", "auditor", "auditoria", phone.url("auditora"), "en"),
    ]
    web = _has_web()
    roles = "ingest,notify,web" if web else "ingest,notify"
    keys = _custodians(folder)
    named = "".join(f'\n[[custodian]]\nname = "{name}"\nkey = "{key}"\n' for name, key in keys.items())
    field.add_hub(people, re_ring_after_min=RING_AGAIN_MIN, roles=roles, more=named)
    for place, name in enumerate(sorted({*inputs.sounds, *inputs.pictures})):
        field.add_station(name, _sections(inputs, name, keys.values()), place=place, heartbeat_s=20)
    password = _users(field, people) if web else ""
    if web:
        names = ", ".join(one.name for one in people)
        users = say("users: {names}; password: {password}", names=names, password=password)
        _tell(say("pages"), f"http://127.0.0.1:{field.web_port}  {users}")
    tail = None
    try:
        field.start()
        tail = _follow(field)
        well = _play(field, inputs, phone)
        if not once:
            print("\n" + say("The hub goes on running; Ctrl-C ends it."))
            if web:
                print(say("Pages: {address}", address=f"http://127.0.0.1:{field.web_port}"))
            threading.Event().wait()
        return 0 if well else 1
    finally:
        if tail:
            tail.terminate()
            tail.wait()
        field.stop()


def _has_web() -> bool:
    return importlib.util.find_spec("otorongo.hub.web.app") is not None


def _custodians(folder: Path) -> dict[str, str]:
    """Public keys of two who can open what the cameras seal; the private ones lie in the folder, and go with it."""
    names = ("operaciones", "custodia")
    keys = {name: unseal.keygen(folder / f"key-{name}.txt")[0] for name in names}
    keepers = say(" and ").join(names)
    told = say(
        "originals with people are sealed to {names}: {folder}/key-*.txt open them", names=keepers, folder=folder
    )
    _tell(say("seal"), told)
    return keys


def _sections(inputs: Inputs, name: str, keys: Iterable[str]) -> str:
    replay = 'at = "now"\nspeed = 1.0\n'
    recipients = ", ".join(f'"{key}"' for key in keys)
    text = f"[seal]\nrecipients = [{recipients}]\n"
    if name in inputs.sounds:
        text += f'[microphone]\ndriver = "replay"\ndevice = "{inputs.sounds[name]}"\n[microphone.replay]\n{replay}\n'
    if name in inputs.pictures:
        text += f'[camera]\ndriver = "replay"\ndevice = "{inputs.pictures[name]}"\ngate = false\npeople = "seal"\n'
        text += f"[camera.replay]\n{replay}\n"
    return text


def _users(field: Field, people: list[Person]) -> str:
    """A user for each person, with a password that only this run knows."""
    password = "-".join(secrets.token_hex(3) for _ in range(3))
    file = field.folder / "password"
    file.touch(mode=0o600)
    file.write_text(password)
    for one in people:
        words = ["user", "add", one.name, "--role", one.role, "--group", one.group, "--person", one.name]
        argv = [
            sys.executable,
            "-m",
            "otorongo.hub",
            "--config",
            str(field.hub_toml),
            *words,
            "--password-file",
            str(file),
        ]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            _tell(one.name, f"{done.stdout}{done.stderr}".strip())
    return password


def _follow(field: Field) -> "subprocess.Popen[str]":
    """Show what the hub takes in, as it comes."""
    argv = [sys.executable, "-m", "otorongo.hub", "--config", str(field.hub_toml), "tail", "--follow"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            _tell(say("hub"), line.rstrip())

    threading.Thread(target=read, daemon=True).start()
    return process


def _play(field: Field, inputs: Inputs, phone: Phone) -> bool:
    """The story: it rings; one person alone says "false"; it rings again; a second person refuses."""
    sensors = [name for name in field.programs if name.endswith(("/microphone", "/camera"))]

    def over() -> bool:
        return all(not field.programs[name].alive() for name in sensors)

    # A lesser alert is closed by one person; the story is of one that is not.
    _wait(lambda: bool(_high(phone)) or over(), WAIT_S, say("no phone rang"))
    rang_again = not inputs.expected
    if code := _high(phone):
        rang_again = _false_alone(field, phone, code)
    _wait(over, WAIT_S, say("the recordings did not end"))
    _wait(lambda: _drained(field), 60, say("the hub does not have every record"))
    time.sleep(3)
    store = Store.open(field.database_url)
    try:
        print_table(store, phone)
        found = delivered(store, phone)
    finally:
        store.close()
    if inputs.expected is None:
        return True
    wanted, rang = ", ".join(map(_activity, sorted(inputs.expected))), ", ".join(map(_activity, sorted(found)))
    print("\n" + say("expected to ring: {wanted}; rang: {rang}", wanted=wanted, rang=rang or say("nothing")))
    if not rang_again:
        print(say("it did not ring again after one person alone had called it false"))
    return sorted(found) == sorted(inputs.expected) and rang_again


def _high(phone: Phone) -> str:
    """The code of the first high alert that rang; "" before one did."""
    bodies = (message.body for message in phone.messages)
    return next((body.split("ALTA ")[1].split(":")[0] for body in bodies if "ALTA " in body), "")


def _false_alone(field: Field, phone: Phone, code: str) -> bool:
    """One person alone cannot silence an alert: it rings again."""
    store = Store.open(field.database_url)
    rules = hub_rules.load(field.hub_toml)
    try:
        before = len(phone.messages)
        now_ms = time.time_ns() // 1_000_000
        done = act(store, rules, code, Who("guardia.norte", "norte"), "false", now_ms)
        who, state = "guardia.norte", _outcome(done)
        _tell(say("ACT"), say("{who} calls {code} false, alone: {state}", who=who, code=code, state=state))

        def again() -> bool:
            return any("guardia" in message.path and code in message.body for message in phone.messages[before:])

        rang = _wait(again, RING_AGAIN_MIN * 60 + 30, "")
        done = act(store, rules, code, Who("coordinadora", "sede"), "refuse", time.time_ns() // 1_000_000)
        _tell(say("ACT"), say("{who}, of another group, refuses: {state}", who="coordinadora", state=_outcome(done)))
        return rang
    finally:
        store.close()


def _activity(name: str) -> str:
    return texts.named(language(), "activity", name)


def _outcome(done: Done) -> str:
    """What came of an act, as the pages say it."""
    return texts.named(language(), "page.done", done.outcome)


def _drained(field: Field) -> bool:
    for path in field.folder.glob("K-*/data/outbox.db"):
        outbox = Outbox.open(path, boot_id="demo", now=ClockReading(0))
        waiting = outbox.stats().waiting
        outbox.close()
        if waiting:
            return False
    return True


def _wait(check: Callable[[], bool], wait_s: float, else_say: str) -> bool:
    end = time.monotonic() + wait_s
    while not check():
        if time.monotonic() > end:
            if else_say:
                print(say("after {seconds:.0f} s: {what}", seconds=wait_s, what=else_say))
            return False
        time.sleep(0.2)
    return True


if __name__ == "__main__":
    sys.exit(main())
