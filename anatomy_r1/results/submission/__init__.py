"""Results made elsewhere enter the result store: a model, a response log, or the output of an lm-eval run.

    submit           `submit`: one of the three is scored, checked, described, and written atomically under its key
    submission       `Submission`: the scores and what is known of their origin; from a response log or a model
    lm_eval_source   an lm-eval run, each record checked against the prepared set
    lm_eval_files    its files, read within limits and with strict types

How to use it: docs/submit.md.
"""
