"""From a response log to scores with intervals, without a model. The path, one module per step:

1. `complete_run`    `load_complete_run`: all responses of one run, six per question, none missing and none twice
2. `extraction`      `extract_response`: reads the answer from a response, and what is wrong with its form
       `strict`          the extractor that is scored: where a completion becomes a letter
       `lenient`         the extractor that is only reported next to it (`lenient_text`: its text handling)
3. `metrics`         `question_metrics`: Avg@5, Pass@1, Major@5 of one question
4. `score`           `score`: all of the above for one run, as `Scores`
5. `question_table`  `question_table`: `Scores` as one row per question, which `anatomy_r1.results` stores
                     `table_metrics`: the metrics of each question, from a stored table

What is computed from scores or from the table:

    intervals        `cluster_interval`: the cluster-robust 95 % interval of every reported mean
    position_bias    does a policy prefer a letter because it is that letter?
    validity         `validity_problems`: what makes a run unfit to be compared
    report           scores as text and as JSON, for `anatomy-r1 score`
"""
