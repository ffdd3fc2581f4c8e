"""Only what the log lacks is generated, and goes into the log as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tqdm import tqdm

from anatomy_r1.engines.requests import Job, by_question
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.response import Response
from anatomy_r1.responses import ResponseLog

Generate = Callable[[list[list[Job]]], Iterable[list[Response]]]
"""Jobs, those of one question together -> their responses, in any order, as soon as there are some."""


def answer(wanted: Sequence[Job], log: ResponseLog, generate: Generate, *, progress: bool) -> tuple[list[str], int]:
    """The text of each job, in order, and how many had to be generated; each is logged before the next is awaited.

    Raises:
        AnatomyR1Error: when `generate` left a job unanswered, or answered what nobody asked; the log keeps what it got.
    """
    found = {key: response.text for key, response in log.get(job.key for job in wanted).items()}
    missing = {job.key: job for job in wanted if job.key not in found}
    with tqdm(total=len(wanted), initial=len(wanted) - len(missing), unit="response", disable=not progress) as bar:
        for responses in generate(by_question(list(missing.values()))) if missing else ():
            if foreign := [response.key for response in responses if response.key not in missing]:
                raise AnatomyR1Error(f"the engine answered what it was not asked: question {foreign[0].question_id}")
            log.add(responses)
            found |= {response.key: response.text for response in responses}
            bar.update(len(responses))
    if lost := [key.question_id for key in missing if key not in found]:
        raise AnatomyR1Error(
            f"the engine left {len(lost)} of {len(missing)} responses out, the first to question {lost[0]}. "
            "Cure: mend the engine, then the same command; what it answered is in the log"
        )
    return [found[job.key] for job in wanted], len(missing)
