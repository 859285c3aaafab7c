"""The work on a folder of videos, on one machine or many.

`video_job` prepares one video, `runner` and `worker` many in processes, `beam`
on many machines; `record_plan`, `splits`, `statistics`, `shard_files` and
`finish` make the records; `records` puts both together in an `output` folder.
"""
