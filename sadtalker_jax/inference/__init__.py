"""From a portrait and a recording to a talking video."""
