"""Animations for others: jobs over HTTP.

`service` is what a door (the HTTP API, a page) talks to: it takes files in,
checks them (`limits`), keeps jobs in a table that survives the process
(`job_table`) and has one thread draw them (`device_queue`). `api` is the HTTP
door: its guards (`guards`, `tokens`), forms (`forms`), answers (`answers`) and
counters (`meters`).
"""
