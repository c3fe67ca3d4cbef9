"""The geometry of one layer: worked numbers, and what must hold for any numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from builtin_checks.lora_safety import subspace as s

W = np.array([[2, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1.0]])
X = np.array([[1, 2, 0, 1], [0, 1, 1, 0], [1, 0, 1, 2.0]])
X_TASK = np.array([[1, 0, 2], [2, 1, 0], [0, 1, 1.0]])
UPDATE_1 = np.outer([1, 0, 1, -1], [0.5, -1, 2])
UPDATE_2 = np.array([[1, 0], [0, 1], [1, 0], [-1, 1]]) @ np.array([[0.5, -1, 2], [0, 0.5, 0]])
K = s.moment(X)


def close(found, expected):
    np.testing.assert_allclose(found, expected, atol=1e-6)


def directions(rank):
    return s.safety_directions(W, K, rank)[0]


def test_energies_and_singular_values():
    energies = s.safety_directions(W, K, 1)[1]
    close(energies, [55.928634, 4.702596, 1.368770, 0])
    close(np.sqrt(energies), [7.478545, 2.168547, 1.169945, 0])
    close(energies.cumsum()[:2] / energies.sum(), [0.902075, 0.977923])


def test_projector():
    expected = [
        [0.254425, -0.100310, -0.367765, -0.210666],
        [-0.100310, 0.986504, -0.049479, -0.028343],
        [-0.367765, -0.049479, 0.818595, -0.103914],
        [-0.210666, -0.028343, -0.103914, 0.940475],
    ]
    close(s.projector(directions(1)), expected)
    close(np.diag(s.projector(directions(2))), [0.227532, 0.853802, 0.434257, 0.484409])


@pytest.mark.parametrize(
    ("update", "rank", "rho", "overlap", "phi", "kappa"),
    [
        (UPDATE_1, 1, 1.153536, 0.364291, 0.364291, 0.733051),
        (UPDATE_1, 2, 1.153536, 0.790892, 0.790892, 1.037379),
        (UPDATE_2, 1, 1.153536, 0.312667, 0.369641, 0.738414),
        (UPDATE_2, 2, 1.153536, 0.723974, 0.792563, 1.038474),
    ],
)
def test_update_numbers(update, rank, rho, overlap, phi, kappa):
    close(s.relative_change(update, W, K), rho)
    close(s.weight_overlap(update, directions(rank)), overlap)
    close(s.subspace_share(update, directions(rank), K), phi)
    close(s.subspace_disturbance(update, W, directions(rank), K), kappa)


def test_length_after_projecting():
    close(
        [np.linalg.norm(s.project_factor(UPDATE_1, directions(r))) / np.linalg.norm(UPDATE_1) for r in (1, 2)],
        [0.797313, 0.457283],
    )
    close([np.linalg.norm(s.project_factor(UPDATE_2, directions(r))) for r in (1, 2)], [3.443325, 2.182076])


def test_task_start_and_what_is_exported():
    kept = directions(1)
    start = s.task_init(W, s.moment(X_TASK), rank=1, task_rank=2)
    first = s.project_factor(start[0], kept) @ start[1]
    close(np.linalg.svd(W)[1], [2.488490, 1.414214, 0.898564])
    expected = [[0.034164, 0.008149, 0.016297], [-0.060089, -0.014332, -0.028664], [0.024725, 0.005897, 0.011794]]
    close(first, [*expected, [-0.135462, -0.032310, -0.064620]])
    close(s.residual(W, kept, start), W - first)
    trained = np.array([[0.3], [0.1], [-0.2], [0.4]]), np.array([[1, 0.5, -0.5]])
    left, right = s.plain_factors(kept, trained, start)
    assert (left.shape, right.shape) == ((4, 2), (2, 3))
    expected = [[0.021419, 0.019643, -0.044089], [0.127205, 0.047890, -0.004894], [-0.345287, -0.166178, 0.148486]]
    close(left @ right, [*expected, [0.466401, 0.197779, -0.100849]])
    close(s.residual(W, kept, start) + s.project_factor(trained[0], kept) @ trained[1], W + left @ right)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_the_start_does_not_depend_on_the_scale(scale):
    start = s.task_init(W, s.moment(X_TASK), rank=2, task_rank=2, scale=scale)
    plain = s.task_init(W, s.moment(X_TASK), rank=2, task_rank=2)
    close(scale * start[0] @ start[1], plain[0] @ plain[1])
    close(s.residual(W, directions(1), start, scale) + scale * s.project_factor(start[0], directions(1)) @ start[1], W)


def test_safe_lora():
    aligned = np.array([[0.5, 0], [0, 0], [0, -1.0]])
    update = np.outer([1, 2, 0], [1, -1.0])
    projection = s.safe_lora_projection(aligned, np.zeros_like(aligned))
    close(projection, np.diag([0.223607, 0, 0.894427]))
    close(s.safe_lora_score(update, projection), 0.447214)
    close((projection @ update)[0], [0.223607, -0.223607])
    doubled = s.safe_lora_projection(2 * aligned, np.zeros_like(aligned))
    close(doubled, 2 * projection)
    close(s.safe_lora_score(3 * update, doubled), 0.447214)


def test_a_zero_denominator_is_undefined_with_a_reason():
    zero, kept = np.zeros_like(W), directions(1)
    assert s.relative_change(zero, W, K) == 0
    assert s.subspace_disturbance(zero, W, kept, K) == 0
    for call in (
        lambda: s.relative_change(UPDATE_1, zero, K),
        lambda: s.subspace_share(zero, kept, K),
        lambda: s.subspace_disturbance(UPDATE_1, zero, kept, K),
        lambda: s.weight_overlap(zero, kept),
        lambda: s.safety_directions(W, np.zeros((3, 3)), 1),
        lambda: s.safe_lora_projection(W, W),
        lambda: s.safe_lora_score(zero, np.eye(4)),
    ):
        with pytest.raises(s.Undefined, match=r"zero|equal|nothing|no component"):
            call()


def test_ranks_that_cannot_be_meant():
    for rank in (0, 5):
        with pytest.raises(ValueError, match=f"found {rank}"):
            s.safety_directions(W, K, rank)
        with pytest.raises(ValueError, match=f"found {rank}"):
            s.task_init(W, K, rank, 1)
        with pytest.raises(ValueError, match=f"found {rank}"):
            s.directions_by_svd(W @ X, rank)
    assert s.safety_directions(W, K, 4)[0].shape == (4, 3), "the tokens span three directions only"


numbers = st.floats(-3, 3).map(lambda x: round(x, 3))


@st.composite
def layers(draw):
    outputs, inputs, tokens, rank = (draw(st.integers(low, 6)) for low in (2, 2, 3, 1))
    weight = draw(arrays(float, (outputs, inputs), elements=numbers))
    features = draw(arrays(float, (inputs, tokens), elements=numbers))
    update = draw(arrays(float, (outputs, inputs), elements=numbers))
    energies = np.linalg.eigvalsh(weight @ features @ features.T @ weight.T)[::-1]
    rank = min(rank, outputs)
    assume(energies[0] > 1e-2 and energies[rank - 1] > 1e-2)
    if rank < outputs:  # a clear gap: without one, the directions are no property of the tokens
        assume(energies[rank - 1] - energies[rank] > 1e-2 * energies[0])
    return weight, features, update, rank


@given(layers())
@settings(max_examples=60, deadline=None)
def test_projector_properties(layer):
    weight, features, update, rank = layer
    kept, _ = s.safety_directions(weight, s.moment(features), rank)
    c = s.projector(kept)
    np.testing.assert_allclose(c, c.T, atol=1e-10)
    np.testing.assert_allclose(c @ c, c, atol=1e-10)
    np.testing.assert_allclose(np.trace(c), len(weight) - kept.shape[1], atol=1e-10)
    np.testing.assert_allclose(kept.T @ c, 0, atol=1e-10)
    np.testing.assert_allclose(s.project_factor(update, kept), c @ update, atol=1e-10)
    once = s.project_factor(update, kept)
    np.testing.assert_allclose(s.project_factor(once, kept), once, atol=1e-10)
    assert np.linalg.norm(once) <= np.linalg.norm(update) + 1e-10
    np.testing.assert_allclose(s.projector(s.directions_by_svd(weight @ features, rank)), c, atol=1e-6)


@given(layers(), st.integers(0, 2**32 - 1), st.floats(0.1, 10))
@settings(max_examples=60, deadline=None)
def test_what_the_directions_do_not_depend_on(layer, seed, factor):
    weight, features, _, rank = layer
    rng = np.random.default_rng(seed)
    c = s.projector(s.safety_directions(weight, s.moment(features), rank)[0])
    rotation = np.linalg.qr(rng.normal(size=(features.shape[1],) * 2))[0]
    for other in (features[:, rng.permutation(features.shape[1])], features @ rotation, factor * features):
        np.testing.assert_allclose(s.projector(s.safety_directions(weight, s.moment(other), rank)[0]), c, atol=1e-6)
    kept = s.safety_directions(weight, s.moment(features), rank)[0]
    inside = np.linalg.qr(rng.normal(size=(kept.shape[1],) * 2))[0]
    np.testing.assert_allclose(s.projector(kept @ inside), c, atol=1e-6)


@given(layers(), st.floats(0.1, 5))
@settings(max_examples=60, deadline=None)
def test_moments_say_the_same_as_tokens(layer, factor):
    weight, x, update, rank = layer
    k = s.moment(x)
    kept, _ = s.safety_directions(weight, k, rank)
    change = np.linalg.norm(update @ x)
    assume(change > 1e-3)
    rho, phi = s.relative_change(update, weight, k), s.subspace_share(update, kept, k)
    kappa = s.subspace_disturbance(update, weight, kept, k)
    np.testing.assert_allclose(rho, change / np.linalg.norm(weight @ x), rtol=1e-6)
    np.testing.assert_allclose(phi, np.linalg.norm(kept.T @ update @ x) ** 2 / change**2, atol=1e-6)
    np.testing.assert_allclose(kappa, np.linalg.norm(kept.T @ update @ x) / np.linalg.norm(kept.T @ weight @ x), atol=1e-6)
    assert 0 <= phi <= 1
    np.testing.assert_allclose(s.relative_change(-factor * update, weight, k), factor * rho, rtol=1e-6)
    np.testing.assert_allclose(s.subspace_share(factor * update, kept, k), phi, atol=1e-6)
    np.testing.assert_allclose(s.subspace_disturbance(factor * update, weight, kept, k), factor * kappa, atol=1e-6)
    shares = [s.subspace_share(update, kept[:, :r], k) for r in range(1, kept.shape[1] + 1)]
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(shares))
    held = s.project_factor(update, kept)
    assert np.linalg.norm(kept.T @ held @ x) <= 1e-9 * max(change, 1)


@given(layers())
@settings(max_examples=40, deadline=None)
def test_overlap_is_phi_for_rank_one(layer):
    weight, x, update, rank = layer
    kept, _ = s.safety_directions(weight, s.moment(x), rank)
    single = np.outer(update[:, 0], update[0])
    assume(np.linalg.norm(single @ x) > 1e-3)
    np.testing.assert_allclose(s.subspace_share(single, kept, s.moment(x)), s.weight_overlap(single, kept), atol=1e-6)
