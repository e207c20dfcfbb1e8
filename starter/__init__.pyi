from .asking import Ask as Ask, Check as Check
from .checks import CHECKS as CHECKS
from .demo import Demo as Demo, Wish as Wish, draw_demos as draw_demos
from .measure import (
    mean_average_precision as mean_average_precision,
    measure_captioner as measure_captioner,
    measure_classifier as measure_classifier,
    measure_detector as measure_detector,
    scenes_of as scenes_of,
    singles_of as singles_of,
)
from .sentences import (
    Sentence as Sentence,
    draw_opinion as draw_opinion,
    draw_sentence as draw_sentence,
)
from .train import train_model as train_model
from .world import (
    CHECKPOINTS as CHECKPOINTS,
    LABELS as LABELS,
    PATTERNS as PATTERNS,
    SPLITS as SPLITS,
    Scene as Scene,
    SceneObject as SceneObject,
    draw_examples as draw_examples,
    draw_scene as draw_scene,
    draw_single as draw_single,
    seeds as seeds,
)
