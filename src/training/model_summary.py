"""``model_summary.txt``: every parameter, and what is trained of it."""

from src.models.classifier import Classifier


def model_summary(classifier: Classifier) -> str:
    """Every parameter's name, ``trained`` or ``frozen``, and size; then the totals and the trained share."""
    rows = [
        (name, "trained" if parameter.requires_grad else "frozen", f"{parameter.numel():,}")
        for name, parameter in classifier.model.named_parameters()
    ]
    name_width = max(len(name) for name, _, _ in rows)
    size_width = max(len(size) for _, _, size in rows)
    lines = [f"{name:<{name_width}}  {state:<7}  {size:>{size_width}}" for name, state, size in rows]
    counts = classifier.counts
    lines += [""] + [f"{role:<9}  {count:>13,}" for role, count in counts.items()]
    lines += [f"{'share':<9}  {100 * counts['trainable'] / counts['total']:>12.4f}%"]
    return "\n".join(lines) + "\n"
