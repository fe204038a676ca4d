"""A campaign of faults from one seed: strikes an installation while it works, and then looks."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import psutil
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from app.models import Job, JobState
from tests.faults.installation import Installation, installed
from tests.faults.laws import Outcome, all_documents, outcome_of, stray_files
from tests.faults.plan import TARGETS, Fault, draw
from tests.faults.services import family
from tests.faults.tally import Tally
from tests.faults.texts import KINDS, Kind

_FAULTS_A_ROUND = 20
_MOST_UNSETTLED = 2
_STAGE_SECONDS = 40.0
_AIM_SECONDS = 60.0
_STUCK_SECONDS = 240.0


class Standing(NamedTuple):
    """Where a job stands."""

    job_id: str
    state: str
    stage: str | None
    attempt: int
    completed: int | None


class Aim(NamedTuple):
    """Who is to be struck, and because of which job."""

    service: str
    job_id: str | None
    victims: list[psutil.Process]

    def is_good(self) -> bool:
        """Say whether there is somebody to strike."""
        return bool(self.victims) and all(each.is_running() for each in self.victims)


class Campaign:
    """One seed's installation, plan and history."""

    def __init__(
        self, installation: Installation, faults: Iterator[Fault], say: Callable[[str], None]
    ) -> None:
        self.installation, self._faults, self._say = installation, faults, say
        self._kinds = cycle(KINDS)
        self._kind_of: dict[str, Kind] = {}
        self._wanted: dict[str, Outcome] = {}
        self._seen: set[str] = set()
        self.history: list[str] = []
        self.tally = Tally()

    def run(self) -> Tally:
        """Learn what is right from an undisturbed run, then strike, settle and look by rounds."""
        for _ in KINDS:
            self._upload()
        self._settle()
        self._wanted = {
            self._kind_of[each].name: outcome_of(self.installation, each) for each in self._kind_of
        }
        self._seen = set(self._kind_of)
        self._say("the undisturbed run is over")
        while faults := list(islice(self._faults, _FAULTS_A_ROUND)):
            for fault in faults:
                self._keep_busy()
                self._strike(fault)
            self._settle()
            self._check()
        return self.tally

    def _keep_busy(self) -> None:
        while len(_active(self._look())) < _MOST_UNSETTLED and not self._is_blind():
            self._upload()

    def _upload(self) -> None:
        kind = next(self._kinds)
        document_id: str | None = None
        while document_id is None:
            self.installation.pause(0.05)
            document_id = self.installation.upload(kind.text, kind.options)
        self._kind_of[document_id] = kind

    def _strike(self, fault: Fault) -> None:
        """Wait for a job to be in the fault's stage, and carry it out."""
        aim = self._take_aim(fault)
        self.installation.pause(fault.delay_seconds)
        stage = self._stage_of(aim.job_id)
        if fault.signal == signal.SIGSTOP:
            self.installation.keeper.freeze(aim.service, aim.victims, fault.hold_seconds)
        for victim in aim.victims if fault.signal != signal.SIGSTOP else ():
            with suppress(psutil.NoSuchProcess):
                victim.send_signal(fault.sent)
        self.tally.hits[fault.target, fault.signal.name, stage] += 1
        struck = f"{aim.service} in {stage} of {aim.job_id}"
        self.history.append(f"{time.strftime('%X')} {fault}; struck {struck}")
        self._say(self.history[-1])

    def _take_aim(self, fault: Fault) -> "Aim":
        """Wait until a job is in the stage, and say who is to be struck: some stages are short.

        Without such a job for long, whatever there is then is struck.
        """
        started, aim, aimed_at = time.monotonic(), Aim("", None, []), None
        while True:
            active = _active(self._look())
            there = [each for each in active if _stage(each) == fault.stage]
            patient = time.monotonic() < started + _STAGE_SECONDS
            standing = (there or active or [None])[0]
            at = standing and (standing.job_id, standing.attempt)
            if at != aimed_at or not aim.is_good():
                aim, aimed_at = self._aim_at(fault, at and at[0]), at
            if aim.is_good() and (there or not patient):
                return aim
            if time.monotonic() > started + _STAGE_SECONDS + _AIM_SECONDS:
                raise AssertionError(f"there is nothing to strike for {fault}")
            if not active:
                self._keep_busy()
            self.installation.pause(0.003)

    def _aim_at(self, fault: Fault, job_id: str | None) -> "Aim":
        name = self._service_of(fault, job_id)
        is_frozen = self.installation.keeper.is_frozen(name)
        return Aim(name, job_id, [] if is_frozen else self._victims(fault, name))

    def _service_of(self, fault: Fault, job_id: str | None) -> str:
        if fault.target in ("worker", "pool", "trainer"):
            at_work = self.installation.worker_of(job_id) if job_id else None
            return at_work or self.installation.workers()[0]
        return fault.target

    def _victims(self, fault: Fault, name: str) -> list[psutil.Process]:
        service = self.installation.service(name)
        if not service.is_running():
            return []
        match fault.target:
            case "trainer":
                return self.installation.trainers(name)[:1]
            case "pool":
                return family(service.pid, recursive=False)[1:2]
        everything = family(service.pid)
        return everything if fault.signal == signal.SIGSTOP else everything[:1]

    def _settle(self) -> None:
        """Wait until nothing is left to do.

        Raises:
            AssertionError: for minutes nothing has changed.
        """
        before, changed_at = None, time.monotonic()
        while True:
            now = self._look()
            if now and not _active(now) and self.installation.keeper.is_calm():
                return
            if now != before:
                before, changed_at = now, time.monotonic()
            assert time.monotonic() < changed_at + _STUCK_SECONDS, f"stuck: {_active(now)}"
            self.installation.pause(0.1)

    def _check(self) -> None:
        """Compare all that came of this round with what is right."""
        documents = all_documents(self.installation)
        lost = self._kind_of.keys() - documents
        assert not lost, f"accepted and gone: {lost}"
        for document_id in sorted(documents - self._seen):
            outcome = outcome_of(self.installation, document_id)
            kind = self._kind_of.get(document_id)
            right = [self._wanted[kind.name]] if kind else list(self._wanted.values())
            assert outcome in right, f"{document_id} differs from the undisturbed run"
        self.tally.num_documents += len(documents - self._seen)
        self.tally.num_untold += len(documents - self._seen - self._kind_of.keys())
        self.tally.num_attempts = sum(each.attempt for each in self._look()) - len(KINDS)
        self._seen |= documents
        self.tally.strays += stray_files(self.installation)
        for worker in self.installation.workers():
            assert len(self.installation.trainers(worker)) <= 1, "a trainer is left over"
        self._say(f"a round is over: {len(documents)} documents are as they have to be")

    def _look(self) -> list[Standing]:
        """Return where all jobs stand; nothing while the database is away."""
        if self._is_blind():
            return []
        columns = (Job.id, Job.state, Job.stage, Job.attempt, Job.completed)
        try:
            with self.installation.database.reading() as session:
                return [Standing(*row) for row in session.execute(select(*columns))]
        except DBAPIError:
            return []

    def _stage_of(self, job_id: str | None) -> str:
        found = [each for each in self._look() if each.job_id == job_id]
        return _stage(found[0]) if found else "unknown"

    def _is_blind(self) -> bool:
        return self.installation.keeper.is_frozen("postgres")


