"""Did a metric fall by more than the noise allows? Behind `anatomy-r1 regress`.

In the order in which the gate runs:

    load         result stores, response logs and reference files, as one aligned panel per benchmark
    reference    the reference file: recorded results, small enough to be committed
    tolerance    how far two honest evaluations of the same questions may differ; pure
    judge        a reference and a fresh result -> verdicts; pure
    report       what is printed of it: tables, sentences, JSON
    ci           what a CI server reads: JUnit XML, GitHub annotations and job summary

The rule and its error rates: docs/ci.md.
"""
