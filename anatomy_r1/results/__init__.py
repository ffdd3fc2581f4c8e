"""The result store: where the pipeline and submissions write results, and where comparisons and reports read them.

    record       `sampling_record`: what a result keeps of a run's `Scores`, next to its question table
    store        `Result` (one evaluated policy: question table and provenance), `save_result`, `load_results`
    submission/  results made elsewhere, scored again from their raw responses and written to the store

The path up to `Scores` and the question table is `anatomy_r1.scoring`.
"""
