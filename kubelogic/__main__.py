"""``python -m kubelogic``."""

import sys

from kubelogic.cli import main

sys.exit(main())
