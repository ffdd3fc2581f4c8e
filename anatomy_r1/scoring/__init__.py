"""From a response log to scores with intervals, without a model. The path, one module per step:

1. `complete_run`: all responses of one run, six per question, none missing and none twice.
2. `extraction`: reads the answer from each response and notes what is wrong with its form. `strict` is the extractor
   that is scored: there, a completion becomes a letter. `lenient` is only reported next to it; it uses `plain_text`,
   `cues`, `option_matcher`, `sentences` and `lenient_answer`. `docs/reading.md` says how responses are read.
3. `metrics`: Avg@5, Pass@1 and Major@5 of one question.
4. `score`: steps 1 to 3 for a whole run, as `Scores`.
5. `question_table`: `Scores` as one row per question, which is what `anatomy_r1.results` stores; and the metrics of
   each question from such a table (`table_metrics`).

Computed from scores, or from the table:

- `intervals`: the 95 % interval of every reported mean (`cluster_interval`).
- `position_bias`: does a policy prefer a letter because it is that letter?
- `validity`: what makes a run unfit to be compared (`validity_problems`).
- `fitness`: whether a run's numbers may be used, from its scores or as stored: one answer for every command.
- `report`: scores as text and as JSON, for `anatomy-r1 score`.
"""
