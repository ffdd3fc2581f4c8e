"""Every Eval Ever, schema 0.3: one JSON a run with scores, errors and intervals, and one row a response.

The schema is the EvalEval coalition's (repository evaleval/every_eval_ever, `eval.schema.json` and
`instance_level_eval.schema.json`, version 0.3.0). Its data store is laid out as

    data/BENCHMARK/DEVELOPER/MODEL/UUID.json
    data/BENCHMARK/DEVELOPER/MODEL/UUID_samples.jsonl

Equal evidence and equal time give equal bytes: the UUID is one of version 4 by form, made from the identifier of the
evaluation. Shares are between 0 and 1.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1 import __version__
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.views import NO_IMAGE, WRONG_IMAGE
from anatomy_r1.exports.evidence import Evidence, Number, numbers
from anatomy_r1.exports.responses import Row, plain, prompt_of, rows, template_of
from anatomy_r1.exports.statements import statements
from anatomy_r1.files import write_output
from anatomy_r1.provenance import stated
from anatomy_r1.scoring.intervals import CONFIDENCE
from anatomy_r1.scoring.metrics import K

VERSION = "0.3.0"
RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")
AVAILABILITY = ("open_weights", "closed_weights", "unknown")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,127}")
"""A name that can be a folder of the data store on any system."""
_METHOD = "cluster-robust (CR1), t distribution with G - 1 degrees of freedom"


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who made the model, and who evaluated it: what neither a result nor a log knows."""

    developer: str
    """Organisation that made the model, as it is spelt on the Hub."""
    evaluator: str | None = None
    """Organisation that evaluated it; None: the developer."""
    relationship: str | None = None
    """One of `RELATIONSHIPS`; None: `first_party` if the two are one, else `third_party`."""
    availability: str = "unknown"
    """One of `AVAILABILITY`, of the weights."""
    date: str | None = None
    """When the evaluation was run, in ISO 8601; it is recorded nowhere."""

    def related(self) -> str:
        """The relationship, stated or deduced."""
        own = self.evaluator in (None, self.developer)
        return self.relationship or ("first_party" if own else "third_party")


def write_every_eval_ever(folder: Path, evidence: Evidence, publisher: Publisher, now: int) -> list[Path]:
    """Write the evaluation and, if there are rows, its samples below `folder`; `now` in seconds since 1970."""
    names = (("--developer", publisher.developer), ("--name", evidence.name), ("the benchmark", evidence.benchmark))
    for what, name in names:
        if not _PART.fullmatch(name) or name == "data" or name.endswith("."):
            fix = "Fix: letters, digits and . _ + @ - only"
            raise AnatomyR1Error(f"{what} {name[:80]!r}: cannot be a folder of the data store. {fix}")
    content = evaluation(evidence, publisher, now)
    stem = str(uuid.UUID(bytes=hashlib.sha256(content["evaluation_id"].encode()).digest()[:16], version=4))
    place = f"data/{evidence.benchmark}/{publisher.developer}/{evidence.name}/{stem}"
    written = []
    if lines := [json.dumps(sample(evidence, content, row), ensure_ascii=False) for row in rows(evidence)]:
        text = "".join(f"{line}\n" for line in lines).encode()
        content["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": f"{place}_samples.jsonl",
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(text).hexdigest(),
            "total_rows": len(lines),
            "additional_details": {"rows": f"one a response: {K} sampled ones and a greedy one a question"},
        }
        written.append(write_output(folder / f"{place}_samples.jsonl", text))
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    return [write_output(folder / f"{place}.json", text), *written]


