"""Only what the log lacks is generated, and goes into the log as it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from tqdm import tqdm

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.jobs import Job, by_question
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response

Generate = Callable[[Iterable[list[Job]]], Iterable[list[Response]]]
"""Jobs, those of one question together -> their responses, in any order, as soon as there are some."""


class Answers:
    """The texts of jobs. Iterating gives what the log lacks, question by question, each looked up when its turn comes.

    So the first question is asked before the last one's picture has been read.
    """

    def __init__(self, wanted: Iterable[Job], count: int, log: ResponseLog, *, progress: bool) -> None:
        """Jobs that follow each other for one question are given together; `count` is how many there are in all."""
        self._wanted, self._log = wanted, log
        self._waiting: dict[str, tuple[Job, list[int]]] = {}  # by digest: faster to look up than a key
        self._bar = tqdm(total=count, unit="response", disable=not progress)
        self.texts: list[str | None] = [None] * count
        """In the order of the jobs; None where there is no response yet."""
        self.made = 0
        """Responses generated so far."""

    def __iter__(self) -> Iterator[list[Job]]:
        place = 0
        for group in by_question(self._wanted):
            if missing := self._missing(group, place):
                yield missing
            place += len(group)
        self._bar.refresh()

    def _missing(self, group: Sequence[Job], place: int) -> list[Job]:
        """Those that are neither in the log nor on their way; the texts of the others are noted."""
        found, missing = self._log.get(job.key for job in group), []
        self._bar.update(len(found))
        for here, job in enumerate(group, start=place):
            if found and job.key in found:
                self.texts[here] = found[job.key].text
            elif (digest := job.key.digest) in self._waiting:
                self._waiting[digest][1].append(here)
            else:
                self._waiting[digest] = job, [here]
                missing.append(job)
        return missing

    def add(self, responses: Sequence[Response]) -> None:
        """Log responses, then note their texts.

        Raises:
            AnatomyR1Error: when one is to what was not asked; none is logged then.
        """
        if foreign := [response.key for response in responses if response.key.digest not in self._waiting]:
            raise AnatomyR1Error(f"the engine answered what it was not asked: question {foreign[0].question_id}")
        self._log.add(responses)
        for response in responses:
            _, places = self._waiting.pop(response.key.digest, (None, []))  # gone where one came twice
            self.made += bool(places)
            for place in places:
                self.texts[place] = response.text
        self._bar.update(len(responses))

    def check_whole(self) -> None:
        """Pass if every job has its text.

        Raises:
            AnatomyR1Error: when the engine left one out; the log keeps what it got.
        """
        if lost := [job.key.question_id for job, _ in self._waiting.values()]:
            raise AnatomyR1Error(
                f"the engine left {len(lost)} of {self.made + len(lost)} responses out, the first to question "
                f"{lost[0]}. Fix: mend the engine, then the same command; what it answered is in the log"
            )

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


def answer(
    wanted: Iterable[Job], count: int, log: ResponseLog, generate: Generate, *, progress: bool
) -> tuple[list[str], int]:
    """The text of each of `count` jobs, in order, and how many had to be generated; each is logged as it comes.

    Raises:
        AnatomyR1Error: when `generate` left a job unanswered, or answered what nobody asked; the log keeps what it got.
    """
    answers = Answers(wanted, count, log, progress=progress)
    questions = iter(answers)
    for responses in generate(questions):
        answers.add(responses)
    deque(questions, maxlen=0)  # an engine that stopped early left these out
    answers.close()
    answers.check_whole()
    return [text for text in answers.texts if text is not None], answers.made
