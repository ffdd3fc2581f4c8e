"""Where the parts of a source lie: found by what a folder holds, since archives and their unpackers name them freely.

The usual folders come first: `SSG-VQA/qa_txt`, `SSG-VQA/scene_graph`, `CholecT45/data`, `OmniMedVQA`. Where one of them
does not hold what it should, the folders below are searched: the release's archive has
`scene_graph_ssgqa/scene_graph`, some copies have `ssg-qa`, and unpacking often adds a level
(`CholecT45/CholecT45/data`). Only a single find is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from anatomy_r1.data.inputs import DataError
from anatomy_r1.data.prepare.frame_names import FRAME_FILE, video_folder
from anatomy_r1.data.prepare.options import SggOptions

DEPTH = 5
"""Levels that are searched below a folder (our choice)."""
_QUESTION_FILE = re.compile(r"\d+\.txt", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a source."""

    what: str
    """For messages, with an example of its files."""
    option: str
    """The command's option that names its folder."""
    holds: Callable[[Path], bool]
    """Whether a folder is one of this part."""


def _in_videos(file: re.Pattern[str]) -> Callable[[Path], bool]:
    """Whether a folder has a folder of a video with a file of this form."""
    return lambda folder: any(
        file.fullmatch(one.name)
        for video in _entries(folder)
        if video_folder(video.name) and video.is_dir()
        for one in video.iterdir()
    )


def _entries(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.iterdir()) if folder.is_dir() else ())


PARTS = {
    "qa_txt": Part("the question files of SSG-VQA (VID01/262.txt ...)", "--questions", _in_videos(_QUESTION_FILE)),
    "frames": Part("the frames of CholecT45 (VID01/000000.png ...)", "--frames", _in_videos(FRAME_FILE)),
    "scene_graph": Part(
        "the scene graphs of SSG-VQA (VID01_0.json ...)",
        "--scene-graphs",
        lambda folder: any(re.fullmatch(r"VID\d+_\d+\.json", one.name) for one in _listed(folder)),
    ),
    "omnimed": Part(
        "OmniMedVQA (QA_information and Images)", "--questions", lambda folder: (folder / "QA_information").is_dir()
    ),
}
"""Role in the manifest -> the part."""


def _listed(folder: Path) -> Iterator[Path]:
    return folder.iterdir() if folder.is_dir() else iter(())


def find_folder(role: str, usual: Path, *search: Path) -> Path:
    """The folder of a part: the usual one if it holds it, else the only one that does, below the first of `search`
    that has any; the usual one if there is none.

    Raises:
        DataError: Several folders hold it.
    """
    part = PARTS[role]
    if part.holds(usual):
        return usual
    for start in (usual, *search):
        found = list(_below(start, part.holds, DEPTH))
        if len(found) > 1:
            listed = ", ".join(map(str, found[:3]))
            raise DataError(f"{start}: {part.what} are in {len(found)} folders: {listed}. Fix: choose by {part.option}")
        if found:
            return found[0]
    return usual


def _below(folder: Path, holds: Callable[[Path], bool], depth: int) -> Iterator[Path]:
    """Folders that hold the part, none inside another; videos' own folders, links and hidden ones are not entered."""
    if holds(folder):
        yield folder
    elif depth:
        for one in _entries(folder):
            if one.is_dir() and not (one.is_symlink() or one.name.startswith((".", "_")) or video_folder(one.name)):
                yield from _below(one, holds, depth - 1)


def sgg_folders(options: SggOptions) -> dict[str, Path]:
    """Role -> folder of what the options name; without scene graphs if they are not wanted."""
    root, usual = options.root, options.folders
    if options.no_scene_graphs:
        usual.pop("scene_graph")
    named = {"qa_txt": options.questions, "frames": options.frames, "scene_graph": options.scene_graphs}
    above = {"qa_txt": "SSG-VQA", "frames": "CholecT45", "scene_graph": "SSG-VQA"}
    return {
        role: find_folder(role, folder, *(() if named[role] else (root / above[role], root)))
        for role, folder in usual.items()
    }
