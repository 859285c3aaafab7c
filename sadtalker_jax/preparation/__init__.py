"""From raw video to records that training reads; see docs/data.md."""
