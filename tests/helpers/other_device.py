"""A second device without one: tensors that say they are on ``meta``, hold real values, and never mix with the CPU's.

Where there is no GPU, a run with its modules on this device fails wherever it would fail on one: an operation that
gets tensors of both sides raises what torch raises for CUDA.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map_only

PLACE = torch.device("meta")
# What CUDA allows between two devices: copies, and one value to a whole tensor.
CROSSING = {"aten::copy_", "aten::_to_copy", "aten::_local_scalar_dense"}


class Away(torch.Tensor):
    """A tensor of the other device; ``held`` are its values."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor, requires_grad: bool = False) -> Away:
        # The way that torch documents for a tensor that only wraps another.
        made = torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            device=PLACE, requires_grad=requires_grad,
        )  # fmt: skip
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class OtherDevice(TorchDispatchMode):
    """Inside it, what is moved to or made on ``PLACE`` becomes ``Away``. One thread only."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, torch.Tensor)]
    away = [value for value in tensors if isinstance(value, Away)]
    here = [value for value in tensors if not isinstance(value, Away) and value.dim() > 0]
    # An operation tells its name nowhere else.
    name = func._schema.name
    if away and here and name not in CROSSING:
        raise RuntimeError(f"Expected all tensors to be on the same device, cuda:0 and cpu ({name})")
    target = kwargs.get("device")
    goes = torch.device(target).type == PLACE.type if target is not None else bool(away)
    if name == "aten::copy_":
        goes = isinstance(args[0], Away)
    inner_kwargs = {**kwargs, "device": "cpu"} if target is not None else kwargs
    inner_args, inner_kwargs = tree_map_only(Away, lambda value: value.held, (args, inner_kwargs))
    result = func(*inner_args, **inner_kwargs)
    if not goes:
        # A copy to where the values already are would be the same tensor.
        return result.clone() if name == "aten::_to_copy" and away else result
    result = tree_map_only(torch.Tensor, Away, result)
    return return_and_correct_aliasing(func, args, kwargs, result) if away else result
