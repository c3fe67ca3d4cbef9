"""Fetching a model from the Hugging Face hub: the only place of this room that may use the network."""

from __future__ import annotations

from pathlib import Path

from pytest_trustml.errors import SubjectError
from pytest_trustml.subjects.quiet import quiet
from pytest_trustml.subjects.spec import Spec

# Everything a model is made of, and nothing that is a pickle (.bin, .pt, .ckpt) or code (.py).
WANTED = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken", "*.spm", "*.bpe")


def snapshot(spec: Spec) -> Path:
    """The local copy of a hub repository, downloaded on first use; offline (``HF_HUB_OFFLINE=1``) only from the cache.

    Raises
    ------
    SubjectError
        If the repository or revision does not exist, is private, or cannot be reached.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub import errors as hub

    what = f"hf:{spec.repository}" + (f"@{spec.revision}" if spec.revision else "")
    try:
        with quiet():
            folder = snapshot_download(
                spec.repository,
                revision=spec.revision,
                allow_patterns=list(WANTED),
                ignore_patterns=["consolidated*.safetensors", "checkpoint-*/*"],
                local_files_only=bool(constants.HF_HUB_OFFLINE),
            )
    except hub.GatedRepoError as error:
        raise SubjectError(f"{what} is gated. Accept its licence on the hub and log in (hf auth login).") from error
    except hub.RevisionNotFoundError as error:
        raise SubjectError(f"{what}: there is no revision {spec.revision!r}. Give a branch, tag or commit.") from error
    except hub.RepositoryNotFoundError as error:
        raise SubjectError(
            f"{what} was not found on the hub, or it is private. Check the name; for a private model log in (hf auth login)."
        ) from error
    except hub.HFValidationError as error:
        raise SubjectError(f"{what} is no valid name of a repository: {error}") from error
    except (hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled) as error:
        why = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "the hub cannot be reached"
        raise SubjectError(
            f"{what} is not in the local cache and {why}. Download it once while online (hf download {spec.repository}), "
            "or give the path of a local directory."
        ) from error
    except (OSError, hub.HfHubHTTPError) as error:
        raise SubjectError(f"{what} could not be downloaded: {error}") from error
    return Path(folder)
