"""How near real pictures are to reconstructed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pytest_trustml.errors import DataError

if TYPE_CHECKING:
    import numpy as np

_BLOCK_BYTES = 32 << 20


class Nearest(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """For every real picture the reconstructed one that is most like it.

    Parameters
    ----------
    row : array of int64, shape (N,)
        Which reconstruction.
    mse : array of float64, shape (N,)
        Mean squared difference of its pixels, 0 to 1.
    """

    row: Any
    mse: Any


def nearest_reconstruction(real: np.ndarray, reconstructed: np.ndarray) -> Nearest:
    """The reconstruction with the smallest mean squared difference to each real picture.

    Parameters
    ----------
    real, reconstructed : arrays of shapes (N, C, H, W) and (M, C, H, W)
        From 0 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> found = nearest_reconstruction(np.zeros((1, 1, 2, 2)), np.stack([np.ones((1, 2, 2)), np.full((1, 2, 2), 0.5)]))
    >>> found.row.tolist(), found.mse.tolist()
    ([1], [0.25])
    """
    import numpy as np

    one, other = np.asarray(real, dtype=np.float64), np.asarray(reconstructed, dtype=np.float64)
    if one.ndim != 4 or other.ndim != 4 or one.shape[1:] != other.shape[1:] or not len(other):
        raise DataError(
            f"Pictures of shapes {one.shape} and {other.shape} cannot be compared. Both must be (n, C, H, W), alike."
        )
    one, other = one.reshape(len(one), -1), other.reshape(len(other), -1)
    row, mse = np.empty(len(one), np.int64), np.empty(len(one))
    size = max(1, _BLOCK_BYTES // (8 * len(other)))
    squares = (other * other).sum(axis=1)
    for start in range(0, len(one), size):
        block = one[start : start + size]
        row[start : start + size] = (squares - 2 * block @ other.T).argmin(axis=1)
        mse[start : start + size] = ((block - other[row[start : start + size]]) ** 2).mean(axis=1)
    return Nearest(row=row, mse=mse)


def ssim(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Structural similarity of pairs of pictures, 1 for equal ones: (N,) float64.

    Parameters
    ----------
    first, second : arrays of shape (N, C, H, W), H and W at least 7
        From 0 to 1.

    References
    ----------
    Wang, Bovik, Sheikh and Simoncelli 2004, IEEE TIP 13, 600-612 (equation 13), with uniform windows of 7 x 7 pixels, sample
    covariances and the mean over windows that lie inside.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.random.default_rng(0).random((1, 1, 8, 8))
    >>> ssim(a, a).tolist(), bool(ssim(a, 1 - a)[0] < 0)
    ([1.0], True)
    """
    import numpy as np

    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != other.shape or one.ndim != 4 or min(one.shape[2:]) < 7:
        raise DataError(
            f"Pictures of shapes {one.shape} and {other.shape} were given. Both must be (N, C, H, W), 7 x 7 or more."
        )
    windows = [np.lib.stride_tricks.sliding_window_view(each, (7, 7), axis=(2, 3)) for each in (one, other)]
    means = [each.mean(axis=(-2, -1)) for each in windows]
    unbiased = 49 / 48
    variances = [unbiased * ((w * w).mean(axis=(-2, -1)) - m * m) for w, m in zip(windows, means, strict=True)]
    covariance = unbiased * ((windows[0] * windows[1]).mean(axis=(-2, -1)) - means[0] * means[1])
    luminance = (2 * means[0] * means[1] + 1e-4) / (means[0] ** 2 + means[1] ** 2 + 1e-4)
    structure = (2 * covariance + 9e-4) / (variances[0] + variances[1] + 9e-4)
    return (luminance * structure).mean(axis=(1, 2, 3))
