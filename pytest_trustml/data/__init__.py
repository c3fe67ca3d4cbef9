"""On what a model is judged: data sets by spec, with columns, ids, a fingerprint and the roles they play."""

from __future__ import annotations

from pytest_trustml.data.dataset import Dataset
from pytest_trustml.data.images import Images
from pytest_trustml.data.open import open_data
from pytest_trustml.data.roles import Role
from pytest_trustml.data.spec import DataSpec, parse_spec

__all__ = ["DataSpec", "Dataset", "Images", "Role", "open_data", "parse_spec"]
