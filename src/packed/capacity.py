"""How many jobs fit into the memory at once, found out with one of them on its largest batch."""

import psutil
import torch

from src.packed.layers import PackedModel
from src.packed.member import Member
from src.training.peak_memory import saved_for_backward

_SLACK = 1.5  # on the CPU: what the forward saves for backward, and the gradients and buffers that come and go


def jobs_that_fit(member: Member, model: PackedModel, share: float) -> int:
    """The number of jobs like this one, itself included, that may be trained at once; at least 1.

    Args:
        member: a job that waits for its first step.
        model: the packed model of that job.
        share: of the free memory, how much may be filled.
    """
    trainer = member.trainer
    assert trainer is not None
    device = trainer.args.device
    shape = trainer.args.train_batch_size, max(trainer.train_dataset["length"])
    inputs = {name: torch.ones(shape, dtype=torch.long, device=device) for name in member.batch.inputs}
    state = 3 * sum(p.numel() * p.element_size() for p in member.tenant.model.parameters() if p.requires_grad)
    with torch.random.fork_rng(), trainer.accelerator.autocast():
        if device.type == "cuda":
            try:
                needed, free = float(_cuda(member, model, inputs)), _free_cuda(device)
            except torch.OutOfMemoryError:  # it may do with its real batches, alone
                return 1
        else:
            needed, free = (
                _SLACK
                * saved_for_backward(member.tenant.model, lambda: model.logits({member.tenant: inputs}, training=True)),
                psutil.virtual_memory().available,
            )
    return max(1, int(share * free / (needed + state)))


def _cuda(member: Member, model: PackedModel, inputs: dict[str, torch.Tensor]) -> int:
    """Bytes by which a forward and a backward raise the peak."""
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    (logits,) = model.logits({member.tenant: inputs}, training=True).values()
    logits.float().sum().backward()
    for parameter in member.tenant.model.parameters():
        parameter.grad = None
    return torch.cuda.max_memory_allocated() - before


def _free_cuda(device: torch.device) -> int:
    torch.cuda.empty_cache()
    return torch.cuda.mem_get_info(device)[0]
