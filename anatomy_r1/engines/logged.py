"""Only what the log lacks is generated, and goes into the log as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from tqdm import tqdm

from anatomy_r1.engines.requests import Job, by_question
from anatomy_r1.response import Response
from anatomy_r1.responses import ResponseLog

Generate = Callable[[Iterable[list[Job]]], Iterable[list[Response]]]
"""Jobs, those of one question together -> their responses, in any order, as soon as there are some."""


class Answers:
    """The texts of jobs. Iterating gives what the log lacks, question by question, each looked up when its turn comes.

    So the first question is asked before the last one's picture has been read.
    """

    def __init__(self, wanted: Iterable[Job], count: int, log: ResponseLog, *, progress: bool) -> None:
        """Jobs that follow each other for one question are given together; `count` is how many there are in all."""
        self._wanted, self._log = wanted, log
        self._waiting: dict[str, list[int]] = {}  # by the key's digest, which is faster to look up than the key
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
                self._waiting[digest].append(here)
            else:
                self._waiting[digest] = [here]
                missing.append(job)
        return missing

    def add(self, responses: Sequence[Response]) -> None:
        """Log responses, then note their texts."""
        self._log.add(responses)
        for response in responses:
            for place in self._waiting.pop(response.key.digest):
                self.texts[place] = response.text
        self.made += len(responses)
        self._bar.update(len(responses))

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


def answer(
    wanted: Iterable[Job], count: int, log: ResponseLog, generate: Generate, *, progress: bool
) -> tuple[list[str], int]:
    """The text of each of `count` jobs, in order, and how many had to be generated."""
    answers = Answers(wanted, count, log, progress=progress)
    for responses in generate(answers):
        answers.add(responses)
    answers.close()
    return [text for text in answers.texts if text is not None], answers.made
