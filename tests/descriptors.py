"""One row for each public class: how to make it, and what it promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from tf_mtl import aggregators, heads, trunks

# Promises of an aggregator, each a property of tests/properties.py.
HOMOGENEOUS = "g(c J) = c g(J)"
EQUIVARIANT = "the order of the tasks does not matter"
ABSENT = "a zero row is an absent task"
SINGLE = "one task gets its own gradient"
PEACEFUL = "never conflicts with a task"

USUAL = {HOMOGENEOUS, EQUIVARIANT, ABSENT, SINGLE}


class AggregatorRow(NamedTuple):
    """A row of `AGGREGATORS`.

    Attributes:
        cls: the class.
        variants: constructor arguments, one dictionary for each way of making it worth a test.
        promises: the properties that every variant has.
    """

    cls: type[aggregators.Aggregator]
    variants: list[dict[str, Any]]
    promises: set[str]


AGGREGATORS = [
    AggregatorRow(aggregators.AlignedMTL, [{}, {"scale": "median"}, {"scale": "rmse"}], USUAL),
    AggregatorRow(aggregators.CAGrad, [{}, {"c": 2.0, "rescale": 1}], USUAL - {SINGLE}),
    AggregatorRow(aggregators.CAGrad, [{"c": 0.4, "rescale": 2}], USUAL),
    AggregatorRow(aggregators.ConFIG, [{}], USUAL),
    AggregatorRow(aggregators.CRMOGM, [{}, {"aggregator": "gradnorm", "alpha": 0.5}], USUAL),
    AggregatorRow(aggregators.DBMTL, [{}], USUAL),
    AggregatorRow(aggregators.DualProj, [{}], {*USUAL, PEACEFUL}),
    AggregatorRow(aggregators.FairGrad, [{}, {"alpha": 0.5}], {EQUIVARIANT, ABSENT}),
    AggregatorRow(aggregators.FairGrad, [{"alpha": 0.0}], USUAL),
    AggregatorRow(aggregators.GradDrop, [{}, {"leak": 0.25, "seed": 3}], USUAL),
    AggregatorRow(aggregators.GradNorm, [{}], USUAL),
    AggregatorRow(aggregators.GradVac, [{"order": "fixed"}], {HOMOGENEOUS, ABSENT, SINGLE}),
    AggregatorRow(aggregators.GradVac, [{}], {HOMOGENEOUS, SINGLE}),
    AggregatorRow(aggregators.IMTLG, [{}], USUAL),
    AggregatorRow(aggregators.Krum, [{}, {"num_byzantine": 0, "num_selected": 2}], USUAL),
    AggregatorRow(aggregators.Mean, [{}], USUAL),
    AggregatorRow(aggregators.MGDA, [{}], {*USUAL, PEACEFUL}),
    AggregatorRow(
        aggregators.MGDA,
        [{"normalization": "l2"}, {"normalization": "loss+"}],
        {EQUIVARIANT, ABSENT, PEACEFUL},
    ),
    AggregatorRow(aggregators.MoCo, [{}], USUAL),
    AggregatorRow(aggregators.MoDo, [{"rho": 0.1}], USUAL),
    AggregatorRow(aggregators.NashMTL, [{}, {"max_norm": 0.0}], {EQUIVARIANT, ABSENT}),
    AggregatorRow(aggregators.PCD, [{}], {HOMOGENEOUS, SINGLE}),
    AggregatorRow(aggregators.PCGrad, [{"order": "fixed"}], {HOMOGENEOUS, ABSENT, SINGLE}),
    AggregatorRow(aggregators.PCGrad, [{"seed": 3}], {HOMOGENEOUS, SINGLE}),
    AggregatorRow(aggregators.SDMGrad, [{}], USUAL),
    AggregatorRow(aggregators.Sum, [{}], USUAL),
    AggregatorRow(aggregators.TrimmedMean, [{}], USUAL),
    AggregatorRow(aggregators.UPGrad, [{}], {*USUAL, PEACEFUL}),
]


class HeadRow(NamedTuple):
    """A row of `HEADS`.

    Attributes:
        cls: the class.
        make: makes a fresh head.
        labels: from a random generator and a number of rows to labels.
        missing: what stands for a missing label.
        wrong: a label that is wrong for the head.
        features: shape of the features of one row: `[d]`, `[steps, d]` or `[height, width, d]`.
    """

    cls: type[heads.BaseHead]
    make: Callable[[], heads.BaseHead]
    labels: Callable[[np.random.Generator, int], np.ndarray]
    missing: Any
    wrong: Any
    features: tuple[int, ...] = (6,)

    def with_missing(self, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Returns labels of which `rows` are missing."""
        holes = np.array(labels)
        holes[rows] = self.missing
        return holes


