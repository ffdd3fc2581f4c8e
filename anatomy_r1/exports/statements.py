"""Statements: what must be read with a number, in sentences that a format without a field for it can carry.

No number leaves this project without them: how it was sampled, what counts as wrong, whether the run is fit, what the
interval covers, what training and test share, how the best rule without an image does, and what made it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from anatomy_r1 import __version__
from anatomy_r1.data.leakage.passport import LEAKS, TITLES
from anatomy_r1.evaluation.blind_difference import beside_blind, blind_line
from anatomy_r1.evaluation.views import BALANCED
from anatomy_r1.exports.evidence import Evidence
from anatomy_r1.exports.notes import is_generated, note_line
from anatomy_r1.provenance import stated
from anatomy_r1.scoring.intervals import CONFIDENCE
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import table_metrics

RESEARCH = "Research only, not for clinical use."
_BASE = "what the base model was trained on is not known"


def statements(evidence: Evidence) -> dict[str, str]:
    """Name -> sentence, in the order in which they are to be read."""
    found = {
        "questions": _questions(evidence),
        "sampling": sampling_line(evidence),
        "failures": failures_line(evidence),
        "fitness": "; ".join(f"UNFIT: {one}" for one in evidence.fitness.reasons) or evidence.fitness.word,
        "interval": interval_line(evidence),
        "leakage": f"{leakage_line(evidence.provenance.get('leakage'))}; {_BASE}",
        "blind": blind_line(beside_blind([evidence.table], [evidence.provenance.get("blind")])),
        "made by": _made_by(evidence.provenance),
        "note": f"{note_line(evidence.benchmark, evidence.provenance)} {RESEARCH}",
    }
    return {name: " ".join(text.split()) for name, text in found.items()}


def in_one(evidence: Evidence) -> str:
    """All statements in one text."""
    return " ".join(f"{name}: {text.rstrip('.')}." for name, text in statements(evidence).items())


def _questions(evidence: Evidence) -> str:
    data = evidence.provenance.get("data")
    kind = "generated" if is_generated(evidence.benchmark, evidence.provenance) else "real"
    digest = stated(data, "questions_sha256") or "not recorded"
    return f"{len(evidence.table)} questions of {evidence.title} ({kind} data, questions_sha256 {digest})"


def sampling_line(evidence: Evidence) -> str:
    """How responses were sampled, and how questions were shown; what was not recorded is said to be so."""
    plan, decoding = evidence.plan, evidence.decoding
    known = {"temperature": decoding.get("temperature"), "max_new_tokens": decoding.get("max_new_tokens")}
    others = {name: decoding[name] for name in sorted(decoding) if name not in known}
    shown = {name: plan.get(name) for name in ("images", "split")} | {"options": plan.get("options", "given")}
    parts = [f"{K} sampled responses and a greedy one a question", f"seed {evidence.seed}", f"style {evidence.style}"]
    parts += [f"{name} {_said(value)}" for name, value in {**known, **others}.items()]
    parts += [f"{name} {_said(value)}" for name, value in shown.items()]
    parts.append(f"the first {plan['limit']} questions alone" if plan.get("limit") else "all questions of the split")
    if evidence.view == BALANCED:
        parts.append("distractors drawn anew (balanced)")
    return ", ".join(parts)


def _said(value: Any) -> str:
    return "not recorded" if value is None else str(value)


def failures_line(evidence: Evidence) -> str:
    """Which responses failed: they are part of the score, as wrong answers."""
    shares = table_metrics(evidence.table)
    unread = 1 - float(shares["parsed"].mean())
    parts = [f"{100 * unread:.1f} % of the sampled responses could not be read"]
    cut = shares.get("truncated")
    parts.append("cut off: not known" if cut is None else f"{100 * float(cut.mean()):.1f} % cut off at the token limit")
    parts += [
        f"{100 * float(shares[name].mean()):.1f} % {word}"
        for name, word in (("malformed", "not in the format asked for"), ("refused", "refusals"))
        if name in shares
    ]
    if filtered := sum(count for reason, count in finish_reasons(evidence).items() if reason == "content_filter"):
        parts.append(f"{filtered} responses cut by the provider's content filter")
    return f"a response without a readable answer counts as wrong: {', '.join(parts)}"


def finish_reasons(evidence: Evidence) -> Mapping[str, int]:
    """How often the sampled responses ended how; empty without responses."""
    six = evidence.run.responses if evidence.run else ()
    return Counter(str(one.finish_reason) for responses in six for one in responses[:K])


def interval_line(evidence: Evidence) -> str:
    """What the intervals cover."""
    clusters = evidence.table["cluster"].nunique()
    if clusters < 2:
        return "no interval: all questions are of one cluster (video, slide or patient)"
    return (
        f"{CONFIDENCE:.0%} t intervals over {clusters} clusters (videos, slides or patients), cluster-robust (CR1): of "
        "these weights, not of another training"
    )


def leakage_line(recorded: Any) -> str:
    """The verdict of a leakage passport, as it is recorded."""
    if not isinstance(recorded, Mapping):
        return "no leakage report is recorded"
    against = f"test against {stated(recorded, 'train', 'name') or 'training data'}"
    if found := [TITLES.get(str(kind), str(kind)) for kind in recorded.get("not_clean") or ()]:
        return f"{against}: NOT CLEAN: {'; '.join(found)}"
    return f"{against}: {'; '.join(_clean(recorded))}"


def _clean(recorded: Mapping[str, Any]) -> Iterator[str]:
    missing = recorded.get("not_computed") or {}
    reasons = {kind: str(missing[kind]) for kind in LEAKS if kind in missing}
    if len(reasons) < len(LEAKS):
        yield "no leakage found" if reasons else "clean, no leakage found"
    if reasons:
        kinds = ", ".join(TITLES[kind] for kind in reasons)
        yield f"not computed: {kinds} ({'; '.join(dict.fromkeys(reasons.values()))})"


def _made_by(recorded: Mapping[str, Any]) -> str:
    commit = str(recorded.get("commit") or "") or "not recorded"
    trained = stated(recorded, "training", "provenance", "commit")
    parts = [f"anatomy-r1 {__version__}", f"scored at commit {commit}{' with changes' * bool(recorded.get('dirty'))}"]
    parts += [f"trained at commit {trained}"] if trained else []
    return ", ".join([*parts, f"weights {stated(recorded, 'sampling', 'weights') or 'not recorded'}"])
