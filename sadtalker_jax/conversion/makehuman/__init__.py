"""How the head that ships was built from MakeHuman's CC0 data.

Modules: `targets` (MakeHuman's files), `head` (shape and bases), `skin` (which
triangles can be seen), `correspondence` (where FaceMesh points lie on it).
"""
