"""Many animations in one go: `manifest` lists them, `jobs` makes them."""
