"""The data section of a configuration."""

import numpy as np
import pandas as pd
import pytest

from tf_mtl.runs.config import DataConfig
from tf_mtl.runs.source import load_data


@pytest.mark.parametrize("ending", ["csv", "parquet", "npz"])
def test_rows_are_split_in_their_order(ending, tmp_path):
    day, warm = np.arange(40, dtype="float32"), np.arange(40) % 3 % 2
    path = tmp_path / f"days.{ending}"
    if ending == "npz":
        np.savez(path, day=day[:, None], warm=warm)
    else:
        frame = pd.DataFrame({"day": day, "warm": warm})
        frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    config = DataConfig(source=str(path), targets={"warm": "binary"}, in_order=True)
    ((x, _),) = load_data(config, seed=0).test
    days = x if ending == "npz" else x["day"]
    np.testing.assert_array_equal(days[:, 0], [36, 37, 38, 39])
