"""How much of an accelerator's memory is taken, and by whom."""

import torch

from app.engine.measures import DeviceMemory


def device_memory(device: torch.device) -> DeviceMemory | None:
    """Ask the driver and torch's allocator; None where there is no such device to ask about."""
    if device.type != "cuda":
        return None
    free_bytes, size_bytes = torch.cuda.mem_get_info(device)
    return DeviceMemory(
        size_bytes=size_bytes,
        free_bytes=free_bytes,
        allocated_bytes=torch.cuda.memory_allocated(device),
        reserved_bytes=torch.cuda.memory_reserved(device),
    )
