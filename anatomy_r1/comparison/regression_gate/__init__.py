"""Did a metric fall by more than the noise allows? Behind `anatomy-r1 regress`.

In the order in which the gate runs:

    sources      result stores, response logs and reference files, as one aligned panel per benchmark
    judge        how far two honest evaluations of the same questions may differ, and the verdicts; pure
    report       what is printed of it: tables, sentences, JSON, and for CI servers JUnit XML and GitHub annotations

The rule and its error rates: docs/ci.md.
"""
