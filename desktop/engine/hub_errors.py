"""What the Hub answers when it does not give a dataset, each as one plain sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from httpx2 import HTTPError
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from desktop.errors import AppError

ALONE = "Check the network, or use a file on this machine."


@contextmanager
def hub_faults(repo: str, revision: str = "") -> Iterator[None]:
    """Say in words what the Hub or the way to it refuses."""
    try:
        yield
    except HFValidationError as error:
        raise AppError(
            f"{repo!r} is no name of a dataset on the Hub.", "Write it as owner/name.", "bad_name"
        ) from error
    except GatedRepoError as error:
        sentence = f"{repo} is given only to those who have accepted its terms."
        hint = f"Accept them on https://huggingface.co/datasets/{repo}, then give Tunedeck your Hub token."
        raise AppError(sentence, hint, "hub_gated") from error
    except RepositoryNotFoundError as error:
        sentence = f"There is no dataset {repo} on the Hub, or it is private."
        hint = "Check the spelling; for a private one give Tunedeck a Hub token that may read it."
        raise AppError(sentence, hint, "hub_missing") from error
    except RevisionNotFoundError as error:
        raise AppError(
            f"{repo} has no branch, tag or commit {revision}.", "Leave it out to take the newest.", "hub_missing"
        ) from error
    except OfflineModeIsEnabled as error:
        raise AppError(
            "HF_HUB_OFFLINE is set, so the Hub is not asked.", "Start Tunedeck without it.", "offline"
        ) from error
    except LocalEntryNotFoundError as error:
        raise AppError("The Hub does not answer.", ALONE, "offline") from error
    except EntryNotFoundError as error:
        raise AppError(f"{repo} has lost a file since it was looked at.", "Look at it again.", "hub_missing") from error
    except HfHubHTTPError as error:
        raise _answered(repo, error) from error
    except HTTPError as error:
        raise AppError(f"The Hub does not answer ({type(error).__name__}).", ALONE, "offline") from error
    except OSError as error:
        raise AppError(
            f"{repo} cannot be fetched: {error.strerror or error}.", "Free some space, or try again.", "hub_failed"
        ) from error


def _answered(repo: str, error: HfHubHTTPError) -> AppError:
    status = error.response.status_code if error.response is not None else 0
    if status == 401:
        return AppError("The Hub does not know the token.", "Give Tunedeck a new one.", "hub_token")
    if status == 403:
        return AppError(f"The Hub does not let you read {repo}.", "Ask its owner, or use another token.", "hub_gated")
    if status == 429:
        return AppError("The Hub wants fewer questions for a while.", "Wait some minutes, then try again.", "hub_busy")
    return AppError(f"The Hub has answered with an error ({status}).", "Try again in some minutes.", "hub_failed")
