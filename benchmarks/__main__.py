"""All benchmarks, one after the other; ``python -m benchmarks.NAME`` runs one."""

import sys

from benchmarks import kms, one_pass

sys.exit(one_pass.main() or kms.main())
