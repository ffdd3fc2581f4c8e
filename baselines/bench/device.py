"""What a case ran on, and the most memory it took there."""

from __future__ import annotations

from typing import Any

from anatomy_r1.nvidia import read_driver
from anatomy_r1.provenance import processor


def device() -> dict[str, Any]:
    """Name, driver, CUDA and torch of the card; of a rehearsal, of the processor."""
    import torch

    common = {"torch": torch.__version__, "cuda": torch.version.cuda or ""}
    if not torch.cuda.is_available():
        return {**common, "name": processor(), "kind": "cpu", "driver": "", "memory": None}
    card = torch.cuda.get_device_properties(0)
    driver, _ = read_driver()
    return {**common, "name": card.name, "kind": "cuda", "driver": driver, "memory": card.total_memory}


class Memory:
    """PyTorch knows its own peaks; what the driver has given out is looked at after every step."""

    def __init__(self) -> None:
        self.driver = 0

    def look(self) -> None:
        """Note what the card has given out, to whomever."""
        import torch

        if torch.cuda.is_available():
            free, total = torch.cuda.mem_get_info()
            self.driver = max(self.driver, total - free)

    def peak(self) -> dict[str, int | None]:
        """Bytes: allocated by tensors, reserved by PyTorch, given out by the driver (CUDA's own included); None without
        a GPU.
        """
        import torch

        if not torch.cuda.is_available():
            return {"allocated": None, "reserved": None, "driver": None}
        allocated, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        return {"allocated": allocated, "reserved": reserved, "driver": max(self.driver, reserved)}
