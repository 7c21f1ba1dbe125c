"""``python -m microcoder.evaluator.cli``"""

import sys

from . import main

sys.exit(main())
