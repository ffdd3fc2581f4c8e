"""Tables, figures and pages from the result store.

```text
result store (anatomy_r1.results.store)
  -> scores/     scores with intervals and differences, costs, marks and notes
  -> tables/     the paper's tables and further ones;  controls/  control experiments;  figures/  from training curves
  -> formats     CSV and LaTeX; text, Markdown and HTML of tables are in anatomy_r1.tables
  -> write       the files of one table;  cards  model and data cards
audit/           the paper's numbers tested against each other;  ledger/  every claim of the paper with its verdict
site/            a static site of all of these
```

To add a table, write a module in `reports/tables`, and enter it in `TABLES` of `reports/tables/__init__.py`; `python -m
reports NAME` then prints it and writes it in every format. To show it on the site, enter it in `_TABLES` of
`reports/site/build.py`. A complete module (a test runs it):

    from anatomy_r1.tables.table import Document
    from reports.scores.notes import marks, notes, warning
    from reports.scores.scores import ALL, AVG, by_key, scores
    from reports.tables import TableExport
    from reports.tables.rows import score_cell, system_table

    def export(results):
        found = by_key(scores(results))
        cells = lambda system: [score_cell(found[system, AVG, ALL])]
        table = system_table("mine", "Avg@5", ("Avg@5",), cells, found=found, marks=marks(results))
        document = Document("My table", warning(results), (table,), notes(results, found.values()))
        return TableExport(document, list(found.values()))
"""
