"""`make bench`: figures from one run on one machine; ratios are what may be compared between machines."""