HEADS = [
    HeadRow(
        heads.Classification,
        lambda: heads.Classification(class_names=["a", "b", "c"]),
        lambda random, rows: random.integers(0, 3, rows),
        missing=-1,
        wrong=7,
    ),
    HeadRow(
        heads.BinaryClassification,
        heads.BinaryClassification,
        lambda random, rows: random.integers(0, 2, rows),
        missing=-1,
        wrong=2,
    ),
    HeadRow(
        heads.MultiLabel,
        lambda: heads.MultiLabel(4),
        lambda random, rows: random.integers(0, 2, (rows, 4)),
        missing=-1,
        wrong=3,
    ),
    HeadRow(
        heads.Regression,
        lambda: heads.Regression(2, mean=[10.0, 20.0], std=[2.0, 3.0]),
        lambda random, rows: random.normal(15, 3, (rows, 2)).astype("float32"),
        missing=np.nan,
        wrong=np.inf,
    ),
    HeadRow(
        heads.BoundingBox,
        heads.BoundingBox,
        lambda random, rows: np.sort(random.uniform(0, 1, (rows, 2, 2)), axis=1).reshape(rows, 4),
        missing=np.nan,
        wrong=[0.5, 0.1, 0.2, 0.4],
    ),
    HeadRow(
        heads.Segmentation,
        lambda: heads.Segmentation(class_names=["a", "b", "c"], size=(6, 4), void=255),
        lambda random, rows: random.choice([0, 1, 2, 255], (rows, 6, 4)),
        missing=-1,
        wrong=3,
        features=(3, 2, 5),
    ),
    HeadRow(
        heads.DenseRegression,
        lambda: heads.DenseRegression(2, size=(6, 4), mean=10.0, std=[2.0, 3.0]),
        lambda random, rows: random.normal(10, 2, (rows, 6, 4, 2)).astype("float32"),
        missing=np.nan,
        wrong=np.inf,
        features=(3, 2, 5),
    ),
    HeadRow(
        heads.DenseRegression,
        lambda: heads.DenseRegression(3, unit_vectors=True),
        lambda random, rows: np.eye(3, dtype="float32")[random.integers(0, 3, (rows, 3, 2))],
        missing=np.nan,
        wrong=1.0,
        features=(3, 2, 5),
    ),
    HeadRow(
        heads.KeyPoints,
        lambda: heads.KeyPoints(4),
        lambda random, rows: random.uniform(0, 1, (rows, 4, 2)).astype("float32"),
        missing=np.nan,
        wrong=1.5,
    ),
    HeadRow(
        heads.KeyPoints,
        lambda: heads.KeyPoints(4, visibility=True),
        lambda random, rows: random.choice([0, 1.0], (rows, 4, 3)).astype("float32"),
        missing=np.nan,
        wrong=0.5,
        features=(3, 2, 5),
    ),
    HeadRow(
        heads.Head,
        lambda: heads.Head(
            keras.layers.Dense(3, activation="softmax"),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
        ),
        lambda random, rows: random.integers(0, 3, rows),
        missing=-1,
        wrong=-5,
    ),
    HeadRow(
        heads.TokenTagging,
        lambda: heads.TokenTagging(class_names=["O", "B-a", "I-a", "B-b"]),
        lambda random, rows: random.integers(0, 4, (rows, 5)),
        missing=-1,
        wrong=4,
        features=(5, 6),
    ),
    HeadRow(
        heads.TokenTagging,
        lambda: heads.TokenTagging(class_names=["O", "B-a", "I-a", "B-b"], transitions=True),
        lambda random, rows: random.integers(0, 4, (rows, 5)),
        missing=-1,
        wrong=4,
        features=(5, 6),
    ),
    HeadRow(
        heads.Ordinal,
        lambda: heads.Ordinal(class_names=["low", "middle", "high"]),
        lambda random, rows: random.integers(0, 3, rows),
        missing=-1,
        wrong=3,
    ),
    HeadRow(
        heads.Count,
        lambda: heads.Count(mean=2.0),
        lambda random, rows: random.poisson(2.0, rows).astype("float32"),
        missing=np.nan,
        wrong=-1.0,
    ),
    HeadRow(
        heads.Count,
        lambda: heads.Count("negative_binomial", exposure="other"),  # of the model, so a task too
        lambda random, rows: random.negative_binomial(2, 0.5, (rows, 1)).astype("float32"),
        missing=np.nan,
        wrong=1.5,
    ),
    HeadRow(
        heads.Quantile,
        lambda: heads.Quantile([0.1, 0.5, 0.9], mean=15.0, std=3.0),
        lambda random, rows: random.normal(15, 3, rows).astype("float32"),
        missing=np.nan,
        wrong=np.inf,
    ),
    HeadRow(
        heads.Survival,
        lambda: heads.Survival(edges=[1.0, 2.0, 4.0]),
        lambda random, rows: np.stack(
            [random.exponential(2.0, rows), random.integers(0, 2, rows)], axis=1
        ),
        missing=np.nan,
        wrong=[2.0, 0.5],
    ),
    HeadRow(
        heads.Survival,
        lambda: heads.Survival(num_bins=4),
        lambda random, rows: np.stack(
            [random.integers(0, 4, rows), random.integers(0, 2, rows)], axis=1
        ),
        missing=-1,
        wrong=[4, 1],
    ),
    HeadRow(
        heads.Embedding,
        lambda: heads.Embedding(8),
        lambda random, rows: random.integers(0, 4, rows),
        missing=-1,
        wrong=-2,
    ),
    HeadRow(
        heads.Reconstruction,
        lambda: heads.Reconstruction((5, 6, 2), widths=[4, 3], activation="sigmoid"),
        lambda random, rows: random.uniform(0, 1, (rows, 5, 6, 2)).astype("float32"),
        missing=np.nan,
        wrong=np.inf,
    ),
    HeadRow(
        heads.Ranking,
        heads.Ranking,
        lambda random, rows: random.integers(-1, 4, (rows, 5)),
        missing=-1,
        wrong=-2,
        features=(5, 6),
    ),
    HeadRow(
        heads.Funnel,
        lambda: heads.Funnel(after="other"),
        lambda random, rows: random.integers(0, 2, rows),
        missing=-1,
        wrong=2,
    ),
    HeadRow(
        heads.SpanExtraction,
        lambda: heads.SpanExtraction(max_length=3),
        lambda random, rows: np.sort(random.integers(0, 5, (rows, 2))),
        missing=-1,
        wrong=[3, 2],
        features=(5, 6),
    ),
    HeadRow(
        heads.NextToken,
        lambda: heads.NextToken(7),
        lambda random, rows: random.integers(0, 7, (rows, 5)),
        missing=-1,
        wrong=7,
        features=(5, 6),
    ),
    HeadRow(
        heads.SequenceGeneration,
        lambda: heads.SequenceGeneration(length=3, vocabulary_size=4, units=8),
        lambda random, rows: np.where(
            np.arange(3) < random.integers(1, 4, (rows, 1)), random.integers(0, 4, (rows, 3)), -1
        ),
        missing=-1,
        wrong=[1, -1, 2],
        features=(5, 6),
    ),
]


