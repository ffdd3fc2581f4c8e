"""Is one method better than another, and could these questions have told? Behind `anatomy-r1 compare`.

    permutation, power, seeds            one statistical method each, pure and seeded
    family, declared                     which comparisons were declared, whether before the run, and Holm over them
    verdict                              the rule that turns numbers into words
    runs, sources                        result stores and response logs as the same value
    conditions, panel                    what must agree before two systems may be compared
    compare, flips                       the comparison itself, a pure function
    document, rows, as_json              what is printed of it

How to read the numbers: docs/statistics.md.
"""
