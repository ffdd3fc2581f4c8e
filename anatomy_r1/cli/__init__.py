"""The command `anatomy-r1`: one file for each subcommand, and only argparse at the top of each."""
