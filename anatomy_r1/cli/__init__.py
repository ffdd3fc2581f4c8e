"""The command `anatomy-r1`. Each file has one subcommand or a few, and imports only argparse at the top."""
