"""From an image file to the picture that a model is shown: 8 bits per channel, RGB, upright.

Every route to a model reads images here, so that all of them show one picture; so do the site and the servers. An 8-bit
file without transparency keeps its pixels. What else is done, and named in `image_changes`:

- EXIF orientation is applied.
- Transparency is laid over white (our choice: it is what browsers and vLLM show).
- More than 8 bits per channel, or floats, are scaled linearly by the range of the picture itself: its smallest value
  becomes 0 and its largest 255. The number of bits that were used is not in the file: 12-bit pictures in 16-bit files
  would be black. In colour the scale begins at 0, so that hues stay.
- Of several pages or frames, the first is taken.

What would be a guess is refused: NaN, one value throughout, nothing but transparency, 16 bits with grey and alpha.

Example:
    >>> import tempfile
    >>> from PIL import Image
    >>> file = Path(tempfile.mkdtemp()) / "deep.png"
    >>> Image.fromarray(np.array([[0, 1000], [2000, 4095]], dtype=np.uint16)).save(file)
    >>> image_changes(file), np.asarray(open_rgb(file))[:, :, 0].tolist()
    (('more than 8 bits scaled by range',), [[0, 62], [125, 255]])
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anatomy_r1.errors import AnatomyR1Error

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

ORIENTATION, TRANSPARENCY, DEPTH, PAGES, COLOURS = (
    "EXIF orientation applied",
    "transparency laid over white",
    "more than 8 bits scaled by range",
    "first of several pages",
    "CMYK converted to RGB",
)
"""Names of changes, as the manifest counts them."""
WEB_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
"""Formats that browsers and hosted APIs take."""
LONGEST_SIDE = 200
"""Largest ratio of an image's sides that Qwen2.5-VL's image processor takes."""
_DEEP_GREY = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_LOW_BYTE = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA")
    for order, other in (("B", "L"), ("L", "B"), ("N", "B" if sys.byteorder == "little" else "L"))
}
"""Pillow's raw mode that reads the high byte of each value -> the one that reads the low byte."""
_ORIENTATION, _BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 274, 258, 262, 339
"""Numbers of tags, of EXIF and of TIFF."""


class ImageError(AnatomyR1Error):
    """An image that cannot be shown; the message names the file, the problem and the fix."""

    def __init__(self, path: Path, problem: str, fix: str) -> None:
        self.problem, self.fix = problem, fix
        super().__init__(f"{path}: {problem}. Fix: {fix}")


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image as a model is shown it, and how that differs from a plain decode."""

    image: Picture
    """Mode RGB, fully read."""
    changes: tuple[str, ...]
    format: str
    """Pillow's name of the file's format, such as `PNG`."""


def open_rgb(path: Path) -> Picture:
    """The picture that a model is shown: mode RGB, fully read; ImageError if it cannot be."""
    return decode(path).image


def image_changes(path: Path) -> tuple[str, ...]:
    """What `open_rgb` changes beyond a plain decode, such as `EXIF orientation applied`; mostly empty."""
    return decode(path).changes


def for_the_web(path: Path, content: bytes | None = None) -> tuple[bytes, str]:
    """Bytes and media type of the picture for a browser or an API: those of the file where they will do, else PNG.

    `content`: the file's bytes, if they were read already.
    """
    data = _read(path) if content is None else content
    found = decode(path, data)
    if found.format in WEB_TYPES and not found.changes:
        return data, WEB_TYPES[found.format]
    png = io.BytesIO()
    found.image.save(png, "PNG")
    return png.getvalue(), WEB_TYPES["PNG"]


def check_sides(path: Path, size: tuple[int, int]) -> None:
    """ImageError if an image of `size` (width, height) is too narrow for a vision-language model's processor."""
    if max(size) > LONGEST_SIDE * min(size):
        problem = f"{size[0]} by {size[1]} pixels: one side is more than {LONGEST_SIDE} times the other"
        raise ImageError(path, problem, "crop or pad the image; image processors refuse this")


def decode(path: Path, content: bytes | None = None) -> Decoded:
    """The picture of a file, fully read, with what was changed; `content`: the file's bytes, if read already.

    Raises:
        ImageError: The file is missing, truncated, no image, far too large, or would have to be guessed at.
    """
    from PIL import Image, UnidentifiedImageError

    data = _read(path) if content is None else content
    try:
        return _decoded(path, data)
    except AnatomyR1Error:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(path, "the picture has too many pixels to be read safely", "scale it down") from error
    except UnidentifiedImageError as error:
        fix = "fetch the file again, or save it as PNG with 8 bits per channel"
        raise ImageError(path, "the picture cannot be read: no image, or of an unknown kind", fix) from error
    except Exception as error:  # damaged files raise almost anything in Pillow's readers
        reason = " ".join(str(error).split()) or type(error).__name__
        fix = "fetch the file again, or save it as PNG with 8 bits per channel"
        raise ImageError(path, f"the picture cannot be read ({reason})", fix) from error


