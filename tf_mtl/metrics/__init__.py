"""Metrics: only what Keras lacks, and what the package must know about Keras' own."""

from .angular_error import AngularError as AngularError
from .answer_span import AnswerExactMatch as AnswerExactMatch
from .answer_span import AnswerTokenF1 as AnswerTokenF1
from .answer_span import best_spans as best_spans
from .box_iou import BoxIoU as BoxIoU
from .column_error import ColumnMeanAbsoluteError as ColumnMeanAbsoluteError
from .concordance import ConcordanceIndex as ConcordanceIndex
from .coverage import Coverage as Coverage
from .key_point_distance import KeyPointDistance as KeyPointDistance
from .kinds import averages_elements as averages_elements
from .kinds import counts_elements as counts_elements
from .perplexity import Perplexity as Perplexity
from .poisson_deviance import MeanPoissonDeviance as MeanPoissonDeviance
from .rank_error import RankError as RankError
from .recall_at_one import RecallAtOne as RecallAtOne
from .sequence_accuracy import SequenceAccuracy as SequenceAccuracy
from .span_f1 import SpanF1 as SpanF1
from .span_f1 import has_spans as has_spans
from .standardized_r2 import StandardizedR2 as StandardizedR2
from .token_accuracy import TokenAccuracy as TokenAccuracy
from .weighted_kappa import QuadraticWeightedKappa as QuadraticWeightedKappa
