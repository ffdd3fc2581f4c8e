"""Any image file becomes the 8-bit RGB picture that a model is shown, or is refused with a way out."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anatomy_r1.data.images import (
    DEPTH,
    ORIENTATION,
    PAGES,
    TRANSPARENCY,
    ImageError,
    check_sides,
    for_the_web,
    image_changes,
    open_rgb,
)

RAMP = np.arange(48, dtype=np.uint16).reshape(6, 8)
COLOURS = np.dstack([RAMP * 5, RAMP[::-1] * 5, 255 - RAMP * 5]).astype(np.uint8)


def png(values, colour_type: int, depth: int = 16) -> bytes:
    """A PNG of 16-bit values, which Pillow does not write in colour."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + values[y].astype(">u2").tobytes() for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def tiff(values, bits: int, *, big: bool = False, photometric: int = 1, sample_format: int = 1) -> bytes:
    """An uncompressed one-strip TIFF."""
    order = ">" if big else "<"
    height, width = values.shape[:2]
    bands = values.shape[2] if values.ndim == 3 else 1
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    entries = [(256, 4, width), (257, 4, height), (259, 3, 1), (262, 3, photometric), (273, 4, 8)]
    entries += [(277, 3, bands), (278, 4, height), (279, 4, len(data))]
    end = 8 + len(data)
    if bands == 1:
        entries += [(258, 3, bits), (339, 3, sample_format)]
    else:
        data += struct.pack(f"{order}{bands}H", *[bits] * bands)
        entries += [(258, 3, end)]
    body = struct.pack(f"{order}H", len(entries))
    for tag, kind, value in sorted(entries):
        count = bands if tag == 258 else 1
        field = struct.pack(f"{order}HH", value, 0) if kind == 3 and count == 1 else struct.pack(f"{order}I", value)
        body += struct.pack(f"{order}HHI", tag, kind, count) + field
    head = (b"MM\0*" if big else b"II*\0") + struct.pack(f"{order}I", 8 + len(data))
    return head + data + body + struct.pack(f"{order}I", 0)


def saved(image: Image.Image, kind: str, **how) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **how)
    return data.getvalue()


def read(folder: Path, data: bytes, name: str = "picture.img"):
    path = folder / name
    path.write_bytes(data)
    return np.asarray(open_rgb(path)), image_changes(path)


SCALED = np.rint(RAMP * (255 / 47)).astype(np.uint8)
DEEP = {
    "12 bits in a 16-bit PNG": png(RAMP * 87, 0),
    "16-bit PNG": png(RAMP * 1394, 0),
    "16-bit PNG of few dark values": png(RAMP, 0),
    "16-bit PNG of few light values": png(RAMP + 65000, 0),
    "16-bit TIFF": tiff(RAMP * 1394, 16),
    "16-bit TIFF, big-endian": tiff(RAMP * 1394, 16, big=True),
    "16-bit TIFF, white is zero": tiff(65535 - RAMP * 1394, 16, photometric=0),
    "16-bit TIFF, compressed": saved(Image.fromarray(RAMP * 1394), "TIFF", compression="tiff_lzw"),
    "signed 16-bit TIFF": tiff(RAMP.astype(np.int16) - 20, 16, sample_format=2),
    "32-bit TIFF": tiff(RAMP.astype(np.uint32) * 90_000_000, 32),
    "float TIFF of 0 to 1": tiff((RAMP / 47).astype(np.float32), 32, sample_format=3),
    "float TIFF with values below 0": tiff((RAMP - 1000.0).astype(np.float32), 32, sample_format=3),
}


@pytest.mark.parametrize("word", DEEP)
def test_case_09_deep_grey_is_scaled_by_its_range(tmp_path, word):
    found, changes = read(tmp_path, DEEP[word])
    assert changes == (DEPTH,)
    assert np.abs(found.astype(int) - SCALED[..., None]).max() <= 1


