"""Resuming from the log: only missing responses are generated, and each is logged as soon as it arrives."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from tqdm import tqdm

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.jobs import Job, group_by_question
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response

Generate = Callable[[Iterable[list[Job]]], Iterable[list[Response]]]
"""Jobs grouped by question -> their responses, in any order, as soon as they are available."""


class JobQueue:
    """Jobs and their texts. Iterating yields the jobs that the log lacks, question by question.

    Each question is looked up when its turn comes, so that the first one is asked before the last one's image is read.
    """

    def __init__(self, jobs: Iterable[Job], count: int, log: ResponseLog, *, progress: bool) -> None:
        """Take `count` jobs in all; jobs of one question follow each other."""
        self._jobs, self._log = jobs, log
        self._waiting: dict[str, tuple[Job, list[int]]] = {}  # by digest: faster to look up than a key
        self._bar = tqdm(total=count, unit="response", disable=not progress)
        self.texts: list[str | None] = [None] * count
        """In the order of the jobs; None where there is no response yet."""
        self.generated = 0
        """Responses generated so far."""

    def __iter__(self) -> Iterator[list[Job]]:
        index = 0
        for group in group_by_question(self._jobs):
            if missing := self._missing(group, index):
                yield missing
            index += len(group)
        self._bar.refresh()

    def _missing(self, group: Sequence[Job], start: int) -> list[Job]:
        """Jobs that are neither logged nor being generated; the texts of logged ones are recorded."""
        found, missing = self._log.get(job.key for job in group), []
        self._bar.update(len(found))
        for index, job in enumerate(group, start=start):
            if found and job.key in found:
                self.texts[index] = found[job.key].text
            elif (digest := job.key.digest) in self._waiting:
                self._waiting[digest][1].append(index)
            else:
                self._waiting[digest] = job, [index]
                missing.append(job)
        return missing

    def add(self, responses: Sequence[Response]) -> None:
        """Log responses, then record their texts.

        Raises:
            AnatomyR1Error: when a response belongs to no job; none is logged then.
        """
        if foreign := [response.key for response in responses if response.key.digest not in self._waiting]:
            raise AnatomyR1Error(f"the engine answered what it was not asked: question {foreign[0].question_id}")
        self._log.add(responses)
        for response in responses:
            _, indices = self._waiting.pop(response.key.digest, (None, []))  # gone if a response comes twice
            self.generated += bool(indices)
            for index in indices:
                self.texts[index] = response.text
        self._bar.update(len(responses))

    def check_complete(self) -> None:
        """Check that every job has its text.

        Raises:
            AnatomyR1Error: when the engine left one out; the responses received are in the log.
        """
        if lost := [job.key.question_id for job, _ in self._waiting.values()]:
            raise AnatomyR1Error(
                f"the engine left {len(lost)} of {self.generated + len(lost)} responses out, the first to question "
                f"{lost[0]}. Fix: repair the engine, then run the same command; earlier responses are in the log"
            )

    def close(self) -> None:
        """Leave the progress bar as it is."""
        self._bar.close()


def complete_jobs(
    jobs: Iterable[Job], count: int, log: ResponseLog, generate: Generate, *, progress: bool
) -> tuple[list[str], int]:
    """The texts of `count` jobs, in order, and how many of them were generated; each is logged as soon as it arrives.

    Raises:
        AnatomyR1Error: when `generate` leaves a job out, or returns a response to no job; the log keeps the others.
    """
    queue = JobQueue(jobs, count, log, progress=progress)
    groups = iter(queue)
    for responses in generate(groups):
        queue.add(responses)
    deque(groups, maxlen=0)  # what an engine that stopped early has left out
    queue.close()
    queue.check_complete()
    return [text for text in queue.texts if text is not None], queue.generated
