"""All benchmarks, one after the other; ``python -m benchmarks.NAME`` runs one."""

import sys

from benchmarks import coalescing, csc, event_loop, kms, one_pass, pkcs11

sys.exit(one_pass.main() or kms.main() or pkcs11.main() or csc.main() or event_loop.main() or coalescing.main())