@pytest.mark.parametrize(
    "data",
    [
        png(COLOURS.astype(np.uint16) * 16, 2),
        tiff(COLOURS.astype(np.uint16) * 16, 16, photometric=2),
        tiff(COLOURS.astype(np.uint16) * 16, 16, photometric=2, big=True),
        png(np.dstack([COLOURS.astype(np.uint16) * 16, RAMP * 0 + 65535]), 6),
    ],
    ids=["PNG", "TIFF", "TIFF, big-endian", "PNG with alpha"],
)
def test_case_09_colours_of_12_bits_are_not_black_and_keep_their_hue(tmp_path, data):
    found, changes = read(tmp_path, data)
    assert changes == (DEPTH,)
    assert np.abs(found.astype(int) - COLOURS).max() <= 1


def _changed(data: bytes) -> bytes:
    """Bytes of which one, among the compressed pixels, is another."""
    place = data.index(b"IDAT") + 20
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


REFUSED = {
    "NaN": (tiff(np.where(RAMP == 3, np.nan, RAMP).astype(np.float32), 32, sample_format=3), "no numbers"),
    "infinite": (tiff(np.where(RAMP == 3, np.inf, RAMP).astype(np.float32), 32, sample_format=3), "no numbers"),
    "one value": (png(RAMP * 0 + 4095, 0), "one value"),
    "64-bit float TIFF, which Pillow does not read": (tiff(RAMP * 1e6, 64, sample_format=3), "unknown kind"),
    "16-bit grey with alpha": (png(np.dstack([RAMP, RAMP]), 4), "8 bits"),
    "16-bit CMYK": (tiff(np.dstack([RAMP] * 4), 16, photometric=5), "8 bits"),
    "transparent throughout": (saved(Image.new("RGBA", (4, 4)), "PNG"), "transparent"),
    "truncated PNG": (saved(Image.fromarray(COLOURS), "PNG")[:-60], "cannot be read"),
    "truncated JPEG": (saved(Image.fromarray(COLOURS), "JPEG")[:-60], "cannot be read"),
    "truncated TIFF": (saved(Image.fromarray(COLOURS), "TIFF")[:-60], "cannot be read"),
    "PNG with a changed byte": (_changed(saved(Image.fromarray(COLOURS), "PNG")), "cannot be read"),
    "text": (b"<html>404</html>", "cannot be read"),
    "empty": (b"", "cannot be read"),
    "far too many pixels": (png(RAMP, 0)[:16] + struct.pack(">II", 90_000, 90_000) + png(RAMP, 0)[24:], "cannot be"),
}


@pytest.mark.parametrize("word", REFUSED)
def test_case_09_what_would_be_a_guess_is_refused_with_a_way_out(tmp_path, word):
    data, reason = REFUSED[word]
    with pytest.raises(ImageError, match=rf"picture\.img: .*{reason}.* Fix: \w+") as caught:
        read(tmp_path, data)
    assert "\n" not in str(caught.value)


