"""A folder into which cameras write: by Wi-Fi, by FTP, or a card that somebody puts in. It stays as it is.

Visits are read whole, those that came last before others: what comes while one is read waits for its end, for half a
minute at most. Each file is read once it has settled, stills as one frame, films as some, dated by their own clocks.
Times of different folders, days and cameras are not compared: each folder and day is a clock domain of its own, but
for a visit that goes on past midnight, and where a file comes that is older than the one before it, the other of two
such domains goes on, so that time never runs back in one. What was read is remembered by name, size and date; a restart
goes on behind it.
"""

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from otorongo.language import say
from otorongo.station.adapters import replay_place
from otorongo.station.adapters.folder_visits import Dated, follows, newest_ms, visits
from otorongo.station.adapters.folder_watch import Found, Watch
from otorongo.station.adapters.replay import PICTURES, VIDEOS, doubt_of
from otorongo.station.adapters.replay_day import LEAST_MS, goes_on, of_day
from otorongo.station.adapters.replay_file import Reader, Trouble, of_card, play
from otorongo.station.adapters.replay_place import AGAIN, BEGUN, Place
from otorongo.station.adapters.replay_times import Captured, captured
from otorongo.station.samples import ClockDomain, Fault, Item, Tick
from otorongo.wire.codes import Counter, NoteKind

ENDINGS: Final = (*PICTURES, *VIDEOS)
BATCH: Final = 50
"""About so many files are dated at a time ..."""
BREATH: Final = 10
"""... after so many of which the watchdog is told: a slow card may take a second to say how long a film is ..."""
MANY: Final = 1000
"""... and while so many wait, only newer ones."""
PATIENCE_S: Final = 30.0
"""A visit is read for so long before others that came later."""
NAP_S: Final = 1.0


