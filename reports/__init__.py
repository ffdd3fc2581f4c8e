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

To add a table, write a module in `reports/tables` with `export(results) -> TableExport`, starting from
`reports.scores.scores.scores(results)` and `reports.tables.rows.system_table`, and enter it in `TABLES` in
`reports/tables/__init__.py`; `python -m reports NAME` then prints it and writes it in every format.
"""
