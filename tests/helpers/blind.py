"""Made-up records of the best blind rule. Nothing in them was measured."""

from dataclasses import replace

RULE = {"rule": "logistic", "in_training": 0.4, "train_questions": 30, "version": 1, "scikit_learn": "1"}


def with_rule(result, right, **changes):
    """A result whose blind rule is right where `right` says."""
    table = result.questions.assign(blind=[bool(one) for one in right])
    record = {**RULE, "accuracy": float(table["blind"].mean()), **changes}
    return replace(result, questions=table, provenance={**result.provenance, "blind": record})
