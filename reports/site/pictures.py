"""Images of questions, named by their content hash. Those of real data sets are copied only on request."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from anatomy_r1.data.shown import image_hash
from anatomy_r1.errors import AnatomyR1Error
from reports.site.run import Benchmark

LICENCE = (
    "Pictures of real data sets belong to their owners. SSG-VQA and CholecT45 (CAMMA, University of Strasbourg) are "
    "for research and non-commercial use (CC BY-NC-SA 4.0), OmniMedVQA's sources have terms of their own; see "
    "DATA_LICENSES.md. Do not pass this folder on unless those terms allow it."
)
QUESTIONS = (
    "Questions and options are those of real data sets, whose terms hold for this folder: SSG-VQA's are CC BY-NC-SA "
    "4.0, OmniMedVQA's follow their sources (DATA_LICENSES.md)."
)
LEFT_OUT = "The pictures of this data set are not in this site: they are real. Build it with --with-images to see them."
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"})
"""Formats that browsers show."""


@dataclass
class Pictures:
    """Copies requested images into the site."""

    folder: Path
    """The site's own."""
    with_real: bool
    """Whether frames of real data sets may be copied."""
    _names: dict[Path, str] = field(default_factory=dict)

    def allowed(self, benchmark: Benchmark) -> bool:
        """Whether this benchmark's images may be in the site."""
        return benchmark.generated or self.with_real

    def name(self, benchmark: Benchmark, image: str) -> str:
        """Path of an image below the site; empty where it may not be in it.

        Raises:
            AnatomyR1Error: when it is missing, or browsers cannot show its format.
        """
        return self._copied(benchmark.test.image_root / image) if image and self.allowed(benchmark) else ""

    def _copied(self, source: Path) -> str:
        if source not in self._names:
            suffix = source.suffix.lower()
            if suffix not in SUFFIXES:
                raise AnatomyR1Error(
                    f"{source}: browsers cannot show this format. Fix: use one of {', '.join(sorted(SUFFIXES))}"
                )
            self._names[source] = f"images/{image_hash(str(source))}{suffix}"
            (self.folder / "images").mkdir(exist_ok=True)
            shutil.copyfile(source, self.folder / self._names[source])
        return self._names[source]
