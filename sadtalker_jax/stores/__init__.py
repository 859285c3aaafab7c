"""Folders of object stores (s3://, gs://, ...), through fsspec.

`fetching` makes local copies of what is only read (bundles, records, runs), and
puts finished folders into a store; `ranges` reads files piece by piece;
`mirroring` keeps the folder of a run there.
"""
