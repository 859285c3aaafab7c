"""The web page: a portrait and a recording become a video in a browser.

`page` lays it out and mounts it beside the HTTP API; `animating`, `batches` and
`detecting` are what its tabs do, through the same `serving.service` and its one
queue; `texts` has every word that is shown.
"""
