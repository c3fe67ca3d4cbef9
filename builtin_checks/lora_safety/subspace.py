"""What an update of one linear layer does to the directions that carry safety: SaLoRA's formulas on arrays.

One layer is y = W x. Columns of X are inputs of the layer at safety tokens; K = X X^T is all that the formulas need of them,
so no tokens are kept. The update of an adapter is dW = s L R, with L the left factor (called ``lora_B`` by peft) and R the
right one (``lora_A``). Everything is dimensionless. Numbered equations are those of [1]_, section 3.

References
----------
.. [1] Li, Si, Backes, Zhang, Wang, "SaLoRA: Safety-Alignment Preserved Low-Rank Adaptation", ICLR 2025, arXiv 2501.01765.
.. [2] Hsu et al., "Safe LoRA", NeurIPS 2024, arXiv 2405.16833.
"""

from __future__ import annotations

import numpy as np


class Undefined(ValueError):
    """A ratio whose denominator is zero. The message says what is zero and what that means."""


def ratio(numerator: float, denominator: float, why: str) -> float:
    """A ratio, or `Undefined` with the reason: a zero denominator is never papered over with a small number."""
    if denominator <= 0.0:
        raise Undefined(why)
    return float(numerator) / float(denominator)


def moment(inputs: np.ndarray) -> np.ndarray:
    """K = X X^T of inputs X (d_in, tokens): (d_in, d_in) float64."""
    inputs = np.asarray(inputs, dtype=np.float64)
    return inputs @ inputs.T


