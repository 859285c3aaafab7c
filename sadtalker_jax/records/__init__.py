"""Records of prepared clips: the contract between preparation and training.

`schema` says what a record holds, `folders` how records lie in a folder with a
manifest, `tf_example` how one is written as bytes, `tfds` what lies beside them
for TensorFlow Datasets.
"""
