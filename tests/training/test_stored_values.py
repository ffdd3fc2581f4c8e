"""A training's log and record with values that no training wrote: the column or the key is named."""

import json
import sqlite3

import pytest

from anatomy_r1.training.stored_values import read_record
from anatomy_r1.training.training_log import read
from tests.helpers.small_log import write_log

CELLS = {
    "a word for a number": ("rollouts", "advantage = 'word'", "rollouts.advantage: 'word' is no float"),
    "a share for a count": ("rollouts", "tokens = 0.5", "rollouts.tokens: '0.5' is no int"),
    "bytes for a word": ("rollouts", "question_id = x'ff00'", "rollouts.question_id: .* is no str"),
    "an empty cell": ("rollouts", "advantage = NULL", "rollouts.advantage: empty in row 0"),
    "an infinite number": ("steps", "seconds = 9e999", "steps.seconds: 'inf' is no float"),
    "rewards that are no object": ("rollouts", "rewards = '[]'", "rollouts.rewards: .* is no object of numbers"),
    "a reward in words": (
        "rollouts",
        'rewards = \'{"accuracy_reward": "1"}\'',
        "rollouts.rewards: .* is no object of numbers",
    ),
    "a reward beyond all numbers": (
        "rollouts",
        "rewards = '{\"accuracy_reward\": 1e999}'",
        "rollouts.rewards: .* is no object of numbers",
    ),
}


@pytest.mark.parametrize("what", CELLS)
def test_a_cell_of_another_kind_is_refused_by_column(what, tmp_path):
    table, change, complaint = CELLS[what]
    path = write_log(tmp_path / "log.sqlite")
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE {table} SET {change}")
    with pytest.raises(ValueError, match=rf"log\.sqlite: {complaint}"):
        read(path, table)


def test_rewards_of_different_functions_are_refused(tmp_path):
    path = write_log(tmp_path / "log.sqlite")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE rollouts SET rewards = '{\"other\": 1.0}' WHERE step = 2")
    with pytest.raises(ValueError, match="not the same functions in every row"):
        read(path, "rollouts")


@pytest.mark.parametrize("statement", ["DROP TABLE steps", "ALTER TABLE steps RENAME COLUMN loss TO lost"])
def test_a_table_that_lacks_something_is_refused(statement, tmp_path):
    path = write_log(tmp_path / "log.sqlite")
    with sqlite3.connect(path) as db:
        db.execute(statement)
    with pytest.raises(ValueError, match=r"log\.sqlite: (not a training log|steps: no column loss)"):
        read(path, "steps")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({}, "missing key 'plan.arguments.max_steps'"),
        ({"max_steps": "9"}, "plan.arguments.max_steps: .*found the string '9'"),
        ({"max_steps": 9, "num_generations": 0}, "num_generations: .*greater than or equal to 1"),
        ({"max_steps": 9, "epsilon": [0.2]}, "epsilon: .*found .0.2."),
        ({"max_steps": 9, "per_device_train_batch_size": 10**30}, "per_device_train_batch_size"),
    ],
)
def test_a_record_that_cannot_be_computed_with_is_refused_by_key(arguments, complaint, tmp_path):
    path = tmp_path / "training.json"
    path.write_text(json.dumps({"plan": {"arguments": arguments}, "spent": {}}))
    with pytest.raises(ValueError, match=complaint):
        read_record(path)
