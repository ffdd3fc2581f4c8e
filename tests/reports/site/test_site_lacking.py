"""What a run lacks, and the sizes of its pictures."""

import pytest
from PIL import Image

from reports.site.lacking import lacking
from reports.site.sizes import lines_only, picture_size
from tests.helpers.stores import grid, result


def test_a_small_run_says_what_it_lacks():
    found = dict(lacking([result("grpo"), result("sft")]))
    assert found["Benchmarks"] == "OmniMedVQA (MI)"
    assert "CoT-SFT" in found["Methods of Table 1 on SGG-VQA (Anatomy), mini world"]
    assert "GRPO" not in found["Methods of Table 1 on SGG-VQA (Anatomy), mini world"].split(", ")
    assert found["Seeds"] == "1 ran: nothing is said of another training, which takes 3"
    assert found["Arms"].startswith("equal-tokens (")


def test_what_is_there_is_not_lacking():
    whole = [
        result("grpo", seed=seed, arm=arm) for seed in range(3) for arm in ("matched", "equal-tokens", "as-released")
    ]
    assert not {"Seeds", "Arms"} & dict(lacking(whole)).keys()
    assert "Benchmarks" not in dict(lacking(grid()))


@pytest.mark.parametrize(
    ("text", "size", "lines"),
    [
        ('<svg width="72pt" height="36pt" viewBox="0 0 72 36"><path/></svg>', (96, 48), True),
        ('<svg viewBox="0 0 30 60"><image href="x.png"/></svg>', (40, 80), False),
        ("<svg></svg>", None, True),
    ],
)
def test_drawings_have_the_size_of_their_box(tmp_path, text, size, lines):
    (tmp_path / "a.svg").write_text(text)
    assert picture_size(tmp_path / "a.svg") == size
    assert lines_only(tmp_path / "a.svg") is lines


def test_pictures_have_their_own_size_and_what_is_none_has_none(tmp_path):
    Image.new("RGB", (5, 3)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("none")
    assert picture_size(tmp_path / "a.png") == (5, 3)
    assert not lines_only(tmp_path / "a.png")
    assert picture_size(tmp_path / "b.png") is None
