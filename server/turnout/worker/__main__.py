"""`python -m turnout.worker`: what a server starts when it needs a model."""

import sys

from turnout.worker.process import main

sys.exit(main())
