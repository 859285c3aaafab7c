"""Times of the heavy parts, beside a peer where one is installed."""
