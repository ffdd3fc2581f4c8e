"""What is recorded of the machine."""

import pytest

from anatomy_r1.provenance import processor

CORE = "processor\t: {}\nmodel name\t: AMD EPYC\nflags\t\t: {}\n\n"


@pytest.mark.parametrize(
    ("flags", "told"),
    [("fpu avx avx2 avx512f", "AMD EPYC, AVX-512"), ("fpu avx avx2", "AMD EPYC, AVX2"), ("fpu avx", "AMD EPYC")],
)
def test_the_processor_with_its_vectors(tmp_path, flags, told):
    info = tmp_path / "cpuinfo"
    info.write_text("".join(CORE.format(core, flags) for core in range(2)))
    assert processor(info).split(" x ")[1] == told


def test_elsewhere_than_on_linux_there_is_a_name_too(tmp_path):
    assert " x " in processor(tmp_path / "missing")
