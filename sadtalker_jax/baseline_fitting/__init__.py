"""How the weights of the `baseline` lips are fitted; an offline tool.

Modules: `recordings` (sound and lips of videos), `phones` (of recordings
without a picture), `lip_fitting` (weights from them), `scores` (how well the
weights follow lips), `fitting` (from files to weights and a report).
"""
