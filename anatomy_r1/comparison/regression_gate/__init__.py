"""Did a metric fall by more than the noise allows? Behind `anatomy-r1 regress`.

    noise, tolerance     how far two honest evaluations of the same questions may lie apart; pure
    gate                 what is judged and what it comes to, as values
    judge                a reference and a fresh result -> verdicts, a pure function
    reference, sources   reference files, result stores and response logs as pairs of systems
    document, as_json    what is printed of it
    junit, github        what a CI server reads

The rule and its error rates: docs/ci.md.
"""