def _read(path: Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        fix = "run `anatomy-r1 data check` on the prepared set, and restore the file"
        raise ImageError(path, f"the picture cannot be read ({reason})", fix) from error


def _decoded(path: Path, data: bytes) -> Decoded:
    from PIL import ImageOps

    image, pages = _first_page(data)
    kind, raw = str(image.format), _raw_mode(path, image)
    turned = image.getexif().get(_ORIENTATION, 1) in range(2, 9)
    ImageOps.exif_transpose(image, in_place=True)
    deep = raw in _LOW_BYTE or image.mode in _DEEP_GREY
    if deep:
        image = _deep_colours(path, image, data) if raw in _LOW_BYTE else _deep_grey(path, image)
    image, seen_through = _over_white(path, image)
    done = {PAGES: pages, ORIENTATION: turned, DEPTH: deep, TRANSPARENCY: seen_through, COLOURS: image.mode == "CMYK"}
    return Decoded(image.convert("RGB"), tuple(name for name, true in done.items() if true), kind)


def _first_page(data: bytes) -> tuple[Any, bool]:
    """The image, not yet read, at its first page; and whether it has more."""
    from PIL import Image

    image: Any = Image.open(io.BytesIO(data))
    if image.format == "PNG":
        image.verify()  # decoding alone does not compare the checksums of the pixels' chunks
        image = Image.open(io.BytesIO(data))
    pages = getattr(image, "n_frames", 1) > 1 and image.format != "MPO"  # MPO: a photograph with its previews
    if pages:
        image.seek(0)
    return image, pages


def _raw_mode(path: Path, image: Any) -> str:
    """How Pillow reads the values of an image that is not yet read; ImageError if it would keep their high bytes."""
    arguments = image.tile[0].args if getattr(image, "tile", ()) else ""
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    raw = raw if isinstance(raw, str) else ""
    bits = max(getattr(image, "tag_v2", {}).get(_BITS, (8,)))
    if (";16" in raw or bits > 8) and image.mode not in _DEEP_GREY and raw not in _LOW_BYTE:
        problem = f"more than 8 bits per channel in a form that is not read ({raw or image.mode})"
        raise ImageError(path, problem, "save it with 8 bits per channel")
    return raw


def _deep_colours(path: Path, image: Any, data: bytes) -> Picture:
    """RGB or RGBA of 8 bits from an image that was read at the high bytes of its 16-bit values."""
    from PIL import Image, ImageOps

    again, _ = _first_page(data)
    again.tile = [tile._replace(args=_low_bytes(tile.args)) for tile in again.tile]
    ImageOps.exif_transpose(again, in_place=True)
    high, low = (np.asarray(one).astype(np.float64) for one in (image, again))
    colours = _scaled(path, 256 * high[..., :3] + low[..., :3], lowest=0.0)
    return Image.fromarray(np.concatenate([colours, high[..., 3:].astype(np.uint8)], axis=-1))


def _low_bytes(arguments: Any) -> Any:
    if isinstance(arguments, tuple):
        return (_LOW_BYTE[arguments[0]], *arguments[1:])
    return _LOW_BYTE[arguments]


def _deep_grey(path: Path, image: Any) -> Picture:
    from PIL import Image

    tags, values = getattr(image, "tag_v2", {}), np.asarray(image)
    if image.mode == "I" and tags.get(_BITS) == (32,) and tags.get(_SAMPLE_FORMAT, (1,)) == (1,):
        values = values.view(np.uint32)  # Pillow reads them as signed
    values = values.astype(np.float64)
    if tags.get(_PHOTOMETRIC) == 0:  # 0 is white; Pillow turns only 8-bit values
        values = -values
    return Image.fromarray(_scaled(path, values))


def _scaled(path: Path, values: NDArray[np.float64], lowest: float | None = None) -> NDArray[np.uint8]:
    """Values from `lowest` (default: their smallest) to their largest, as 0 to 255."""
    if not np.isfinite(values).all():
        raise ImageError(path, "the picture holds values that are no numbers (NaN or infinite)", "replace them")
    low, high = float(values.min()) if lowest is None else lowest, float(values.max())
    if low == high:
        problem = f"the picture holds one value throughout ({low:g}), which has no range to scale by"
        raise ImageError(path, problem, "fetch the file again, or save it with 8 bits per channel")
    return np.rint((values - low) * (255 / (high - low))).astype(np.uint8)


def _over_white(path: Path, image: Picture) -> tuple[Picture, bool]:
    """The image without its transparency; and whether any of it could be seen through."""
    from PIL import Image

    if not image.has_transparency_data:
        return image, False
    layered = image.convert("RGBA")
    lowest, highest = layered.getchannel("A").getextrema()
    if highest == 0:
        raise ImageError(path, "the picture is transparent throughout", "save it without its alpha channel")
    if lowest == 255:
        return layered, False
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered), True
