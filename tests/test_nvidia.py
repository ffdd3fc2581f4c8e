"""What nvidia-smi prints, as values."""

from anatomy_r1.provenance import Gpu, parse_driver, parse_gpus

SMI = """+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 570.124.06             Driver Version: 570.124.06     CUDA Version: 12.8     |
|-----------------------------------------+------------------------+----------------------+"""


def test_the_driver_s_own_words_are_read():
    assert parse_driver(SMI) == ("570.124.06", (12, 8))
    assert parse_driver("") == ("", (0, 0))
    assert parse_gpus("NVIDIA A800-SXM4-80GB, 81920, 81000\nNVIDIA L4, 23034, 22000\n") == (
        Gpu("NVIDIA A800-SXM4-80GB", 80.0, 81000 / 1024),
        Gpu("NVIDIA L4", 23034 / 1024, 22000 / 1024),
    )


def test_a_card_that_shares_the_machine_s_memory_is_a_card_too():
    """Of those the driver names no size: a result on one must still say where it was made."""
    assert parse_gpus("NVIDIA GB10, [N/A], [N/A]\n") == (Gpu("NVIDIA GB10", 0.0, 0.0),)