def campaign(
    seed: int, num_faults: int, folder: Path, model: Path, say: Callable[[str], None]
) -> Tally:
    """Run the campaign of a seed: an even one on PostgreSQL, an odd one on SQLite.

    Raises:
        AssertionError: a law is broken; seed and history are part of its message.
    """
    postgres = seed % 2 == 0
    targets = TARGETS if postgres else TARGETS[:-1]
    workers = 2 if seed % 3 == 0 else 1
    with installed(folder, model, postgres=postgres, num_workers=workers) as installation:
        faults = draw(seed, num_faults, targets)
        running = Campaign(installation, faults, lambda what: say(f"seed {seed}: {what}"))
        try:
            tally = running.run()
        except Exception as error:
            told = "\n".join(running.history)
            again = f"python -m tests.faults --seed {seed} --seeds 1 --kills {num_faults}"
            message = f"{error}\nagain: {again}\nfiles: {folder}\n{told}"
            raise AssertionError(message) from error
    left = installation.survivors()
    assert left == [], f"seed {seed}: still running: {left}"
    return tally


def _active(standings: Sequence[Standing]) -> list[Standing]:
    over = (JobState.READY, JobState.FAILED, JobState.CANCELLED)
    return [each for each in standings if each.state not in over]


def _stage(standing: Standing) -> str:
    if standing.state == JobState.RUNNING:
        return standing.stage or "claimed"
    return standing.state
