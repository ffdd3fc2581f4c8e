"""Psi: changes of an image that leave what is asked and its answer alone.

The paper names noise injection only (section Group Diversity Question Augmentation), so noise is the default;
brightness, contrast and blur are ours, bounded and off. Never a flip, rotation or crop, which falsify "left" and
"top-mid", and never a change of hue, which falsifies a colour word. Size and mode stay.

Example:
    >>> import random
    >>> noisy(Image.new("RGB", (4, 4)), random.Random(0)).size
    (4, 4)
"""

from __future__ import annotations

import random
from dataclasses import dataclass, fields

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

NOISE = 0.05
"""Default standard deviation of the noise, as a share of the full range. Our choice: the paper states none."""
_MOST = {"noise": 0.2, "brightness": 0.2, "contrast": 0.2, "blur": 1.0}
"""Largest strengths, our choice: a person still reads every image at these."""
_COLOUR_BANDS = {"L": 1, "RGB": 3, "RGBA": 3}
"""Supported modes and their leading bands that may change: transparency may not."""


@dataclass(frozen=True, slots=True)
class ImageChange:
    """How strongly to change an image; zero switches a change off.

    Raises:
        ValueError: for a strength below zero or above its bound.
    """

    noise: float = NOISE
    """Standard deviation of Gaussian noise, drawn for each value apart, as a share of the full range; up to 0.2."""
    brightness: float = 0.0
    """Largest relative change of all values, up or down; up to 0.2."""
    contrast: float = 0.0
    """Largest relative change of the distance from the image's mean grey; up to 0.2."""
    blur: float = 0.0
    """Largest radius of a Gaussian blur, in thousandths of the longer side; up to 1."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value, most = getattr(self, field.name), _MOST[field.name]
            if not 0 <= value <= most:
                raise ValueError(f"{field.name} {value} is outside 0 to {most}; choose a strength in this range")

    def __call__(self, image: Image.Image, rng: random.Random) -> Image.Image:
        """A changed copy; the same state of `rng` gives the same picture.

        Raises:
            ValueError: for an image that is neither L, RGB nor RGBA.
        """
        if image.mode not in _COLOUR_BANDS:
            raise ValueError(f"images of mode {image.mode} are not supported; convert the image to RGB first")
        # All four numbers are drawn whatever is on, so that one strength does not shift what another one draws.
        up, spread, radius = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.random()
        seed = rng.getrandbits(64)
        changed = image.copy()
        if self.blur:
            size = self.blur * radius * max(image.size) / 1000
            changed = changed.filter(ImageFilter.GaussianBlur(size))
        if self.brightness:
            changed = _keep_alpha(image, ImageEnhance.Brightness(changed).enhance(1 + up * self.brightness))
        if self.contrast:
            changed = _keep_alpha(image, ImageEnhance.Contrast(changed).enhance(1 + spread * self.contrast))
        return _add_noise(changed, self.noise, seed) if self.noise else changed


def noisy(image: Image.Image, rng: random.Random, strength: float = NOISE) -> Image.Image:
    """The image with Gaussian noise of standard deviation `strength` (share of the full range, at most 0.2)."""
    return ImageChange(noise=strength)(image, rng)


def _add_noise(image: Image.Image, strength: float, seed: int) -> Image.Image:
    values = np.array(image, dtype=np.float32)
    bands = values[..., : _COLOUR_BANDS[image.mode]] if values.ndim == 3 else values
    bands += np.random.default_rng(seed).standard_normal(bands.shape, dtype=np.float32) * (strength * 255)
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8), image.mode)


def _keep_alpha(original: Image.Image, changed: Image.Image) -> Image.Image:
    if original.mode == "RGBA":
        changed.putalpha(original.getchannel("A"))
    return changed
