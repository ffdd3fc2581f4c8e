"""The result store: where the pipeline and submissions write results, and where comparisons and reports read them.

    store        `Result` (one evaluated policy: question table and provenance), `save_result`, `load_results`
    blind_record the best rule that sees no image, recorded with a result or added to a store
    submission/  results made elsewhere, scored again from their raw responses and written to the store

The path up to `Scores` and the question table is `anatomy_r1.scoring`.
"""
