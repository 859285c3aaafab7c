"""The work on a folder of videos: processes, Beam, shards, the end of a run."""