def safety_directions(weight: np.ndarray, inputs_moment: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The output directions of a layer in which safety tokens carry the most energy: U_c and the energies.

    U_c holds the first ``rank`` left singular vectors of W X [1]_, found as the leading eigenvectors of W K W^T.

    Parameters
    ----------
    weight : ndarray, shape (d_out, d_in)
    inputs_moment : ndarray, shape (d_in, d_in)
        K = X X^T.
    rank : int, 1 .. d_out
        Fewer directions come back if the tokens span fewer.

    Returns
    -------
    directions : ndarray, shape (d_out, at most rank)
        Orthonormal columns, strongest first. Signs are arbitrary.
    energies : ndarray, shape (d_out,)
        All eigenvalues of W K W^T, falling.

    Raises
    ------
    Undefined
        The outputs at the safety tokens are all zero.

    Examples
    --------
    >>> W = np.array([[2, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1.0]])
    >>> X = np.array([[1, 2, 0, 1], [0, 1, 1, 0], [1, 0, 1, 2.0]])
    >>> directions, energies = safety_directions(W, moment(X), 1)
    >>> directions.shape, energies.round(6).tolist()[:3]
    ((4, 1), [55.928634, 4.702596, 1.36877])
    """
    weight = np.asarray(weight, dtype=np.float64)
    if not 1 <= rank <= weight.shape[0]:
        raise ValueError(f"A safety rank lies between 1 and the {weight.shape[0]} outputs of the layer, found {rank}.")
    gram = weight @ inputs_moment @ weight.T
    energies, vectors = np.linalg.eigh((gram + gram.T) / 2)
    energies, vectors = np.clip(energies[::-1], 0.0, None), vectors[:, ::-1]
    kept = int(np.sum(energies > energies[0] * weight.shape[0] * np.finfo(np.float64).eps))
    if kept == 0:
        raise Undefined("the outputs of the layer at the safety tokens are all zero, so they have no direction")
    return np.ascontiguousarray(vectors[:, : min(rank, kept)]), energies


def directions_by_svd(features: np.ndarray, rank: int) -> np.ndarray:
    """U_c straight from the features F = W X (d_out, tokens), for as many tokens as fit into memory: (d_out, rank)."""
    left, _, _ = np.linalg.svd(np.asarray(features, dtype=np.float64), full_matrices=False)
    if not 1 <= rank <= left.shape[1]:
        raise ValueError(f"A rank lies between 1 and {left.shape[1]} for these features, found {rank}.")
    return left[:, :rank]


def projector(directions: np.ndarray) -> np.ndarray:
    """C = I - U_c U_c^T, the fixed safety module of [1]_: it takes the safety directions out of an output."""
    return np.eye(directions.shape[0]) - directions @ directions.T


def project_factor(left: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """C L = L - U_c (U_c^T L), without forming C. Projecting twice changes nothing."""
    return left - directions @ (directions.T @ left)


def energy(matrix: np.ndarray, inputs_moment: np.ndarray) -> float:
    """The squared Frobenius norm of M X, from K alone: tr(M K M^T)."""
    return max(float(np.einsum("ij,ij->", matrix @ inputs_moment, matrix)), 0.0)


def relative_change(update: np.ndarray, weight: np.ndarray, inputs_moment: np.ndarray) -> float:
    """rho = norm of dW X over norm of W X: how much the layer's output changes on these tokens. At least 0."""
    why = "the layer's output on these tokens is zero, so a relative change has no meaning"
    return ratio(energy(update, inputs_moment), energy(weight, inputs_moment), why) ** 0.5


def subspace_share(update: np.ndarray, directions: np.ndarray, inputs_moment: np.ndarray) -> float:
    """phi: the share of the change dW X that falls into the safety directions, 0 to 1. By chance it is rank / d_out."""
    why = "the update changes nothing on these tokens, so no share of it can be taken"
    return min(ratio(energy(directions.T @ update, inputs_moment), energy(update, inputs_moment), why), 1.0)


def subspace_disturbance(update: np.ndarray, weight: np.ndarray, directions: np.ndarray, inputs_moment: np.ndarray) -> float:
    """kappa = norm of U_c^T dW X over norm of U_c^T W X: how far the safety component itself is moved. At least 0."""
    why = "the base model has no component along the safety directions on these tokens"
    numerator = energy(directions.T @ update, inputs_moment)
    return ratio(numerator, energy(directions.T @ weight, inputs_moment), why) ** 0.5


def weight_overlap(update: np.ndarray, directions: np.ndarray) -> float:
    """The share of dW itself in the safety directions, 0 to 1. Equal to phi for any tokens if dW has rank one."""
    why = "the update is zero, so no share of it can be taken"
    return min(ratio(np.sum((directions.T @ update) ** 2), np.sum(np.asarray(update) ** 2), why), 1.0)


def task_init(
    weight: np.ndarray, task_moment: np.ndarray, rank: int, task_rank: int, scale: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Starting factors L0 (d_out, rank) and R0 (rank, d_in) that lie where the task needs them.

    L0 = U_t U_t^T Ubar Sbar^(1/2) and R0 = Sbar^(1/2) Vbar^T, with W ~ Ubar Sbar Vbar^T cut at ``rank`` and U_t the task's
    leading output directions [1]_. Sbar is divided by the adapter's scale s, so that s L0 R0 does not depend on it.
    """
    left, values, right = np.linalg.svd(np.asarray(weight, dtype=np.float64), full_matrices=False)
    if not 1 <= rank <= len(values):
        raise ValueError(f"An adapter rank lies between 1 and {len(values)} for this layer, found {rank}.")
    task, _ = safety_directions(weight, task_moment, task_rank)
    roots = np.sqrt(values[:rank] / scale)
    return task @ (task.T @ (left[:, :rank] * roots)), roots[:, None] * right[:rank]


def residual(
    weight: np.ndarray, directions: np.ndarray, start: tuple[np.ndarray, np.ndarray], scale: float = 1.0
) -> np.ndarray:
    """W_res = W - s C L0 R0: the frozen weight that leaves the model unchanged before the first step [1]_."""
    left, right = start
    return weight - scale * project_factor(left, directions) @ right


def plain_factors(
    directions: np.ndarray, trained: tuple[np.ndarray, np.ndarray], start: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The same model as a plain adapter of rank 2 r on the ORIGINAL weight: [C L_T, -C L0] and [R_T; R0]."""
    left = np.concatenate([project_factor(trained[0], directions), -project_factor(start[0], directions)], axis=1)
    return left, np.concatenate([trained[1], start[1]], axis=0)


def safe_lora_projection(aligned: np.ndarray, unaligned: np.ndarray) -> np.ndarray:
    """P = V V^T / norm of V with V = W_aligned - W_unaligned [2]_. Not idempotent, and it grows with V."""
    direction = np.asarray(aligned, dtype=np.float64) - unaligned
    norm = float(np.linalg.norm(direction))
    if norm == 0.0:
        raise Undefined("the aligned and the unaligned weight are equal, so alignment has no direction")
    return direction @ direction.T / norm


def safe_lora_score(update: np.ndarray, projection: np.ndarray) -> float:
    """Cosine between P dW and dW [2]_, -1 to 1. Low: the update leaves the directions in which alignment was learnt."""
    projected = projection @ update
    why = "the update, or its projection, is zero, so an angle has no meaning"
    return ratio(float(np.sum(projected * update)), float(np.linalg.norm(projected) * np.linalg.norm(update)), why)