class FolderCamera:
    """The sensor: `samples()` yields what its files hold, for ever."""

    def __init__(
        self,
        path: Path,
        read: Reader,
        zone: ZoneInfo,
        *,
        name: str,
        committed: Callable[[str], str | None] = lambda name: None,
        mark: Callable[[tuple[str, str]], object] = lambda cursor: None,
        heavy: Callable[[Path], bool] = lambda path: False,
        duration_ms: Callable[[Path], int] = lambda path: 0,
        sweep: Callable[[set[str]], None] = lambda names: None,
        settle_s: float = 3.0,
        poll_s: float = 2.0,
        close_s: float = 60.0,
        now_ms: Callable[[], int | None] = lambda: None,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep_s: Callable[[float], None] = time.sleep,
    ) -> None:
        """`close_s` without a new file ends what goes on; `now_ms` is UTC, or None while nobody knows it.

        `sweep` is told which files there are when the whole folder was looked through.
        """
        self._path = path
        self._read = read
        self._zone = zone
        self._name = name
        self._committed = committed
        self._mark = mark
        self._heavy = heavy
        self._duration_ms = duration_ms
        self._sweep = sweep
        self._poll_s = poll_s
        self._close_s = max(close_s, LEAST_MS / 1000)
        self._now_ms = now_ms
        self._monotonic_s = monotonic_s
        self._sleep_s = sleep_s
        self._watch = Watch(path, ENDINGS, settle_s, monotonic_s)
        self._told: dict[str, set[str]] = {"foreign": set(), "doubted": set()}
        self._domain: ClockDomain | None = None
        self._folder = ""
        """Of that domain."""
        self._last_ms = 0
        """Of the newest item in it."""
        self._since_s: float | None = None
        """When the newest sample was given; None: what it began has been ended."""
        self._visit: deque[Dated] = deque()
        """Files that are next ..."""
        self._visit_s = 0.0
        """... of a visit that was begun then ..."""
        self._begun_ms = 0
        """... and was last changed then."""
        self._before: Dated | None = None
        """The file that was read last."""
        self._rest: list[Dated] = []
        """Files that are left."""
        self._settles_s = settle_s + 2 * poll_s
        self._look_s = 0.0
        self._there = True
        self._closed = False

    def close(self) -> None:
        """Let `samples` end after the next sample."""
        self._closed = True

    def samples(self) -> Iterator[Item]:
        """Frames as their files come, visit by visit; ticks and faults between them."""
        while not self._closed:
            self._look()
            yield from self._news()
            batch: list[Found] = []
            if not self._visit or self._monotonic_s() - self._visit_s > PATIENCE_S:
                self._rest += self._visit
                self._visit.clear()
                newest = newest_ms(self._rest) if len(self._rest) >= MANY else None
                batch = self._watch.take(BATCH, newest, self._apart_ms)
                yield from self._dated(batch)
                self._choose()
            if self._visit:
                yield from self._file(self._visit.popleft())
                continue
            yield self._tick()
            if not batch:
                self._wait(self._look_s)

    @property
    def _apart_ms(self) -> int:
        return round(self._close_s * 1000)

    def _choose(self) -> None:
        """Choose what is next: the visit that goes on, else the one that came last; nothing, if more of it may come."""
        there, last, now_s = visits(self._rest, self._apart_ms), self._before, self._monotonic_s()
        chosen: list[Dated] = max(there, key=newest_ms, default=[])
        more: list[Dated] = []
        if last and self._since_s is not None:  # its visit goes on
            more = next((visit for visit in there if follows(visit[0], last, self._apart_ms)), [])
            if now_s - self._visit_s > PATIENCE_S:
                others = [visit for visit in there if visit is not more and newest_ms(visit) > self._begun_ms]
                chosen, more = max(others, key=newest_ms, default=more or chosen), []
            elif not more and self._settles(there, last, now_s - self._since_s):
                return
        if more:
            chosen = more
        elif chosen:
            self._visit_s, self._begun_ms = now_s, newest_ms(chosen)
        self._visit = deque(chosen)
        self._rest = [one for visit in there if visit is not chosen for one in visit]

    def _settles(self, there: list[list[Dated]], last: Dated, for_s: float) -> bool:
        """Whether something is being written that may be of the visit which this file was of."""
        after = any(last.order < visit[-1].order and visit[-1].found.folder == last.found.folder for visit in there)
        return not after and for_s <= self._settles_s and self._watch.waits(last.found.folder)

    def _look(self) -> None:
        """See what has changed, if it is time to."""
        if (now_s := self._monotonic_s()) >= self._look_s:
            if self._watch.look():
                self._sweep(self._watch.names())
            self._look_s = now_s + self._poll_s

    def _wait(self, until_s: float) -> None:
        while not self._closed and (left_s := until_s - self._monotonic_s()) > 0:
            self._sleep_s(min(NAP_S, left_s))

    def _tick(self) -> Tick:
        """Time stands while a visit may go on; when no more of it came for long enough, it ends."""
        if self._since_s is not None and self._monotonic_s() - self._since_s > self._close_s:
            self._since_s = None
            self._last_ms += round(self._close_s * 1000) + 1
        return Tick(self._last_ms, self._domain)

    def _news(self) -> Iterator[Fault]:
        """What is to be told of the folder itself, and of files that are no pictures."""
        if self._watch.there != self._there:
            self._there = self._watch.there
            kind = NoteKind.SENSOR_BACK if self._there else NoteKind.SENSOR_FAULT
            what = (
                say("is there again")
                if self._there
                else say("cannot be listed: is the card in, the disk there, the path right?")
            )
            yield Fault(self._last_ms, kind, say("folder {path} {what}", path=self._path, what=what))
        while self._watch.problems:
            yield Fault(self._last_ms, NoteKind.BAD_INPUT, self._watch.problems.pop(0), 1)
        while self._watch.foreign:
            name = self._watch.foreign.pop(0)
            first = self._first("foreign", name)
            text = say(
                "{name}: is no picture or film (allowed: {allowed}): it stays, as do others of its folder",
                name=name,
                allowed=", ".join(ENDINGS),
            )
            yield Fault(self._last_ms, NoteKind.BAD_INPUT, text if first else "", 1, None, first, Counter.FOREIGN)

    def _first(self, what: str, name: str) -> tuple[str, str] | None:
        """The cursor of something that is told once for a folder; None: it was told, perhaps before a restart."""
        folder = name.rpartition("/")[0]
        cursor = f"{self._name}\n{folder}/ {what}"
        if folder in self._told[what]:
            return None
        self._told[what].add(folder)
        return None if self._committed(cursor) else (cursor, "told")

    def _dated(self, batch: list[Found]) -> Iterator[Item]:
        """When the files of a batch were taken, but for those that are done."""
        for number, found in enumerate(batch, 1):
            if not number % BREATH:
                yield Tick(self._last_ms, self._domain)
            if found.retried:
                yield Fault(self._last_ms, NoteKind.BAD_INPUT, "", counter=Counter.RETRIED)
            kept = self._committed(self._cursor(found))
            _, place = replay_place.parse(kept)
            same = place is not None and (place.size, place.mtime_ms) == found.stat
            if place and same and place.ended and place.how not in (BEGUN, AGAIN):
                continue
            try:
                when = captured(found.path, self._zone, self._now_ms())
            except OSError as error:
                yield from self._trouble(found, of_card(error), 0)
                continue
            if when.source == "changed":  # when its last byte was written
                when = when._replace(utc_ms=when.utc_ms - self._duration_ms(found.path))
            self._rest.append(Dated(found, when, place if same else replay_place.load(kept, when.utc_ms)))

    def _file(self, file: Dated) -> Iterator[Item]:
        """What is new of one file."""
        before, self._before = self._before, file
        found, when, known = file
        if when.doubt:
            first = self._first("doubted", found.name)
            yield doubt_of(found.name, when, self._last_ms, set() if first else {found.folder}, None, first)
        domain, base_ms = self._times(found, when, self._bound_ms(file, before))

        def mark(place: Place) -> None:
            self._mark((self._cursor(found), place.dump(when.utc_ms)))

        for got in play(found.path, known, self._read, self._heavy, mark):
            if self._closed:
                return
            if isinstance(got, Trouble):
                yield from self._trouble(found, got, when.utc_ms)
                continue
            self._domain, self._folder, self._last_ms = domain, found.folder, base_ms + got.part.offset_ms
            yield dataclasses.replace(
                got.part.sample,
                t_ms=self._last_ms,
                source=found.name,
                domain=domain,
                cursor=(self._cursor(found), got.place.dump(when.utc_ms)),
                last=got.part.position < 0,
            )
            self._since_s = self._monotonic_s()
            self._look()  # a film takes its time, and what comes meanwhile settles

    def _trouble(self, found: Found, trouble: Trouble, utc_ms: int) -> Iterator[Fault]:
        """A file that cannot be read stays where it is; it is looked at again when it has changed, or is back.

        One that the card does not give is told once, and tried again without a word.
        """
        if trouble.gone:
            self._watch.forget(found)
        else:
            self._watch.again(found, shut=trouble.shut)
        if trouble.shut and found.retried:
            return
        more = say("; it is tried again, after an hour at the latest") if trouble.shut else ""
        text = f"{found.name}: {trouble.why}"[:400] + more
        cursor = (self._cursor(found), trouble.place.dump(utc_ms)) if trouble.place else None
        yield Fault(self._last_ms, NoteKind.BAD_INPUT, text, 1, None, cursor)

    def _bound_ms(self, file: Dated, before: Dated | None) -> int:
        """How wrong its time is at most.

        A film says little of its clock, or nothing: where its date goes on with the picture before it, they are of one
        visit, and one clock.
        """
        here, there = file.when, before.when if before else file.when
        vague = {"changed", "film"} & {here.source, there.source}
        if before and self._domain and vague and not (here.doubt or there.doubt):
            return self._domain.bound_ms if follows(file, before, self._apart_ms) else here.bound_ms
        return here.bound_ms

    def _times(self, found: Found, when: Captured, bound_ms: int) -> tuple[ClockDomain, int]:
        """The clock domain of a file, in which time does not run back with it, and its beginning there in ms."""
        now, utc_ms = self._domain, when.utc_ms
        if now and found.folder == self._folder and goes_on(now, self._last_ms, utc_ms, bound_ms, self._apart_ms):
            return now, utc_ms - now.utc0_ms
        domain = of_day(f"{self._name}: {found.folder}:", utc_ms, bound_ms)
        t_ms = utc_ms - domain.utc0_ms
        late = dataclasses.replace(domain, key=f"{domain.key}, late")
        runs_back = now and now.key == (domain.key if t_ms < self._last_ms else late.key)
        return late if runs_back else domain, t_ms

    def _cursor(self, found: Found) -> str:
        return f"{self._name}\n{found.name}"
