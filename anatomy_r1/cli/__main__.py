"""`python -m anatomy_r1.cli`: the command `anatomy-r1`, where it is not on the path."""

import sys

from anatomy_r1.cli.main import main

sys.exit(main())
