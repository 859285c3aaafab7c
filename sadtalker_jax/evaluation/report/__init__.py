"""What a run writes: `content`, `tables`, `page` with `plots` and `sheets`."""
