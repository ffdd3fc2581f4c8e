"""Logs that Inspect reads and shows (`inspect view`): its JSON format, version 2.

Inspect knows one set of generation arguments a log, so the five sampled responses are one log, with an epoch each, and
the greedy ones another. The images are not in a log; their paths and hashes are.

Inspect's package is not imported: tests read the logs back by `inspect_ai.log.read_eval_log`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from anatomy_r1 import __version__
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.exports.evidence import Evidence, Number, numbers
from anatomy_r1.exports.responses import Row, plain, prompt_of, rows, template_of
from anatomy_r1.exports.statements import statements
from anatomy_r1.files import write_output
from anatomy_r1.question import LETTERS
from anatomy_r1.response_log.response import Decoding
from anatomy_r1.scoring.intervals import CONFIDENCE
from anatomy_r1.scoring.metrics import K

VERSION = 2
"""Version of the log's schema (`inspect_ai.log.EvalLog.version`)."""
SCORER = "anatomy_r1_strict"
LENIENT = "anatomy_r1_lenient"
_STOP = {"stop": "stop", "length": "max_tokens", "content_filter": "content_filter"}


def write_inspect(folder: Path, evidence: Evidence, created: datetime) -> list[Path]:
    """Write two logs: the sampled responses, and the greedy ones. `created` is the time that Inspect shows.

    Raises:
        AnatomyR1Error: The responses are not known.
    """
    if evidence.run is None:
        fix = "Fix: name the response log, or add --log LOG --data DIR"
        raise AnatomyR1Error(f"{evidence.source}: an Inspect log holds responses; a result has none. {fix}")
    decodings: tuple[Decoding, ...] = ("sample", "greedy")
    written = []
    for decoding in decodings:
        content = inspect_log(evidence, decoding, created)
        stamp = created.astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%S-00-00")
        spec = content["eval"]
        task = re.sub(r"[^A-Za-z0-9]+", "-", spec["task"]).strip("-")
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        written.append(write_output(folder / f"{stamp}_{task}_{spec['task_id']}.json", text + "\n"))
    return written


def inspect_log(evidence: Evidence, decoding: Decoding, created: datetime) -> dict[str, Any]:
    """One log as Inspect's schema has it."""
    asked = [row for row in rows(evidence) if row.decoding == decoding]
    samples = [_sample(evidence, row) for row in sorted(asked, key=lambda row: row.repeat)]
    config = _config(evidence, decoding)
    usage = {evidence.name: _total_usage(asked)} if _counted(asked) else {}
    return {
        "version": VERSION,
        "status": "success",
        "eval": _spec(evidence, decoding, created, config),
        "plan": {"name": "plan", "steps": [{"solver": "generate", "params": {}}], "config": config},
        "results": _results(evidence, decoding, asked),
        "stats": {**_duration(asked, created), "model_usage": usage},
        "samples": samples,
        "reductions": [{"scorer": SCORER, "reducer": "mean", "samples": _reduced(asked)}],
    }


def _duration(asked: Sequence[Row], created: datetime) -> dict[str, str]:
    """The seconds that the sampling took, from a start that is not known: the viewer shows the difference."""
    spent = sum(row.response.seconds for row in asked if row.response)
    ends = {"started_at": created, "completed_at": created + timedelta(seconds=spent)}
    return {name: at.astimezone(UTC).isoformat() for name, at in ends.items()}


def _spec(evidence: Evidence, decoding: Decoding, created: datetime, config: dict[str, Any]) -> dict[str, Any]:
    task = evidence.title + ("_greedy" if decoding == "greedy" else "")
    identity = [task, evidence.name, evidence.source, evidence.plan, created.isoformat()]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    run = evidence.run
    ids = [question.id for question in run.questions] if run else []
    commit = str(evidence.provenance.get("commit") or "")
    revision = {
        "type": "git",
        "origin": "anatomy-r1",
        "commit": commit,
        "dirty": bool(evidence.provenance.get("dirty")),
    }
    return {
        "run_id": digest[:22],
        "eval_id": digest[22:44],
        "task_id": digest[44:64],
        "created": created.astimezone(UTC).isoformat(),
        "task": task,
        "task_version": 1,
        "task_args": {"style": evidence.style, "view": evidence.view},
        "dataset": {"name": evidence.benchmark, "samples": len(ids), "sample_ids": ids, "shuffled": False},
        "model": evidence.name,
        "model_generate_config": config,
        "model_args": {"weights": str(evidence.plan.get("weights") or ""), "decoding": dict(evidence.decoding)},
        "config": {"epochs": K if decoding == "sample" else 1, "epochs_reducer": ["mean"]},
        **({"revision": revision} if commit else {}),
        "packages": {"anatomy_r1": __version__},
        "metadata": {
            "statements": statements(evidence),
            "leakage": evidence.provenance.get("leakage"),
            "provenance": {name: value for name, value in evidence.provenance.items() if name != "leakage"},
            "source": evidence.source,
            "created": "time of the export; when the responses were sampled is not recorded, only how long it took",
            "prompt": template_of(evidence),
        },
    }


