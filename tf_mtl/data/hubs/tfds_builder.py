"""TensorFlow Datasets builders: found, prepared, and split; a missing network is told early."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...names import check_known, unknown_name

_PATIENCE = 5.0  # seconds


def tfds_builder(name: Any, data_dir: str | None) -> Any:
    """Returns the builder of a data set, prepared.

    Raises:
        ValueError: If there is no such data set, configuration or version.
        ConnectionError: If it must be downloaded and the network cannot be reached.
    """
    import tensorflow_datasets as tfds

    if isinstance(name, tfds.core.DatasetBuilder):
        builder = name
    else:
        try:
            builder = tfds.builder(name, data_dir=data_dir, try_gcs=False)
        except tfds.core.DatasetNotFoundError:
            known = tfds.list_builders()
            message = unknown_name(name, known, "data set of tensorflow_datasets")
            start = f"Unknown data set of tensorflow_datasets {name!r}."
            hint = message.rpartition(". ")[2] if "Did you mean" in message else ""
            raise ValueError(
                f"{start} {hint} tfds.list_builders() names all {len(known)}."
            ) from None
        except (AssertionError, ValueError) as error:
            raise ValueError(f"The data set {name!r} cannot be built: {error}") from None
    if not _is_ready(builder):
        _check_network(builder)
        builder.download_and_prepare()
    return builder


def split_names(builder: Any, splits: Mapping[str, str] | None) -> tuple[str, str, str]:
    """Returns what TFDS calls the training, validation and test rows.

    Raises:
        ValueError: For missing or unknown parts or splits.
    """
    known = list(builder.info.splits)
    if splits is not None:
        parts = ("train", "valid", "test")
        check_known(splits, parts, "part in `splits`")
        check_known(parts, splits, "part lacking in `splits`:")
        for text in splits.values():
            used = [piece.partition("[")[0].strip() for piece in text.split("+")]
            check_known(used if known else [], [*known, "all"], f"split of {builder.name}")
        return splits["train"], splits["valid"], splits["test"]
    if known and "train" not in known:
        raise ValueError(
            f"{builder.name} has no split called 'train' but {known}. Pass `splits`, such as "
            f'{{"train": "{known[0]}[:80%]", "valid": "{known[0]}[80%:90%]", '
            f'"test": "{known[0]}[90%:]"}}.'
        )
    valid = next((own for own in ("validation", "valid", "dev") if own in known), None)
    test = "test" if "test" in known else None
    if valid and test:
        return "train", valid, test
    if test:
        return "train[:90%]", "train[90%:]", test
    if valid:
        return "train[:90%]", valid, "train[90%:]"
    return "train[:80%]", "train[80%:90%]", "train[90%:]"


def _is_ready(builder: Any) -> bool:
    if builder.is_prepared():
        return True
    try:
        builder.as_dataset()
    except AssertionError:
        return False
    # Test doubles of TFDS can be read though nothing lies on disk.
    return True


def _has_downloads(builder: Any, addresses: Sequence[str]) -> bool:
    """Whether all files to download were placed by hand, or are left from a download before."""
    from tensorflow_datasets.core.download.resource import get_dl_fname

    # The folder is data_dir/name/version or data_dir/name/configuration/version.
    places = [parent / "downloads" for parent in list(Path(builder.data_dir).parents)[1:3]]
    # TFDS looks in the folder itself and in those of the data set and of manual downloads.
    found = {path.name for place in places for depth in ("*", "*/*") for path in place.glob(depth)}
    for address in addresses:
        facts = builder.url_infos[address]
        own, checksum = (getattr(facts, name, None) for name in ("filename", "checksum"))
        if not {own, get_dl_fname(address, checksum), get_dl_fname(address)} & found:
            return False
    return True


def _check_network(builder: Any) -> None:
    """Raises `ConnectionError` if the data set's own server cannot be reached within seconds.

    Without this, the download is tried again and again for minutes.
    """
    addresses = [url for url in (builder.url_infos or {}) if url.startswith("http")]
    if not addresses or _has_downloads(builder, addresses):
        return
    request = urllib.request.Request(addresses[0], method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=_PATIENCE).close()
    except urllib.error.HTTPError:
        return  # The server answers: it is for TFDS to say what is wrong.
    except OSError as error:
        host = urllib.parse.urlsplit(addresses[0]).netloc
        raise ConnectionError(
            f"{builder.name} is not prepared in {builder.data_dir}, and {host} cannot be reached "
            f"to download it: {error}. On a machine with network run "
            f"tfds.builder({builder.info.full_name!r}, data_dir='some/folder')"
            ".download_and_prepare(), copy that folder here and pass it as `data_dir`."
        ) from None
