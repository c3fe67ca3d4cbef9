"""Models and files that an option names beside the model that is judged: a judge of pictures, an encoder of texts."""

from __future__ import annotations

from pathlib import Path

from pytest_trustml.errors import UsageError
from pytest_trustml.subjects.spec import ELSEWHERE
from pytest_trustml.subjects.subject import Subject, open_subject


def find_beside(spec: str, model: Subject, name: str) -> Path:
    """A file or folder; a relative path starts at the folder that holds the model, or else at the current directory.

    Parameters
    ----------
    spec : str
    model : Subject
        The model that is judged. Nothing lies beside one that came from elsewhere.
    name : str
        What is looked for, for the message.

    Raises
    ------
    UsageError
        If it is in neither place.
    """
    places = _places(model)
    for root in places:
        if (root / spec).exists():
            return root / spec
    what = f"file {spec}" if Path(spec).suffix else repr(spec)
    raise UsageError(f"There is no {what} in {' or '.join(map(str, places))}. Check the path of {name}.")


def open_beside(spec: str, model: Subject, name: str) -> Subject:
    """A model by its spec, on the device of the model that is judged; relative paths start as in `find_beside`.

    Raises
    ------
    UsageError, SubjectError
        As `open_subject`.
    """
    if spec.startswith(ELSEWHERE):
        return open_subject(spec, device=model.device, name=name, root=_places(model)[0])
    return open_subject(str(find_beside(spec, model, name)), device=model.device, name=name)


def _places(model: Subject) -> list[Path]:
    here = Path.cwd()
    own = [] if model.path is None or model.spec.startswith("hf:") else [model.path.resolve().parent]
    return own if own == [here] else [*own, here]
