"""Started as `python -I -S shim_entry.py`: finds the shim beside itself, without site packages."""

import os
import sys

# Last on the path: nothing in this directory may stand before the standard library.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - no pathlib in the shim

from shim.main import main  # type: ignore[import-not-found]

if __name__ == "__main__":
    main()
