"""Names of CholecT45's videos and frames in other spellings: `vid01/10.jpg` for `VID01/000010.png`.

The usual name comes first. Where it is not there, the one file that can mean the frame is taken; of several, none.

Example:
    >>> video_folder("VID26_Clean"), video_folder("vid01"), video_folder("notes")
    (('VID26', True), ('VID01', False), None)
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from anatomy_r1.data.inputs import BadRecord

FRAME_FILE = re.compile(r"(\d+)\.(?:png|jpe?g)", re.IGNORECASE)
_VIDEO = re.compile(r"(VID\d+)(_clean)?", re.IGNORECASE)


def video_folder(name: str) -> tuple[str, bool] | None:
    """The video of a folder, as `VID01`, and whether it is a `_clean` copy; None if it is no video's."""
    found = _VIDEO.fullmatch(name)
    return (found[1].upper(), bool(found[2])) if found else None


def litter(path: Path) -> bool:
    """Whether a file or folder is what systems and archives leave behind, such as `.DS_Store` and `__MACOSX`."""
    return path.name.startswith((".", "__MACOSX")) or path.name.lower() in ("thumbs.db", "desktop.ini")


@dataclass(slots=True)
class FrameNames:
    """Finds frames below the folder of the videos; each folder in another spelling is listed once."""

    root: Path
    _listed: dict[str, dict[int, list[str]]] = field(default_factory=dict)
    """Video -> frame -> paths below `root` that can mean it."""

    def find(self, usual: str, video: str, index: int, where: str) -> str:
        """Path of a frame below the root: `usual` if it is there, else the one in another spelling.

        Raises:
            BadRecord: No file can mean the frame, or several can; `where` is the record that shows it.
        """
        if (self.root / usual).is_file():
            return usual
        found = self._of(video).get(index, [])
        if len(found) == 1:
            return found[0]
        fix = f"keep one of them, as {usual}" if found else "fetch it, or point the `frames` folder at the images"
        problem = f"missing frame frames/{usual}"
        if found:
            problem += f"; {len(found)} files can mean it: {', '.join(found[:3])}"
        elif near := self._near(video, index):
            problem, fix = f"{problem}, where {near} is", f"convert or rename it to {usual} if it is the frame"
        raise BadRecord(where, None, problem, fix)

    def _of(self, video: str) -> dict[int, list[str]]:
        if video not in self._listed:
            frames: dict[int, list[str]] = defaultdict(list)
            for path in self._files(video):
                if found := FRAME_FILE.fullmatch(path.name):
                    frames[int(found[1])].append(path.relative_to(self.root).as_posix())
            self._listed[video] = dict(frames)
        return self._listed[video]

    def _near(self, video: str, index: int) -> str:
        """A file of the video whose name has the frame's number, such as `frame_10.bmp`; empty if there is none."""
        files = (path for path in self._files(video) if index in map(int, re.findall(r"\d+", path.stem)))
        return next((path.relative_to(self.root).as_posix() for path in files), "")

    def _files(self, video: str) -> list[Path]:
        folders = [one for one in sorted(self.root.iterdir()) if video_folder(one.name) == (video, False)]
        return [path for one in folders if one.is_dir() for path in sorted(one.iterdir()) if path.is_file()]
