"""The import package `engine`: the module paths of the Quick Reference. The code behind them is in `jobs` and `adapters`."""

import sys
from pathlib import Path

# An editable install finds packages only after the import path. A directory that is called `schema` or `adapters` where
# `python -m` is run would hide them; on the import path, a package precedes a mere directory. A wheel needs none of this.
_CHECKOUT = Path(__file__).resolve().parents[3]
if (_CHECKOUT / "manage.py").is_file():
    sys.path.append(str(_CHECKOUT))
