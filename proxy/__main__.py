"""``python -m proxy`` is ``signproxy``."""

import sys

from proxy.cli import main

sys.exit(main())
