"""Files of showers: fetched, checked, merged, described and compared."""