class TrunkRow(NamedTuple):
    """A row of `TRUNKS`.

    Attributes:
        cls: the class.
        make: makes a fresh trunk for the tasks named; small, for inputs of `shape`.
        shared: the layers whose variables tasks "a" and "b" share.
        shape: shape of an input without the batch, or `{name: shape}`.
        replicable: whether replicas take the step of one: no random numbers, no batch statistics.
        frontier: whether there are features that are computed once and used by several tasks.
    """

    cls: type[trunks.Trunk]
    make: Callable[[Sequence[str]], trunks.Trunk]
    shared: set[str]
    shape: Any = (6,)
    replicable: bool = True
    frontier: bool = True


TRUNKS = [
    TrunkRow(
        trunks.TaskPerturbed,
        lambda tasks: trunks.TaskPerturbed([8, 4]),
        shared={"shared_dense_0", "shared_dense_1"},
    ),
    TrunkRow(
        trunks.TaskPerturbed,
        lambda tasks: trunks.TaskPerturbed(
            trunks.CNN([3], units=[5]), "low_rank", at="blocks", rank=2, noise=0.1
        ),
        shared={"shared_0", "shared_1"},
        shape=(4, 4, 1),
        replicable=False,
        frontier=False,
    ),
    TrunkRow(
        trunks.TaskEmbedding,
        lambda tasks: trunks.TaskEmbedding([8], dimension=3, units=[4]),
        shared={"shared_dense_0", "conditioning", "conditioned"},
    ),
    TrunkRow(
        trunks.TaskTransformer,
        lambda tasks: trunks.TaskTransformer(width=8, num_layers=1, num_heads=2),
        shared={"input_numbers", "tokens_of_tasks", "encoder_normalization"}
        | {f"encoder_0_{layer}" for layer in ("attention", "dense_0", "dense_1")}
        | {f"encoder_0_{layer}_normalization" for layer in ("attention", "dense")},
    ),
    TrunkRow(
        trunks.TaskAttention,
        lambda tasks: trunks.TaskAttention(keras.layers.Conv2D(8, 3), num_heads=2),
        shared={"shared"},
        shape=(6, 5, 1),
    ),
    TrunkRow(
        trunks.AITM,
        lambda tasks: trunks.AITM([8], tower=[4]),
        shared={"shared_dense_0", "a_tower_dense_0"},
    ),
    TrunkRow(
        trunks.DBMTL,
        lambda tasks: trunks.DBMTL([8], {tasks[0]: tasks[1:2]}, tower=[4], relation=[3]),
        shared={"shared_dense_0", "b_tower_dense_0"},
    ),
    TrunkRow(
        trunks.Branching,
        lambda tasks: trunks.Branching.at([8, 6, 4], dict.fromkeys(tasks, 2)),
        shared={"shared_dense_0", "shared_dense_1"},
    ),
    TrunkRow(
        trunks.LTB,
        lambda tasks: trunks.LTB([8, 4], seed=1),
        shared={"a_dense_0", "b_dense_0"},
        replicable=False,
    ),
    TrunkRow(
        trunks.HardSharing,
        lambda tasks: trunks.HardSharing(
            trunks.TimeDistributed(trunks.CNN([2], units=[3]), units=4), towers=[3]
        ),
        shared={"video_frames", "video_gru"},
        shape=(3, 4, 4, 1),
    ),
    TrunkRow(
        trunks.HardSharing,
        lambda tasks: trunks.HardSharing(
            trunks.MultiInput({"x": [4], "z": trunks.CNN([2], units=[3])}, "gated", 4), towers=[3]
        ),
        shared={"x_encoder_dense_0", "z_encoder_convolution_0", "z_encoder_dense_0", "gated"}
        | {"x_projection", "z_projection"},
        shape={"x": (6,), "z": (4, 4, 1)},
    ),
    TrunkRow(
        trunks.WideAndDeep,
        lambda tasks: trunks.WideAndDeep([8, 4], wide={tasks[0]: [3]}),
        shared={"mlp_dense_0", "mlp_dense_1"},
    ),
    TrunkRow(
        trunks.InputPerTask,
        lambda tasks: trunks.InputPerTask(
            {"x": [4], "z": trunks.CNN([2], units=[4])},
            upper=[3],
            inputs_of={task: "xz"[i % 2] for i, task in enumerate(tasks)},
        ),
        shared={"shared"},
        shape={"x": (6,), "z": (4, 4, 1)},
        frontier=False,
    ),
    TrunkRow(
        trunks.CrossStitch,
        lambda tasks: trunks.CrossStitch([8, 4]),
        shared={f"{task}_{layer}" for task in "ab" for layer in ("dense_0", "dense_1")}
        | {"a_cross_stitch_0", "b_cross_stitch_0"},
    ),
    TrunkRow(
        trunks.CrossStitch,
        lambda tasks: trunks.CrossStitch(trunks.CNN([3], units=[5]), by_channel=False),
        shared={f"{task}_{layer}" for task in "ab" for layer in ("convolution_0", "dense_0")}
        | {"a_cross_stitch_0", "b_cross_stitch_0"},
        shape=(4, 4, 1),
    ),
    TrunkRow(
        trunks.Sluice,
        lambda tasks: trunks.Sluice([4, 4], orthogonality=0.01),
        shared={f"{task}_{layer}" for task in "ab" for layer in ("dense_0", "dense_1")}
        | {"a_sluice_0", "b_sluice_0"},
    ),
    TrunkRow(
        trunks.NDDR,
        lambda tasks: trunks.NDDR([8, 4], normalization=False, shortcut=True),
        shared={f"{task}_{layer}" for task in "ab" for layer in ("dense_0", "dense_1", "nddr_0")},
    ),
    TrunkRow(
        trunks.NDDR,
        lambda tasks: trunks.NDDR(trunks.CNN([3, 4], units=[])),
        shared={f"{task}_{layer}" for task in "ab" for layer in ("convolution_0", "convolution_1")}
        | {f"{task}_{layer}" for task in "ab" for layer in ("nddr_0", "nddr_0_normalization")},
        shape=(4, 4, 1),
        replicable=False,
    ),
    TrunkRow(
        trunks.MTAN,
        lambda tasks: trunks.MTAN([8, 4], normalization=False),
        shared={"shared_dense_0", "shared_dense_1", "shared_extract_1"},
    ),
    TrunkRow(
        trunks.MTAN,
        lambda tasks: trunks.MTAN(trunks.CNN([3, 4], units=[5]), reduction=2),
        shared={"shared_convolution_0", "shared_convolution_1", "shared_dense_0"}
        | {f"shared_extract_{i}{layer}" for i in (1, 2) for layer in ("", "_normalization")},
        shape=(9, 6, 1),
        replicable=False,
    ),
    TrunkRow(
        trunks.SoftSharing, lambda tasks: trunks.SoftSharing([8, 4], strength=0.1), shared=set()
    ),
    TrunkRow(
        trunks.SoftSharing,
        lambda tasks: trunks.SoftSharing(trunks.CNN([3], units=[5]), "trace_norm"),
        shared=set(),
        shape=(4, 4, 1),
    ),
    TrunkRow(
        trunks.CGC,
        lambda tasks: trunks.CGC([4], num_experts=1, num_shared_experts=2),
        shared={"shared_expert_0_dense_0", "shared_expert_1_dense_0"},
    ),
    TrunkRow(
        trunks.DSelectK,
        lambda tasks: trunks.DSelectK([4], num_experts=3, entropy_regularization=0.1),
        shared={"expert_0_dense_0", "expert_1_dense_0", "expert_2_dense_0"},
    ),
    TrunkRow(
        trunks.DSelectK,
        lambda tasks: trunks.DSelectK(trunks.CNN([2], [4]), 2, 1, per_example=False),
        shared={f"expert_{i}_{name}" for i in (0, 1) for name in ("convolution_0", "dense_0")},
        shape=(4, 4, 1),
    ),
    TrunkRow(
        trunks.MMoE,
        lambda tasks: trunks.MMoE([4], num_experts=2, towers=[3]),
        shared={"expert_0_dense_0", "expert_1_dense_0"},
    ),
    TrunkRow(
        trunks.MMoE,
        lambda tasks: trunks.MMoE(trunks.CNN([2], [4]), num_experts=2),
        shared={f"expert_{i}_{name}" for i in (0, 1) for name in ("convolution_0", "dense_0")},
        shape=(4, 4, 1),
    ),
    TrunkRow(
        trunks.MMoE,
        lambda tasks: trunks.MMoE(keras.layers.Conv2D(3, 3), num_experts=2, gate=[5]),
        shared={"expert_0", "expert_1", "gate_features_dense_0"},
        shape=(4, 4, 1),
    ),
    TrunkRow(
        trunks.OMoE,
        lambda tasks: trunks.OMoE([4], num_experts=2),
        shared={"expert_0_dense_0", "expert_1_dense_0", "shared_gate"},
    ),
    TrunkRow(
        trunks.PLE,
        lambda tasks: trunks.PLE([4], num_experts=1, num_shared_experts=1, num_levels=2),
        shared={
            "level_0_expert_a_0_dense_0",
            "level_0_expert_b_0_dense_0",
            "level_0_shared_expert_0_dense_0",
            "level_0_shared_gate",
            "level_1_shared_expert_0_dense_0",
        },
    ),
    TrunkRow(
        trunks.SNR,
        lambda tasks: trunks.SNR([4], num_experts=2, num_levels=1, l0_regularization=0.01),
        shared={"level_0_expert_0_dense_0", "level_0_expert_1_dense_0"},
        replicable=False,
    ),
    TrunkRow(
        trunks.SNR,
        lambda tasks: trunks.SNR([[5], [4]], num_experts=2, connection="average"),
        shared={f"level_{i}_expert_{j}_dense_0" for i in (0, 1) for j in (0, 1)}
        | {"level_0_gate_0", "level_0_gate_1"},
        replicable=False,
    ),
    TrunkRow(
        trunks.HardSharing,
        lambda tasks: trunks.HardSharing(trunks.MLP([8, 4]), towers=[4]),
        shared={"mlp_dense_0", "mlp_dense_1"},
    ),
    TrunkRow(
        trunks.HardSharing,
        lambda tasks: trunks.HardSharing(trunks.CNN([3], units=[5]), towers={tasks[0]: [4]}),
        shared={"cnn_convolution_0", "cnn_dense_0"},
        shape=(4, 4, 1),
    ),
    TrunkRow(
        trunks.UNet,
        lambda tasks: trunks.UNet([3, 4], coarse=tasks[:1]),
        shared={"unet_encoder_0_convolution_0", "unet_encoder_1_convolution_0"},
        shape=(4, 4, 1),
    ),
]


