"""A page of sample questions from a mini world, for a person to judge: HTML with embedded images, and a PNG sheet."""

from __future__ import annotations

import base64
import html
import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from anatomy_r1.files import write_atomic
from anatomy_r1.mini.classes import ANATOMIES, label
from anatomy_r1.mini.microscopy import choose

SEED = 3
COLUMNS, CARD_WIDTH, CARD_HEIGHT, ZOOM = 4, 330, 330, 2
TITLES = {label(name): name for name in ANATOMIES}


@dataclass(frozen=True, slots=True)
class Sample:
    """One question as it is asked."""

    title: str
    image: Path
    stem: str
    options: tuple[str, ...]
    answer: str


def draw_samples(root: Path, per_benchmark: int = 12, seed: int = SEED) -> list[Sample]:
    """Training questions of both benchmarks; never test questions, which should stay unseen.

    Raises:
        FileNotFoundError: when `root` holds no mini world.
    """
    if not (root / "world.json").is_file():
        raise FileNotFoundError(f"{root / 'world.json'}: no such file. Fix: `anatomy-r1 data mini --out {root}`")
    rng = np.random.default_rng(seed)
    scenes, slides = _scene_samples(root, rng, per_benchmark), _slide_samples(root)
    picked = sorted(rng.permutation(len(slides))[:per_benchmark].tolist())
    return scenes + [slides[i] for i in picked]


def _scene_samples(root: Path, rng: np.random.Generator, count: int) -> list[Sample]:
    videos = json.loads((root / "SSG-VQA" / "splits.json").read_text())["train"]
    found = []
    for index in range(count):
        video = videos[index % len(videos)]
        files = sorted((root / "SSG-VQA" / "qa_txt" / video).glob("*.txt"))
        found.append(_scene_sample(root, rng, files[int(rng.integers(len(files)))]))
    return found


def _scene_sample(root: Path, rng: np.random.Generator, file: Path) -> Sample:
    rows = [line.split("|") for line in file.read_text().splitlines()[2:]]
    asked = [row for row in rows if row[1] in TITLES]
    row = asked[int(rng.integers(len(asked)))]
    answer = TITLES[row[1]]
    image = root / "CholecT45" / "data" / file.parent.name / f"{int(file.stem):06d}.png"
    return Sample(f"{file.parent.name}, frame {file.stem}", image, row[0], choose(rng, answer, ANATOMIES), answer)


def _slide_samples(root: Path) -> list[Sample]:
    folder = root / "OmniMedVQA" / "QA_information" / "Open-access"
    records = [record for file in sorted(folder.glob("*.json")) for record in json.loads(file.read_text())]
    return [
        Sample(
            record["question_type"],
            root / "OmniMedVQA" / record["image_path"],
            record["question"],
            tuple(record[key] for key in ("option_A", "option_B", "option_C", "option_D") if key in record),
            record["gt_answer"],
        )
        for record in records
    ]


def write_sample_page(root: Path, out: Path, per_benchmark: int = 12) -> tuple[Path, Path]:
    """Write `samples.html` and `samples.png` into the folder `out`; returns their paths."""
    samples = draw_samples(root, per_benchmark)
    out.mkdir(parents=True, exist_ok=True)
    page, sheet = out / "samples.html", out / "samples.png"
    write_atomic(page, _page(samples))
    _sheet(samples).save(sheet)
    return page, sheet


def _page(samples: Sequence[Sample]) -> str:
    style = (
        "body{font:16px/1.4 system-ui,sans-serif;max-width:1400px;margin:2rem auto;padding:0 1rem}"
        "main{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:1.5rem}"
        "img{width:252px;height:252px;image-rendering:pixelated}ol{list-style:upper-alpha;margin:.3rem 0}"
        ".right{font-weight:700;color:#0a6b2d}h2{font-size:1rem;margin:.2rem 0}"
    )
    cards = "\n".join(_card(sample) for sample in samples)
    note = "Generated pictures. They say nothing about surgery, pathology or any real model; right options are bold."
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Mini world: samples</title>'
        f"<style>{style}</style></head><body><h1>Mini world: sample questions</h1><p>{note}</p>"
        f"<main>\n{cards}\n</main></body></html>\n"
    )


def _card(sample: Sample) -> str:
    data = base64.b64encode(sample.image.read_bytes()).decode()
    options = "".join(
        f'<li class="right">{html.escape(option)} ✓</li>'
        if option == sample.answer
        else f"<li>{html.escape(option)}</li>"
        for option in sample.options
    )
    stem, title = html.escape(sample.stem), html.escape(sample.title)
    picture = f'<img src="data:image/png;base64,{data}" alt="Picture asked about: {title}">'
    return f"<section><h2>{title}</h2>{picture}<p>{stem}</p><ol>{options}</ol></section>"


def _sheet(samples: Sequence[Sample]) -> Image.Image:
    rows = -(-len(samples) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * CARD_WIDTH, rows * CARD_HEIGHT), "white")
    for index, sample in enumerate(samples):
        _paste_card(sheet, sample, (index % COLUMNS) * CARD_WIDTH + 10, (index // COLUMNS) * CARD_HEIGHT + 10)
    return sheet


def _paste_card(sheet: Image.Image, sample: Sample, x: int, y: int) -> None:
    picture = Image.open(sample.image)
    sheet.paste(picture.resize((picture.width * ZOOM, picture.height * ZOOM), Image.Resampling.NEAREST), (x, y))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    marked = [("* " if option == sample.answer else "   ") + option for option in sample.options]
    lines = [sample.title, *textwrap.wrap(sample.stem, 42), *marked]
    for index, line in enumerate(lines):
        draw.text((x, y + picture.height * ZOOM + 6 + 17 * index), line, fill="black", font=font)
