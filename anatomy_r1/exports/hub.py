"""The Hugging Face Hub: `.eval_results/*.yaml`, and the `model-index` of a model card. Scores are in percent.

Both are for the repository of one model, that is, of one checkpoint. `.eval_results` (huggingface.co/docs/hub/
eval-results) ties a score to a benchmark, which is a data set on the Hub with a task in its `eval.yaml`; it has one
number an entry, and a free text, which carries the rest. `model-index` is older; its metrics have arguments, which
carry error and interval as numbers.

huggingface_hub is not imported: the formats are few keys of YAML, and tests read them back by its own classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from anatomy_r1 import __version__
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.exports.evidence import Evidence, Number, numbers
from anatomy_r1.exports.statements import in_one, interval_line, statements
from anatomy_r1.files import write_output
from anatomy_r1.scoring.intervals import CONFIDENCE
from anatomy_r1.scoring.metrics import K
from anatomy_r1.tables.markdown import escape

TASK = {"type": "visual-question-answering", "name": "Visual question answering, multiple choice"}
FENCE = "---"
INDEX = "model-index"


@dataclass(frozen=True, slots=True)
class HubOptions:
    """What only the user knows."""

    dataset: str | None = None
    """Benchmark data set on the Hub, `ORG/NAME`: needed for `.eval_results`, which is left out without it."""
    task: str | None = None
    """Task of that data set's `eval.yaml`; None: the benchmark's name."""
    metric: str = f"avg@{K}"
    """The one number of an entry of `.eval_results`."""
    source_url: str | None = None
    """Page with the evidence, such as the site of the run."""
    date: str | None = None
    """When the evaluation was run, in ISO 8601."""


def write_hub(folder: Path, found: Sequence[Evidence], options: HubOptions) -> list[Path]:
    """Write both formats into the folder of a model repository; text of its README.md is kept as it is.

    Raises:
        AnatomyR1Error: The results are of several checkpoints or twice of one benchmark, or the card has an index.
    """
    _check_one_model(found)
    card = folder / "README.md"
    text = with_model_index(card, found, options)
    written = []
    if options.dataset:
        entries = eval_results(found, options)
        written.append(write_output(folder / ".eval_results" / "anatomy-r1.yaml", _yaml(entries)))
    return [*written, write_output(card, text)]


def _check_one_model(found: Sequence[Evidence]) -> None:
    names = sorted({one.name for one in found})
    if len(names) > 1:
        more = f" and {len(names) - 4} more" if len(names) > 4 else ""
        fix = f"Fix: name the results of one of them, one seed: anatomy-r1 export hub {found[0].path} --out DIR"
        problem = f"results of {len(names)} models ({', '.join(names[:4])}{more}): a model card is of one"
        raise AnatomyR1Error(f"{problem}. {fix}")
    weights = sorted({str(one.plan["weights"]) for one in found if one.plan.get("weights")})
    if len(weights) > 1:
        fix = "Fix: name the results of one of them: a repository of its own for each checkpoint"
        problem = f"{names[0]}: results of {len(weights)} checkpoints (weights {', '.join(weights[:4])[:200]})"
        raise AnatomyR1Error(f"{problem}: a model card is of one. {fix}")
    titles = [one.title for one in found]
    if twice := sorted({title for title in titles if titles.count(title) > 1}):
        raise AnatomyR1Error(f"{twice[0]}: named by two results of one model. Fix: name each benchmark once")


def eval_results(found: Sequence[Evidence], options: HubOptions) -> list[dict[str, Any]]:
    """The entries of an `.eval_results` file: one for each result that asked all test questions as they are.

    A control, such as `@no-image`, or a part of the questions is no score of the benchmark, and no leaderboard could
    tell.
    """
    if options.dataset is None or options.dataset.count("/") != 1:
        raise AnatomyR1Error(f"--dataset {options.dataset}: no data set of the Hub. Fix: --dataset ORG/NAME")
    plain = [one for one in found if one.title == one.benchmark]
    if not plain:
        fix = "Fix: name the result of all test questions in the plain view, or leave --dataset out"
        raise AnatomyR1Error(f"{found[0].title}: a control, or a part, is no score of a benchmark. {fix}")
    return [_entry(one, options) for one in plain]


def _entry(evidence: Evidence, options: HubOptions) -> dict[str, Any]:
    number = _named(evidence, options.metric)
    source = {"source": {"url": options.source_url, "name": "anatomy-r1"}} if options.source_url else {}
    return {
        "dataset": {"id": options.dataset, "task_id": options.task or evidence.benchmark},
        "value": _percent(number.interval.mean),
        **({"date": options.date} if options.date else {}),
        **source,
        "notes": f"{with_interval(number)}. {in_one(evidence)}",
    }


def _named(evidence: Evidence, metric: str) -> Number:
    known = {one.id: one for one in numbers(evidence)}
    if metric not in known:
        raise AnatomyR1Error(f"--metric {metric}: {evidence.source} has none. Fix: one of {', '.join(known)}")
    return known[metric]


def with_interval(number: Number) -> str:
    """A number in percent with its interval, for reading."""
    one = number.interval
    if one.low is None or one.high is None:
        return f"{number.title} {100 * one.mean:.2f} % [no interval: one cluster]"
    return f"{number.title} {100 * one.mean:.2f} % [{100 * one.low:.2f}, {100 * one.high:.2f}]"


def _percent(share: float) -> float:
    return round(100 * share, 4)


def model_index(found: Sequence[Evidence], options: HubOptions) -> list[dict[str, Any]]:
    """The value of `model-index`: one model, with a result for each benchmark and all its metrics."""
    return [{"name": found[0].name, "results": [_indexed(one, options) for one in found]}]


def _indexed(evidence: Evidence, options: HubOptions) -> dict[str, Any]:
    data = evidence.provenance.get("data")
    arguments = dict(data) if isinstance(data, dict) else {}
    dataset = {
        "name": evidence.title,
        "type": options.dataset or evidence.title,
        **({"config": options.task or evidence.benchmark} if options.dataset else {}),
        "split": str(evidence.plan.get("split", "test")),
        "args": {**arguments, "statements": statements(evidence), "leakage": evidence.provenance.get("leakage")},
    }
    source = {"source": {"name": "anatomy-r1", "url": options.source_url}} if options.source_url else {}
    metrics = [_metric(evidence, number) for number in numbers(evidence)]
    return {"task": dict(TASK), "dataset": dataset, "metrics": metrics, **source}


def _metric(evidence: Evidence, number: Number) -> dict[str, Any]:
    one = number.interval
    known = {"standard_error": one.se, "low": one.low, "high": one.high}
    arguments: dict[str, Any] = {name: _percent(value) for name, value in known.items() if value is not None}
    arguments |= {"confidence": CONFIDENCE, "clusters": one.clusters, "questions": one.n, "unit": "percent"}
    arguments |= {"about": number.about, "lower_is_better": number.lower_is_better}
    arguments["interval"] = interval_line(evidence)
    return {"type": number.id, "name": number.title, "value": _percent(one.mean), "args": arguments}


def with_model_index(card: Path, found: Sequence[Evidence], options: HubOptions) -> str:
    """The text of a model card with the index in its metadata: a new card, or the one there, else unchanged."""
    block = _yaml({INDEX: model_index(found, options)})
    try:
        text = card.read_bytes().decode("utf-8-sig") if card.is_file() else None  # keeps its line ends
    except (OSError, UnicodeDecodeError) as error:
        raise AnatomyR1Error(f"{card}: cannot be read ({error}). Fix: save it as UTF-8, or another --out") from error
    if text is None:
        return f"{FENCE}\n{block}{FENCE}\n\n{card_text(found)}"
    head, body = _divided(text)
    try:
        known = yaml.safe_load(head) or {}
    except yaml.YAMLError as error:
        raise AnatomyR1Error(f"{card}: its metadata are no YAML ({error}). Fix: correct them") from error
    if not isinstance(known, dict) or INDEX in known:
        fix = f"Fix: take {INDEX} out of it, or write to another --out"
        raise AnatomyR1Error(f"{card}: its metadata have a {INDEX} already, or are no mapping. {fix}")
    return f"{FENCE}\n{head}{block}{FENCE}\n{body}"


def _divided(text: str) -> tuple[str, str]:
    """Metadata and body of a model card; empty metadata if it begins with none."""
    lines = text.splitlines(keepends=True)
    if not lines or lines[0].strip() != FENCE:
        return "", text
    ends = [number for number, line in enumerate(lines) if number and line.strip() == FENCE]
    return ("".join(lines[1 : ends[0]]), "".join(lines[ends[0] + 1 :])) if ends else ("", text)


def card_text(found: Sequence[Evidence]) -> str:
    """A short model card: scores with their intervals, and what must be read with them.

    Names and statements may hold what others wrote, so they are escaped.
    """
    parts = [
        f"# {escape(found[0].name)}\n",
        f"Scored by anatomy-r1 {__version__}. Research only, not for clinical use.\n",
    ]
    for one in found:
        parts += [f"## {escape(one.title)}\n", "| Metric | Percent [95 % interval] |\n|---|---|"]
        parts += [f"| {number.title} | {with_interval(number).removeprefix(number.title).strip()} |" for number in
                  numbers(one)]  # fmt: skip
        parts += ["", *(f"- **{name}**: {escape(text)}" for name, text in statements(one).items()), ""]
    return "\n".join(parts)


def _yaml(content: Any) -> str:
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110))