def _config(evidence: Evidence, decoding: Decoding) -> dict[str, Any]:
    stated = evidence.decoding
    temperature = 0.0 if decoding == "greedy" else stated.get("temperature")
    known = {"temperature": temperature, "max_tokens": stated.get("max_new_tokens"), "seed": evidence.seed}
    return {name: value for name, value in known.items() if value is not None}


def _results(evidence: Evidence, decoding: Decoding, asked: Sequence[Row]) -> dict[str, Any]:
    ours = [one for one in numbers(evidence) if (one.id == "greedy") == (decoding == "greedy")]
    return {
        "total_samples": len(asked),
        "completed_samples": len(asked),
        "scores": [_score(one, len({row.question.id for row in asked})) for one in ours],
        "metadata": {"statements": statements(evidence), "unit": "proportion"},
    }


def _score(number: Number, questions: int) -> dict[str, Any]:
    one = number.interval
    known = {"mean": one.mean, "stderr": one.se, "ci_low": one.low, "ci_high": one.high}
    about = {"about": number.about, "confidence": CONFIDENCE, "clusters": one.clusters, "method": "CR1, t(G - 1)"}
    return {
        "name": number.id,
        "scorer": LENIENT if number.id.endswith("lenient") else SCORER,
        "reducer": "mean",
        "scored_samples": questions,
        "unscored_samples": 0,
        "params": {},
        "metrics": {
            name: {"name": name, "value": value, "params": {}, "metadata": about}
            for name, value in known.items()
            if value is not None
        },
        "metadata": {**about, "lower_is_better": number.lower_is_better},
    }


def _sample(evidence: Evidence, row: Row) -> dict[str, Any]:
    response, question, extraction = row.response, row.question, row.extraction
    assert response is not None and extraction is not None  # `write_inspect` has seen to it
    prompt, text = plain(prompt_of(evidence, question)), plain(response.full_text)
    answer = {"role": "assistant", "content": text, "source": "generate", "model": evidence.name}
    usage = _usage(row)
    return {
        "id": question.id,
        "epoch": row.repeat + 1,
        "input": prompt,
        "choices": [plain(option) for option in question.options],
        "target": question.letter,
        "messages": [{"role": "user", "content": prompt, "source": "input"}, answer],
        "output": {
            "model": evidence.name,
            "choices": [{"message": answer, "stop_reason": _STOP[response.finish_reason]}],
            "completion": text,
            **({"usage": usage} if usage else {}),
            "time": response.seconds,
        },
        "scores": {
            SCORER: _verdict(extraction.strict.choice, extraction.strict.reason, question.letter),
            LENIENT: _verdict(extraction.lenient.choice, extraction.lenient.reason, question.letter),
        },
        "metadata": _about(row),
        **({"model_usage": {evidence.name: usage}} if usage else {}),
        "total_time": response.seconds,
    }


def _verdict(choice: str | None, reason: str, gold: str) -> dict[str, Any]:
    known = {"answer": choice} if choice else {"explanation": f"no answer could be read: {reason}"}
    return {"value": float(choice == gold), **known, "metadata": {"reason": reason}}


def _about(row: Row) -> dict[str, Any]:
    question, response = row.question, row.response
    assert response is not None
    key = response.key
    return {
        "cluster": question.cluster,
        "category": question.category,
        "answer": plain(question.answer),
        "letters": LETTERS[: len(question.options)],
        "image": response.shown,
        "image_hash": key.image_hash,
        "prompt_hash": key.prompt_hash,
        "seed": key.seed,
        "finish_reason": response.finish_reason,
    }


def _usage(row: Row) -> dict[str, int]:
    """Token counts of a response; empty if a server did not count."""
    response = row.response
    if response is None or not response.prompt_tokens:
        return {}
    asked, made = response.prompt_tokens, response.tokens
    return {"input_tokens": asked, "output_tokens": made, "total_tokens": asked + made}


def _counted(asked: Sequence[Row]) -> bool:
    return all(map(_usage, asked))


def _total_usage(asked: Sequence[Row]) -> dict[str, int]:
    names = ("input_tokens", "output_tokens", "total_tokens")
    return {name: sum(_usage(row)[name] for row in asked) for name in names}


def _reduced(asked: Sequence[Row]) -> list[dict[str, Any]]:
    """The share of a question's responses that are right, question by question."""
    together = groupby(asked, key=lambda row: row.question.id)
    shares = {name: [row.right for row in of] for name, of in together}
    return [{"sample_id": name, "value": sum(right) / len(right)} for name, right in shares.items()]
