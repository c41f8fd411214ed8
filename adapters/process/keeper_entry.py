"""Started as `python -I -S keeper_entry.py`: finds the keeper beside itself, without site packages."""

import os
import sys

# Last on the path: nothing in this directory may stand before the standard library.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - no pathlib in the keeper

from keeper.main import main  # type: ignore[import-not-found]

if __name__ == "__main__":
    main()
