from .world import (
    CHECKPOINTS as CHECKPOINTS,
    LABELS as LABELS,
    Scene as Scene,
    SceneObject as SceneObject,
    draw_scene as draw_scene,
    draw_single as draw_single,
    seeds as seeds,
)
