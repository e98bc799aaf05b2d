"""The Pareto front: what no other choice beats on both counts."""

from collections.abc import Sequence


def on_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """For each (cost, loss), lower being better: is no other point as low on both and lower on one?"""
    return [
        not any(other[0] <= point[0] and other[1] <= point[1] and other != point for other in points)
        for point in points
    ]
