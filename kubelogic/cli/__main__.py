"""``python -m kubelogic.cli``."""

import sys

from kubelogic.cli import main

sys.exit(main())
