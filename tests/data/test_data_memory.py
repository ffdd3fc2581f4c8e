"""Question lines stream: memory does not grow with their number."""

import multiprocessing
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from anatomy_r1.data.inputs import Exclusions, Inputs
from anatomy_r1.data.prepare.sgg import QuestionBuilder
from anatomy_r1.data.prepare.ssg_vqa import question_files
from anatomy_r1.data.splits import Reservoir, rule_unused

PLACES = ("top-left", "top-mid", "top-right", "mid-left", "center", "mid-right", "bottom-left", "bottom-mid")
LABELS = ("gut", "liver", "omentum", "gallbladder", "cystic_plate", "abdominal_wall_cavity")


def tree(root: Path, files: int, lines: int) -> Path:
    """`files` question files of `lines` lines; each fourth is a location line. The frames are empty files."""
    for number in range(files):
        body = [
            f"What anatomy is at the {PLACES[i % 8]} of the frame ?|{LABELS[(i + number) % 6]}|[{i}.0, {number}.0]"
            if i % 4 == 0
            else f"How many {PLACES[i % 8]} things are there?|{i % 4}|zero_hop.json|count|NA"
            for i in range(lines)
        ]
        video = f"VID{1 + number % 45:02d}"
        path = root / "qa_txt" / video / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["a", "b", *body]))
        frame = root / "frames" / video / f"{number:06d}.png"
        frame.parent.mkdir(parents=True, exist_ok=True)
        frame.touch()
    return root


def peak(root: Path) -> tuple[int, int]:
    """`traced_peak` in a process of its own: in a test run's the interpreter's table of interned names, already full
    of other tests' names, may double under the trace and be counted as ours (11 MB of 27 were)."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
        return alone.submit(traced_peak, root).result()


def traced_peak(root: Path) -> tuple[int, int]:
    """(bytes at the peak, questions and left-out lines counted) while a tree is read and sampled."""
    folders = {role: root / role for role in ("qa_txt", "frames", "scene_graph")}
    tracemalloc.start()
    exclusions = Exclusions()
    builder = QuestionBuilder(Inputs(folders), exclusions, rule_unused(), "sgg_anatomy", 0)
    pool = Reservoir(100, 0)
    for question in builder.questions(question_files(builder.inputs, exclusions)):
        pool.add(question)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, sum(pool.counts.values()) + exclusions.excluded.total()


def test_ten_times_the_lines_in_the_same_memory(tmp_path):
    small, _ = peak(tree(tmp_path / "small", 90, 20))
    large, many = peak(tree(tmp_path / "large", 90, 200))
    assert many >= 90 * 200
    assert large < 1.7 * small, f"{small:,} -> {large:,} bytes"


@pytest.mark.slow
def test_two_hundred_thousand_lines(tmp_path):
    used, seen = peak(tree(tmp_path, 5_000, 40))
    assert seen >= 200_000
    assert used < 24_000_000, f"{used:,} bytes"  # names and hashes of 5,000 files; measured below half of it
