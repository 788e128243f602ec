"""``python -m kubelogic.cli``."""

import sys

from kubelogic.__main__ import main

sys.exit(main())
