"""Which pixels of a picture are of a person whose face is known.

What is likely from the place beside the face, and what colours say, are made
one by a random walk with priors (Grady 2005), which prefers borders where
colours change. Colours and texture are learned from its own result, a few times
over, as GrabCut does (Rother 2004). Hair is then looked for by its own
(`hair`).

Conventions: pictures are RGB, 0 to 255; shares are in [0, 1].
"""

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import linalg

from sadtalker_jax.faces.matting import hair as hair_lib
from sadtalker_jax.faces.matting import mixtures
from sadtalker_jax.faces.matting import place as place_lib

ROUNDS = 6
_BEFORE_HAIR = 2  # rounds until hair is looked at
_AWAY = 30.0  # grey levels that a face's width of distance counts
_TRUST = 0.8  # of what colours say: neighbours say the same once more
_MOST = 4.0  # log odds by the colour of one pixel
_EXPECTED = 0.6  # weight of what is likely from the place
_OWN = 0.05  # weight of a pixel's odds beside that of a like neighbour
_FAR, _HIGH = 0.1, -0.2  # likelihood, and widths of the face below the chin
_CORE = 0.93  # likelihood of clothes that teach the person at first
_CORNERS = 0.15  # share of what is high that is background in any case
_SURE = 3.0  # the same where it is sure
_HANGS = 1.0  # log odds of hair that hangs beside the face, at the least
_NO_HAIR = -1.25  # of what is there and is no such hair, at the most
_EARS, _NECK = 0.1, 0.0  # beside and below the face; ears and necks are no hair
_TEXTURE = 16.0  # grey levels that e times as much texture (and more) counts
_WIDE = 5  # pixels; a border alone is no texture
_LINK = 1e-3  # least weight of a neighbour


def person(
  picture: np.ndarray, texture: np.ndarray, place: place_lib.Place
) -> np.ndarray:
  """Shares [H, W] of the person in every pixel; its border is at one half.

  Args:
    picture: [H, W, 3].
    texture: [H, W] of it, as `hair.texture` measures it.
    place: What is known of its pixels.
  """
  features = _features(picture, texture, place)
  links = _links(picture)
  sure = place.sure.ravel()
  prior = _EXPECTED * np.log(place.likely / (1.0 - place.likely)).ravel()
  own = np.where(sure, _SURE, _OWN)
  solve = linalg.splu(
    (links + sparse.diags(own)).tocsc(),
    permc_spec='MMD_AT_PLUS_A',
    options={'SymmetricMode': True},
  ).solve
  share = np.where(sure, 1.0, place.likely.ravel())
  likely, below = place.likely.ravel(), place.below.ravel()
  # At first only what is high and far from the face is surely background.
  high = below < _HIGH
  far = (
    max(_FAR, float(np.quantile(likely[high], _CORNERS)))
    if high.any()
    else _FAR
  )
  others = high & (likely <= far)
  mine = sure | ((likely > _CORE) & (below > 0.0))
  hanging = np.zeros(len(likely), bool)
  by_place = prior
  # Beside the face there is nothing but hair, so what only looks like skin is
  # the room; above it there are hats, which have several colours.
  there = ((place.beside > _EARS) & (place.below < _NECK)).ravel()
  most = _NO_HAIR * (1.0 - place.upward).ravel()
  no_hair = np.where(there, np.minimum(by_place, most), by_place)
  for k in range(ROUNDS):
    if k >= _BEFORE_HAIR:
      hair = hair_lib.find(
        features[:, :3], texture, share.reshape(place.likely.shape), place
      )
      if hair is not None:
        hanging |= hair.ravel()
        prior = np.where(hanging, np.maximum(by_place, _HANGS), no_hair)
      mine, others = mine | hanging, others & ~hanging
    odds = mixtures.log_density(features, mine)
    odds = odds - mixtures.log_density(features, others)
    odds = np.clip(_TRUST * odds, -_MOST, _MOST) + prior
    wanted = np.where(sure, 1.0, 1.0 / (1.0 + np.exp(-odds)))
    share = solve(own * wanted)
    # What is in doubt teaches neither side.
    mine, others = share > 0.6, (share < 0.4) & (likely < 0.5)
  return share.reshape(place.likely.shape)


def _features(
  picture: np.ndarray, texture: np.ndarray, place: place_lib.Place
) -> np.ndarray:
  """Colour, texture and place of all pixels, [N, 6].

  Distances are like grey levels. A wall, and what is out of focus, is smoother
  than clothes and hair of its colours.
  """
  red, green, blue = np.moveaxis(np.asarray(picture, np.float64), -1, 0)
  y, x = np.indices(place.likely.shape) * (_AWAY / place.width)
  fine = _TEXTURE * np.log1p(ndimage.median_filter(texture, _WIDE))
  parts = [(red + green + blue) / 3, red - green, 0.5 * (red + green) - blue]
  return np.stack([*parts, fine, x, y], -1).reshape(-1, 6)


def _links(picture: np.ndarray) -> sparse.csr_matrix:
  """Laplacian of the grid [N, N]; like neighbours weigh 1."""
  colour = np.asarray(picture, np.float64)
  number = np.arange(colour[..., 0].size).reshape(colour.shape[:2])
  squares = [
    (np.diff(colour, axis=axis) ** 2).sum(-1).ravel() for axis in (0, 1)
  ]
  usual = 2.0 * max(float(np.concatenate(squares).mean()), 1.0)
  weight = np.concatenate([_LINK + np.exp(-part / usual) for part in squares])
  first = np.concatenate([number[:-1].ravel(), number[:, :-1].ravel()])
  second = np.concatenate([number[1:].ravel(), number[:, 1:].ravel()])
  n = number.size
  one_way = sparse.coo_matrix((weight, (first, second)), (n, n))
  both = (one_way + one_way.T).tocsr()
  return sparse.diags(np.asarray(both.sum(1)).ravel()) - both
