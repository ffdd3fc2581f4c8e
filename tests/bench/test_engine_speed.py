"""Our transformers engine beside lm-eval's `hf-multimodal`, and how long a loaded model waits (`results/bench/`)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.engines import compare

pytestmark = pytest.mark.bench
ROOT = Path(__file__).resolve().parents[2]


def test_ours_beside_hf_multimodal(benchmark, data, model_folder):
    """Processor seconds, each at its better batch size of 8 and 16; even without what was imported being collected."""
    options = {"sizes": (8, 16), "count": 16, "rounds": 1, "task": "sgg_anatomy_mini"}
    found = benchmark.pedantic(compare, args=(model_folder, data), kwargs=options, rounds=1)
    benchmark.extra_info.update(found)
    assert found["ratios"]["stock"] <= 0.4
    assert found["ratios"]["stock, frozen"] <= 0.4


def test_the_first_response_comes_within_three_seconds_of_a_loaded_model(benchmark, model_folder, tmp_path):
    """In processor seconds, for another process may have the processor; of ten thousand questions."""

    def measure():
        words = [sys.executable, "-m", "tests.bench.first", str(model_folder), str(tmp_path / "data"), "10000"]
        return json.loads(subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout)

    found = benchmark.pedantic(measure, rounds=1)
    benchmark.extra_info.update(found)
    assert found["from a loaded model"]["processor"] < 3
