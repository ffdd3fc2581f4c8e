"""Running the plan: Snakemake, the process pool, SLURM and the progress bar."""
