import numpy as np
from PIL import Image

from sadtalker_jax.cli import fit_photo
from sadtalker_jax.inference import bundle


def test_photo_is_fitted_and_shown(tmp_path, capsys):
  flags = ['--output', str(tmp_path / 'made'), '--size', '48', '--steps', '25']
  assert fit_photo.main([*flags, str(bundle.SAMPLE_PORTRAIT)]) == 0
  line = capsys.readouterr().out
  assert line.startswith('grace_hopper.jpg: colour distance 0.')
  before, after = (float(w) for w in line.split()[3:6:2])
  assert after < before
  with np.load(tmp_path / 'made/grace_hopper_fit.npz') as stored:
    assert stored['coefficients'].shape == (257,)
    assert np.isfinite(stored['coefficients']).all()
    assert stored['albedo'].shape == (4783, 3)
    assert stored['trans'][:2].tolist() == [512, 600]
  with Image.open(tmp_path / 'made/grace_hopper_fit.png') as picture:
    assert picture.size == (5 * 48, 48)


def test_bad_photo_ends_with_one_line_and_code_2(tmp_path, capsys):
  flags = ['--output', str(tmp_path), str(tmp_path / 'nothing.png')]
  assert fit_photo.main(flags) == 2
  error = capsys.readouterr().err
  assert error.startswith('fit_photo: ') and error.count('\n') == 1
