"""The tables of a `plugin.toml`, as values."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from kyara.types import Thresholds

__all__ = [
    "AdaptedSpec",
    "CalibrationSpec",
    "Channel",
    "EmbeddingSpec",
    "GroupingSpec",
    "InputSpec",
    "Logistic",
    "Manifest",
    "MetricSpec",
    "ModelSpec",
    "OpenSetSpec",
    "PluginSpec",
    "ReferencesSpec",
    "Spread",
    "Table",
    "TrainingSpec",
]

Channel = Annotated[int, msgspec.Meta(ge=0, le=255)]
Spread = Annotated[float, msgspec.Meta(gt=0)]


class Table(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A table of a manifest, or all of them."""


class PluginSpec(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[plugin]`: what it is called and under which licence it comes.

    Attributes:
        kind: what it is; see `kyara.manifest.detector` for a detector's tables.
        card: the model card, a file in the plugin's directory.
    """

    name: str
    version: str
    kind: Literal["encoder", "detector"] = "encoder"
    description: str = ""
    licence: str = ""
    card: str = ""


class ModelSpec(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[model]`: an ONNX file, or Python code, or code with the files that it wants.

    Attributes:
        weights: the ONNX file, relative to the manifest.
        sha256: its digest; weights that do not match are refused.
        entry: `module:function` in the plugin's directory; called with the directory and the
            device, it returns an object with `encode(crops)`.
        input, output: names of the ONNX graph's tensors; the first ones if empty.
    """

    weights: str = ""
    sha256: str = ""
    entry: str = ""
    input: str = ""
    output: str = ""


class InputSpec(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[input]`: how a crop becomes what the network wants.

    Attributes:
        size: side of the square crop in pixels.
        fit: `pad` keeps the proportions and fills up with `fill`; `squash` does not.
        dtype, layout: of the ONNX input. `uint8` takes colour values as they are;
            `float32` takes `(value / 255 - mean) / std`.
    """

    size: Annotated[int, msgspec.Meta(ge=8, le=2048)]
    fit: Literal["pad", "squash"] = "pad"
    fill: tuple[Channel, Channel, Channel] = (255, 255, 255)
    dtype: Literal["uint8", "float32"] = "float32"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[Spread, Spread, Spread] = (1.0, 1.0, 1.0)


class EmbeddingSpec(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[embedding]`: its dimension, and how two of them are compared.

    `plugin` means that the object returned by the entry has `similarity(a, b)`; `network`
    that `[metric]` names a network of its own for it. With that one, embeddings keep the
    length that the first network gives them.
    """

    dimension: Annotated[int, msgspec.Meta(ge=1)]
    similarity: Literal["cosine", "plugin", "network"] = "cosine"


class MetricSpec(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[metric]`: a network from embeddings (n, d) to their distances (n, n).

    The score of two pictures is minus their distance.

    Attributes:
        weights, sha256, input, output: see `ModelSpec`.
        threshold: the distance up to which two pictures show the same character, as those
            measured who made the network; for verdicts where there is no calibration.
    """

    weights: str
    sha256: str = ""
    input: str = ""
    output: str = ""
    threshold: float | None = None


class TrainingSpec(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[training]`: on what, when and how the weights were made."""

    data: str = ""
    date: str = ""
    config: str = ""


class Logistic(Table, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """probability = 1 / (1 + exp(-(slope * score + intercept))), after Platt (1999).

    Attributes:
        threshold: the score from which on Kyara says yes.
        fpr_1, fpr_0_1: the scores that 1 % and 0.1 % of the trials with different characters
            reach, where that was measured.
    """

    slope: float
    intercept: float
    threshold: float
    fpr_1: float | None = None
    fpr_0_1: float | None = None

    @property
    def thresholds(self) -> Thresholds | None:
        """By the share of the trials with different characters that pass, if measured."""
        if self.fpr_1 is None or self.fpr_0_1 is None:
            return None
        return Thresholds((0.001, 0.01), (self.fpr_0_1, self.fpr_1))


class ReferencesSpec(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[[calibration.by_references]]`: the curves for a character with so many references."""

    references: Annotated[int, msgspec.Meta(ge=1)]
    any: Logistic
    avg: Logistic


class CalibrationSpec(
    Table, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`[calibration]`: probabilities and thresholds, with what they were measured on.

    `pair` is for two pictures; `any` and `avg` are for a picture against a character's
    references, aggregated in that way, however many there are.

    Attributes:
        by_references: `any` and `avg` by the number of references, rising; between two
            numbers, what is in between on a logarithmic scale.
    """

    data: str
    date: str
    pair: Logistic
    any: Logistic
    avg: Logistic
    by_references: tuple[ReferencesSpec, ...] = ()


class AdaptedSpec(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[open_set.adapted]`: what scores mean on embeddings that are centred on the user's
    pictures. The log-odds are the intercept and the sum of all coefficients times what they are
    for; see `kyara.identify.adapted`.

    Attributes:
        intercept: added to them.
        score: for the log-likelihood ratio.
        score_references: for the ratio times the logarithm of the number of references.
        score_weight: for the ratio times the weight of the user's pictures in the centre.
        similarity: for the cosine, from the centre, of the reference that is most alike.
        distance: for the distance of the embedding from the centre.
        characters: for the logarithm of the number of characters that compete.
        references, references_squared: for the logarithm of the number of references.
        weight: for the weight of the user's pictures in the centre.
        at_1, at_5, at_10: the log-odds at which 1, 5 or 10 % of the strangers get a name.
        single: the same for 10 %, of pictures that are asked about one by one.
    """

    intercept: float
    score: float
    score_references: float
    score_weight: float
    similarity: float
    distance: float
    characters: float
    references: float
    references_squared: float
    weight: float
    at_1: float
    at_5: float
    at_10: float
    single: float

    @property
    def thresholds(self) -> Thresholds:
        """By the share of the strangers that get a name."""
        return Thresholds((0.01, 0.05, 0.1), (self.at_1, self.at_5, self.at_10))


class OpenSetSpec(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[open_set]`: the judge `plda`, as `kyara fit` writes it.

    Attributes:
        parameters: a file in the plugin's directory.
        sha256: its digest; a file that does not match is refused.
        fitted_on, calibrated_on, date: on what and when.
        slope, intercept: from log-likelihood ratios to log-odds.
        at_1, at_5, at_10: the log-odds at which 1, 5 or 10 % of the strangers get a name.
        adapted: the same for embeddings that are centred on the user's pictures; None: the
            parameters were fitted without centring, and nothing is adapted.
    """

    parameters: str
    sha256: str
    fitted_on: str
    calibrated_on: str
    date: str
    slope: float
    intercept: float
    at_1: float
    at_5: float
    at_10: float
    adapted: AdaptedSpec | None = None

    @property
    def thresholds(self) -> Thresholds:
        """By the share of the strangers that get a name."""
        return Thresholds((0.01, 0.05, 0.1), (self.at_1, self.at_5, self.at_10))


class GroupingSpec(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[grouping]`: how alike pictures are that `kyara group` puts together.

    Attributes:
        similarity: the cosine of two embeddings, as seen from the centre of their heap, from which
            on they are neighbours.
        measured_on, date: on what and when it was chosen.
    """

    similarity: Annotated[float, msgspec.Meta(gt=-1, lt=1)]
    measured_on: str
    date: str


class Manifest(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The whole of `plugin.toml`."""

    plugin: PluginSpec
    model: ModelSpec
    input: InputSpec
    embedding: EmbeddingSpec
    metric: MetricSpec | None = None
    training: TrainingSpec = TrainingSpec()
    calibration: CalibrationSpec | None = None
    open_set: OpenSetSpec | None = None
    grouping: GroupingSpec | None = None
