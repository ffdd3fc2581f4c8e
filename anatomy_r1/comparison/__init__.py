"""Is one system better than another, and could these questions have shown it? Behind `anatomy-r1 compare`.

In the order in which a comparison runs:

    systems          result stores and response logs, loaded as systems: one policy under all its seeds
    panel            systems of one benchmark, aligned by question; what must agree before they may be compared
    family           the comparisons that were declared, whether before the runs, and Holm's procedure over them
    compare          paired differences with intervals, tests and verdicts; `analyse` does it all
    statistics       test, minimum detectable difference, verdict: pure, seeded where it draws
    retraining       base and seed as random factors: the interval and the verdict of the method, and not of the weights
    beside_blind     each system beside the best rule that sees no image
    report           what is printed of it: tables, notes, JSON;  cells: numbers as they are printed
    regression_gate  behind `anatomy-r1 regress`: did a metric fall by more than the noise allows?

How to read the numbers: docs/statistics.md.
"""
