"""The import package `engine`: the module paths of the Quick Reference. The code behind them is in `jobs` and `adapters`."""