class BodyRow(NamedTuple):
    """A row of `BODIES`.

    Attributes:
        cls: the class.
        make: makes a fresh body; small, for inputs of `shape`.
        shape: shape of an input without the batch, or `{name: shape}`.
        dtype: type of the input.
    """

    cls: type[trunks.Body]
    make: Callable[[], trunks.Body]
    shape: Any
    dtype: str = "float32"


TEXTS = ["turn on the light", "play a song"]

BODIES = [
    BodyRow(trunks.MLP, lambda: trunks.MLP([4]), (3, 2)),
    BodyRow(trunks.MLP, lambda: trunks.MLP([4], "tanh", dropout=0.1, normalization=True), (3,)),
    BodyRow(trunks.CNN, lambda: trunks.CNN([3, 4], units=[5], dropout=0.1), (8, 8, 1)),
    BodyRow(trunks.AttentionPooling, lambda: trunks.AttentionPooling(2), (3, 4)),
    BodyRow(trunks.AttentionPooling, lambda: trunks.AttentionPooling(2, width=3), (2, 3, 4)),
    BodyRow(trunks.AudioEncoder, lambda: trunks.AudioEncoder(2000, [4, 4], 8, 16), (500,)),
    *(
        BodyRow(
            trunks.TimeDistributed,
            lambda over_time=over_time: trunks.TimeDistributed(trunks.MLP([4]), over_time, units=4),
            (5, 3),
        )
        for over_time in ("gru", "convolution", "attention")
    ),
    *(
        BodyRow(
            trunks.MultiInput,
            lambda fusion=fusion: trunks.MultiInput(
                {"x": [4], "z": trunks.CNN([2], units=[4])}, fusion, 4, upper=[3]
            ),
            {"x": (6,), "z": (4, 4, 1)},
        )
        for fusion in ("concatenate", "sum", "gated", "attention")
    ),
    *(
        BodyRow(
            trunks.TextEncoder,
            lambda encoder=encoder: trunks.TextEncoder.for_texts(
                TEXTS, units=[8, 4], encoder=encoder
            ),
            (),
            "string",
        )
        for encoder in ("recurrent", "convolution", "transformer")
    ),
    BodyRow(
        trunks.PhraseEncoder,
        lambda: trunks.PhraseEncoder.for_texts(TEXTS, units=4),
        (),
        "string",
    ),
    BodyRow(
        trunks.TextEncoder,
        lambda: trunks.TextEncoder.for_texts(TEXTS, units=[4], causal=True, characters=0),
        (),
        "string",
    ),
]