def evaluation(evidence: Evidence, publisher: Publisher, now: int) -> dict[str, Any]:
    """The evaluation as the schema has it, without its reference to samples."""
    model = f"{publisher.developer}/{evidence.name}"
    known = evidence.run is not None
    return {
        "schema_version": VERSION,
        "evaluation_id": f"{evidence.title}/{model}/{now}",
        **({"evaluation_timestamp": publisher.date} if publisher.date else {}),
        "retrieved_timestamp": str(now),
        "source_metadata": {
            "source_name": "anatomy-r1",
            "source_type": "evaluation_run" if known else "documentation",
            "source_organization_name": publisher.evaluator or publisher.developer,
            "evaluator_relationship": publisher.related(),
            "additional_details": {
                "source": evidence.source,
                "provenance": json.dumps(_without_tables(evidence.provenance), sort_keys=True),
                "leakage": json.dumps(evidence.provenance.get("leakage"), sort_keys=True),
            },
        },
        "eval_library": _library(evidence),
        "model_info": _model(evidence, publisher, model),
        "evaluation_results": [_result(evidence, number) for number in numbers(evidence)],
    }


def _without_tables(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """A provenance without the leakage report, which has a place of its own."""
    return {name: value for name, value in recorded.items() if name != "leakage"}


def _library(evidence: Evidence) -> dict[str, Any]:
    packages = evidence.provenance.get("packages")
    details = {"commit": str(evidence.provenance.get("commit") or "not recorded")}
    details |= {f"version of {name}": str(value) for name, value in (packages or {}).items()}
    return {"name": "anatomy-r1", "version": __version__, "additional_details": details}


def _model(evidence: Evidence, publisher: Publisher, model: str) -> dict[str, Any]:
    engine = evidence.decoding.get("engine")
    version = stated(evidence.provenance, "packages", str(engine))
    local = engine in ("transformers", "vllm")
    engine_info = {"name": str(engine), **({"version": str(version)} if version else {})}
    return {
        "name": evidence.name,
        "id": model,
        "developer": publisher.developer,
        **({"inference_engine": engine_info} if engine else {}),
        "additional_details": {
            "deployment_type": "self_deployed" if local else "unknown",
            "model_availability": publisher.availability,
            "weights": str(evidence.plan.get("weights") or "not recorded"),
            "training": json.dumps(evidence.provenance.get("training"), sort_keys=True),
        },
    }


def _result(evidence: Evidence, number: Number) -> dict[str, Any]:
    return {
        "evaluation_result_id": result_id(evidence, number.id),
        "evaluation_name": evidence.title,
        "source_data": _source_data(evidence),
        "metric_config": _metric(number),
        "score_details": {
            "score": number.interval.mean,
            "details": {"clusters": str(number.interval.clusters), **statements(evidence)},
            "uncertainty": _uncertainty(number),
        },
        "generation_config": _generation(evidence, greedy=number.id == "greedy"),
    }


def result_id(evidence: Evidence, metric: str) -> str:
    """What ties a row to its number."""
    return f"{evidence.title}#{metric}"


def _source_data(evidence: Evidence) -> dict[str, Any]:
    data = evidence.provenance.get("data")
    details = {str(name): str(value) for name, value in data.items()} if isinstance(data, Mapping) else {}
    details["split"] = str(evidence.plan.get("split", "not recorded"))
    return {"dataset_name": evidence.benchmark, "source_type": "other", "additional_details": details}


def _metric(number: Number) -> dict[str, Any]:
    failure = number.lower_is_better
    return {
        "evaluation_description": number.about,
        "metric_id": f"anatomy_r1.{number.id}",
        "metric_name": number.title,
        "metric_kind": "failure_rate" if failure else "accuracy",
        "metric_unit": "proportion",
        "metric_parameters": {"k": 1 if number.id in ("pass@1", "greedy") else K},
        "lower_is_better": failure,
        "score_type": "continuous",
        "min_score": 0.0,
        "max_score": 1.0,
    }


def _uncertainty(number: Number) -> dict[str, Any]:
    one = number.interval
    if one.se is None or one.low is None or one.high is None:
        return {"num_samples": one.n}
    bounds = {"lower": one.low, "upper": one.high, "confidence_level": CONFIDENCE, "method": _METHOD}
    error = {"value": one.se, "method": "analytic, cluster-robust (CR1)"}
    return {"standard_error": error, "confidence_interval": bounds, "num_samples": one.n}


def _generation(evidence: Evidence, *, greedy: bool) -> dict[str, Any]:
    decoding, plan = evidence.decoding, evidence.plan
    arguments: dict[str, Any] = {"reasoning": evidence.style == "think"}
    if (temperature := 0.0 if greedy else decoding.get("temperature")) is not None:
        arguments["temperature"] = float(temperature)
    if decoding.get("max_new_tokens"):
        arguments["max_tokens"] = int(decoding["max_new_tokens"])
    if template := template_of(evidence):
        arguments["prompt_template"] = template
    others = {"decoding": decoding, **{name: value for name, value in plan.items() if name != "decoding"}}
    details = {name: json.dumps(value, sort_keys=True) for name, value in others.items()}
    return {"generation_args": arguments, "additional_details": details}


def sample(evidence: Evidence, about: Mapping[str, Any], row: Row) -> dict[str, Any]:
    """One response as the schema has it; `about` is the evaluation that it belongs to."""
    prompt, question = plain(prompt_of(evidence, row.question)), row.question
    return {
        "schema_version": VERSION,
        "evaluation_id": about["evaluation_id"],
        "model_id": about["model_info"]["id"],
        "evaluation_name": evidence.title,
        "evaluation_result_id": result_id(evidence, "greedy" if row.decoding == "greedy" else f"avg@{K}"),
        "sample_id": question.id,
        "sample_hash": hashlib.sha256(f"{prompt}{question.letter}".encode()).hexdigest(),
        "interaction_type": "single_turn",
        "input": {"raw": prompt, "reference": [question.letter], "choices": list(map(plain, question.options))},
        "output": _output(row),
        "messages": None,
        "answer_attribution": _attribution(row),
        "evaluation": {"score": float(row.right), "is_correct": row.right},
        **_cost(row),
        "error": _failure(row),
        "metadata": _row_metadata(row, evidence.view),
    }


def _output(row: Row) -> dict[str, Any]:
    if row.response is None:
        return {"raw": []}
    reasoning = row.response.reasoning
    return {"raw": [plain(row.response.full_text)], **({"reasoning_trace": [plain(reasoning)]} if reasoning else {})}


def _attribution(row: Row) -> list[dict[str, Any]]:
    if row.choice is None:
        return []
    method = "anatomy-r1, strict extractor"
    read = {"extracted_value": row.choice, "extraction_method": method, "is_terminal": True}
    return [{"turn_idx": 0, "source": "output.raw", **read}]


def _cost(row: Row) -> dict[str, Any]:
    response = row.response
    if response is None or not response.prompt_tokens:  # not counted
        return {}
    asked, made = response.prompt_tokens, response.tokens
    usage = {"input_tokens": asked, "output_tokens": made, "total_tokens": asked + made}
    return {"token_usage": usage, "performance": {"latency_ms": 1000 * response.seconds}}


def _failure(row: Row) -> str | None:
    ended = row.response.finish_reason if row.response else "stop"
    return {"length": "cut off at the token limit", "content_filter": "cut by the provider's content filter"}.get(ended)


def _image(row: Row, view: str) -> str:
    """Path of the image that was shown, in words where there was none, or where only a log knows which."""
    if view == NO_IMAGE:
        return "none: the question was shown without an image"
    if view == WRONG_IMAGE and row.response is None:
        return "not recorded: the image of another question"
    return row.response.shown if row.response and row.response.shown else row.question.image


def _row_metadata(row: Row, view: str) -> dict[str, str]:
    question = row.question
    found = {"decoding": row.decoding, "repeat": str(row.repeat), "cluster": question.cluster}
    found |= {"category": question.category, "answer": plain(question.answer), "image": _image(row, view)}
    if row.response is None or row.extraction is None:
        return {**found, "response": "not kept: a result store has verdicts alone; export its log with --log"}
    read = {"strict": row.extraction.strict.reason, "lenient": row.extraction.lenient.reason}
    key = row.response.key
    hashes = {"prompt_hash": key.prompt_hash, "image_hash": key.image_hash, "seed": str(key.seed)}
    return {**found, **hashes, **{f"reason of the {name} extractor": str(why) for name, why in read.items()}}
