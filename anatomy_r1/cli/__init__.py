"""The command `anatomy-r1`: one file per subcommand, each of which imports only argparse at the top."""
