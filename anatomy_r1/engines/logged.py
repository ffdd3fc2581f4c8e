"""Only what the log lacks is generated, and goes into the log as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tqdm import tqdm

from anatomy_r1.engines.requests import Job, by_question
from anatomy_r1.response import Response
from anatomy_r1.responses import ResponseLog

Generate = Callable[[list[list[Job]]], Iterable[list[Response]]]
"""Jobs, those of one question together -> their responses, in any order, as soon as there are some."""


def answer(wanted: Sequence[Job], log: ResponseLog, generate: Generate, *, progress: bool) -> tuple[list[str], int]:
    """The text of each job, in order, and how many had to be generated; each is logged before the next is awaited."""
    found = {key: response.text for key, response in log.get(job.key for job in wanted).items()}
    missing = {job.key: job for job in wanted if job.key not in found}
    with tqdm(total=len(wanted), initial=len(wanted) - len(missing), unit="response", disable=not progress) as bar:
        for responses in generate(by_question(list(missing.values()))) if missing else ():
            log.add(responses)
            found |= {response.key: response.text for response in responses}
            bar.update(len(responses))
    return [found[job.key] for job in wanted], len(missing)
