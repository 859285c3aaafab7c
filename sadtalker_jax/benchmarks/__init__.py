"""Times of the heavy parts on this machine; see `cli.bench`.

Modules: `render_speed`, `motion_speed`, `rasterize_speed`, `grid_sample_speed`,
one benchmark each; `drtk_peer`, what rasterizing is compared with where it is
installed; `timing`, what they share; `accelerator`, all about one card.
"""
