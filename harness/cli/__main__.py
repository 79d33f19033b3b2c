"""`python -m harness.cli`, for an environment whose scripts are not on the path."""

import sys

from harness.cli import main

sys.exit(main())
