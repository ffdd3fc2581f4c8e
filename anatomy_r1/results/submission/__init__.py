"""Results of others enter the result store: a model, a response log, or a results directory of lm-eval's.

    lm_eval_files    what a results directory holds, within limits
    lm_eval_rows     its records, each checked against the prepared set, as responses
    lm_eval_origin   what the run says of itself
    lm_eval_source, log_source   responses scored by our scorer, with what is known of how they came about
    entry            the names under which they stand, and the store that they enter
    submit           all of it, whole or not at all

How to use it: docs/submit.md.
"""
