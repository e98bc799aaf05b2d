"""Tables of papers, typed in: five seeds on GLUE's dev set of RTE (277 rows), in percent, with the seeds' deviation."""

from src.compare.audit.entries import Entry, PublishedTable, make_table

# VeRA 2310.11454 and VB-LoRA 2405.15179, table 2 and 1, and FourierFT 2405.03003, table 2: RoBERTa-base on RTE.
RTE = {
    "LoRA": (78.4, 0.8),
    "AdaLoRA": (81.0, 0.6),
    "DyLoRA": (78.7, 0.7),
    "FourierFT n=1000": (79.1, 0.5),
    "VeRA r=1024 q,v": (78.7, 0.7),
    "VeRA all linear": (81.9, 1.4),
    "Tied-LoRA q,v": (76.2, 1.0),
    "VB-LoRA q,v": (82.3, 1.3),
}
# C3A 2407.19342, table 2, RTE; of its own split, whose test rows are at most the dev set's 277.
C3A_RTE = {
    "Full": (77.33, 2.68),
    "BitFit": (73.07, 1.34),
    "(IA)3": (69.10, 1.18),
    "LoRA r=8": (76.68, 1.42),
    "VeRA r=1024": (75.74, 1.56),
    "BOFT": (74.22, 0.84),
    "C3A /6": (77.18, 1.41),
}


def published(rows: dict[str, tuple[float, float]], examples: int = 277, metric: str = "accuracy") -> PublishedTable:
    return make_table("rte", metric, [Entry(name, mean, 5, sd, examples) for name, (mean, sd) in rows.items()])