def test_case_09_far_too_many_pixels_are_called_so(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(ImageError, match="too many pixels"):
        read(tmp_path, saved(Image.fromarray(COLOURS), "PNG"))


def test_case_09_a_missing_file_is_named(tmp_path):
    with pytest.raises(ImageError, match=r"gone\.png: the picture cannot be read .* Fix: "):
        open_rgb(tmp_path / "gone.png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_case_09_exif_orientation_is_applied(tmp_path, kind, orientation):
    block = np.zeros((16, 32, 3), np.uint8)
    block[:8, :16] = 255  # white at the stored top left
    exif = Image.Exif()
    exif[0x0112] = orientation
    found, changes = read(tmp_path, saved(Image.fromarray(block), kind, exif=exif))
    assert changes == ((ORIENTATION,) if orientation > 1 else ())
    height, width = found.shape[:2]
    assert (height, width) == ((32, 16) if orientation > 4 else (16, 32))
    corner = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}[orientation]
    bright = [(y, x) for y in (0, 1) for x in (0, 1) if found[y * (height - 1), x * (width - 1)].min() > 200]
    assert bright == [corner]


def _palette(**how) -> bytes:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putdata([0, 1])
    return saved(picture, "PNG", **how)


SEEN_THROUGH = {
    "RGBA": saved(Image.fromarray(np.array([[[10, 20, 30, 0], [200, 100, 50, 255]]], np.uint8)), "PNG"),
    "palette with one transparent entry": _palette(transparency=0),
    "palette with an alpha for each entry": _palette(transparency=b"\x00\xff"),
}


@pytest.mark.parametrize("word", SEEN_THROUGH)
def test_case_09_transparency_is_laid_over_white(tmp_path, word):
    found, changes = read(tmp_path, SEEN_THROUGH[word])
    assert found.tolist() == [[[255, 255, 255], [200, 100, 50]]]
    assert changes == (TRANSPARENCY,)


def test_case_09_grey_with_alpha_is_laid_over_white(tmp_path):
    picture = Image.fromarray(np.array([[[0, 0], [50, 255], [0, 128]]], np.uint8), "LA")
    found, changes = read(tmp_path, saved(picture, "PNG"))
    assert found[0, :, 0].tolist() == [255, 50, 127]
    assert changes == (TRANSPARENCY,)


PLAIN = {
    "RGB PNG": (Image.fromarray(COLOURS), "PNG"),
    "RGB JPEG": (Image.fromarray(COLOURS), "JPEG"),
    "RGB BMP": (Image.fromarray(COLOURS), "BMP"),
    "RGB TIFF": (Image.fromarray(COLOURS), "TIFF"),
    "grey PNG": (Image.fromarray(COLOURS[..., 0]), "PNG"),
    "grey TIFF": (Image.fromarray(COLOURS[..., 0]), "TIFF"),
    "black and white PNG": (Image.fromarray(COLOURS[..., 0]).convert("1"), "PNG"),
    "palette PNG": (Image.fromarray(COLOURS).quantize(16), "PNG"),
    "opaque RGBA PNG": (Image.fromarray(COLOURS).convert("RGBA"), "PNG"),
    "GIF": (Image.fromarray(COLOURS).quantize(16), "GIF"),
}


@pytest.mark.parametrize("word", PLAIN)
def test_case_09_plain_pictures_keep_their_pixels(tmp_path, word):
    image, kind = PLAIN[word]
    data = saved(image, kind)
    found, changes = read(tmp_path, data)
    assert changes == ()
    assert (found == np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))).all()


def test_case_09_the_first_of_several_pages_is_shown_and_counted(tmp_path):
    first, second = Image.fromarray(COLOURS), Image.fromarray(255 - COLOURS)
    for kind in ("TIFF", "PNG"):
        found, changes = read(tmp_path, saved(first, kind, save_all=True, append_images=[second]))
        assert changes == (PAGES,)
        assert (found == COLOURS).all()


WEB = {
    "a plain PNG as it is": (saved(Image.fromarray(COLOURS), "PNG"), "image/png", True),
    "a plain JPEG as it is": (saved(Image.fromarray(COLOURS), "JPEG"), "image/jpeg", True),
    "a TIFF as PNG": (saved(Image.fromarray(COLOURS), "TIFF"), "image/png", False),
    "a BMP as PNG": (saved(Image.fromarray(COLOURS), "BMP"), "image/png", False),
    "a 12-bit PNG as 8-bit PNG": (DEEP["12 bits in a 16-bit PNG"], "image/png", False),
    "a transparent PNG without alpha": (SEEN_THROUGH["RGBA"], "image/png", False),
}


@pytest.mark.parametrize("word", WEB)
def test_case_13_for_the_web_an_image_is_sent_as_the_model_is_shown_it(tmp_path, word):
    data, kind, same = WEB[word]
    path = tmp_path / "picture.img"
    path.write_bytes(data)
    sent, stated = for_the_web(path)
    assert (stated, sent == data) == (kind, same)
    assert (np.asarray(Image.open(io.BytesIO(sent)).convert("RGB")) == np.asarray(open_rgb(path))).all()
    assert for_the_web(path, data) == (sent, stated)


@pytest.mark.parametrize(("size", "fits"), [((400, 2), True), ((402, 2), False), ((1, 201), False), ((1, 200), True)])
def test_case_20_an_image_too_narrow_for_the_processor_is_refused(tmp_path, size, fits):
    if fits:
        check_sides(tmp_path / "a.png", size)
    else:
        with pytest.raises(ImageError, match=r"a\.png: .* 200 times the other\. Fix: "):
            check_sides(tmp_path / "a.png", size)
