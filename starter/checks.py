"""What every checkpoint of the pack must reach, and how that is measured on fresh seeds.

The models run as they do for a user: `Ask` is the task's own runner, given by the caller, as this
room knows none. Speech needs eSpeak NG. `hugginggraph starter check --seed N` prints the figures.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Collection, Sequence

import numpy as np
from PIL import Image

from .asking import SIZES, Ask, Check, Figures, shares
from .checks_asking import answerer, reader
from .checks_making import FILMED, PAINTED, changer, filler, filmer, painter, tracer, watcher
from .checks_sound import denoiser, french_speaker, listener, sounds, speaker
from .scores import bleu, mean_iou
from .world import CHECKPOINTS, LABELS, Scene, draw_relief, draw_scene, draw_single, seeds


def _scenes(seed: int, count: int) -> list[tuple[int, Scene]]:
    drawn = seeds("measure", seed, count)
    return [(each, draw_scene(each, size=SIZES[each % len(SIZES)])) for each in drawn]


def _classifier(ask: Ask, seed: int, count: int) -> Figures:
    from .measure import measure_classifier, singles_of

    return measure_classifier(CHECKPOINTS / "shapes-classifier", singles_of("measure", seed, count))


def _detector(ask: Ask, seed: int, count: int) -> Figures:
    from .measure import measure_detector, scenes_of

    return measure_detector(CHECKPOINTS / "shapes-detector", scenes_of("measure", seed, count))


def _captioner(ask: Ask, seed: int, count: int) -> Figures:
    from .measure import measure_captioner, scenes_of

    return measure_captioner(CHECKPOINTS / "shapes-captioner", scenes_of("measure", seed, count))


def _segmenter(ask: Ask, seed: int, count: int) -> Figures:
    said, truth = [], []
    for _, scene in _scenes(seed, count):
        made = ask("shapes-segmenter", {"image": scene.image})
        found = np.zeros(scene.segments.shape, np.uint8)
        for each, mask in zip(made.value, made.media[1:], strict=True):
            if each["label"] != "background":
                where = np.asarray(Image.open(io.BytesIO(mask.data)).convert("L")) > 127
                found[where] = 1 + LABELS.index(each["label"])
        classes = [0, *(1 + LABELS.index(each.label) for each in scene.objects)]
        said.append(found)
        truth.append(np.array(classes, np.uint8)[scene.segments])
    return {"mean_iou": mean_iou(said, truth)}


def _depth(ask: Ask, seed: int, count: int) -> Figures:
    """Straight from the model: the runner's picture says what is nearer, not how far it is.

    Counted is the share of δ < 1.25 on objects as well: calling everything ground has 0.9 of all
    points.
    """
    import torch
    from transformers import AutoImageProcessor, GLPNForDepthEstimation

    folder = CHECKPOINTS / "shapes-depth"
    processor = AutoImageProcessor.from_pretrained(folder)
    model = GLPNForDepthEstimation.from_pretrained(folder).eval()
    near, near_there = 0, 0
    means = []
    for each in seeds("measure", seed, count):
        scene = draw_relief(each, size=SIZES[each % len(SIZES)])
        with torch.no_grad():
            outputs = model(**processor(images=scene.image, return_tensors="pt"))
        sizes = [(scene.image.height, scene.image.width)]
        found = processor.post_process_depth_estimation(outputs, sizes)
        said, truth = found[0]["predicted_depth"].numpy().clip(0.01), scene.depth
        right = np.maximum(said / truth, truth / said) < 1.25
        means.append(right.mean())
        near += int(right[scene.segments > 0].sum())
        near_there += int((scene.segments > 0).sum())
    return {"delta_1.25": float(np.mean(means)), "on_objects": near / near_there}


def _matcher(ask: Ask, seed: int, count: int) -> Figures:
    """Of six labels, four grounds, or six labels with their ground; half of the rivals are near."""
    from .train_matcher import KINDS, rival_texts

    right: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    for each in seeds("measure", seed, count):
        rng, kind = np.random.default_rng((each, 11)), KINDS[each % len(KINDS)]
        scene = draw_single(each, size=SIZES[each % len(SIZES)])
        texts = rival_texts(rng, scene.objects[0].label, scene.background, kind, 6)
        labels = [str(text) for text in rng.permutation(texts)]
        made = ask("shapes-matcher", {"image": scene.image, "candidate_labels": labels}).value
        right[kind].append(made[0]["label"] == texts[0])
    return shares("top_1", right)


def _translator(name: str, source: str, target: str) -> Callable[[Ask, int, int], Figures]:
    def measure(ask: Ask, seed: int, count: int) -> Figures:
        from .new_forms import NEW_FORMS
        from .sentences import FORMS, Form, draw_sentence, heard, in_passing

        def figures(
            ending: str, forms: Sequence[Form], written: Callable[[str], str] = str
        ) -> Figures:
            said = [draw_sentence(each, forms) for each in seeds("measure", seed, count)]
            languages = {"source_language": source, "target_language": target}
            pairs = [(x.english, x.french)[:: 1 if source == "en" else -1] for x in said]
            made = [ask(name, {"text": written(text), **languages}).value for text, _ in pairs]
            exact = [a == b for a, (_, b) in zip(made, pairs, strict=True)]
            return {
                f"bleu{ending}": bleu(made, [b for _, b in pairs]),
                f"exact{ending}": float(np.mean(exact)),
            }

        plain = heard if source == "en" else in_passing
        return {
            **figures("", FORMS),
            **figures("_without_marks", FORMS, plain),
            **figures("_new_forms", NEW_FORMS),
        }

    return measure


def _mood(ask: Ask, seed: int, count: int) -> Figures:
    from .new_forms import new_opinion
    from .sentences import draw_opinion

    def share(draw: Callable[[int], tuple[str, str]]) -> float:
        said = [draw(each) for each in seeds("measure", seed, count)]
        right = [ask("world-mood", {"text": text}).value[0]["label"] == mood for text, mood in said]
        return float(np.mean(right))

    return {"top_1": share(draw_opinion), "top_1_new_forms": share(new_opinion)}


def _tagger(ask: Ask, seed: int, count: int) -> Figures:
    """F1 of pieces of which tag, start and end are right; of names and places; in new forms."""
    from .new_forms import NEW_FORMS
    from .sentences import FORMS, TAGS, Form, draw_sentence

    def f1(forms: Sequence[Form], tags: Collection[str]) -> float:
        wanted, found = Counter[tuple[int, str, int, int]](), Counter[tuple[int, str, int, int]]()
        for each in seeds("measure", seed, count):
            sentence = draw_sentence(each, forms)
            wanted.update((each, *piece) for piece in sentence.pieces if piece[0] in tags)
            pieces = ask("world-tagger", {"text": sentence.english}).value
            found.update(
                (each, piece["label"], piece["start"], piece["end"])
                for piece in pieces
                if piece["label"] in tags
            )
        return 2 * (wanted & found).total() / max(wanted.total() + found.total(), 1)

    return {
        "f1": f1(FORMS, TAGS),
        "f1_names": f1(FORMS, ("PER", "LOC")),
        "f1_new_forms": f1(NEW_FORMS, TAGS),
        "f1_names_new_forms": f1(NEW_FORMS, ("PER", "LOC")),
    }


def _table(ask: Ask, seed: int, count: int) -> Figures:
    from .train_tabular import COLUMNS, measures

    drawn = [measures(each) for each in seeds("measure", seed, count)]
    table = {"columns": list(COLUMNS), "rows": [row for row, _ in drawn]}
    said = ask("shapes-table", {"table": table}).value
    right = [each["label"] == shape for each, (_, shape) in zip(said, drawn, strict=True)]
    return {"top_1": float(np.mean(right))}


CHECKS = (
    Check("shapes-classifier", "image-classification", {"top_1": 0.97}, _classifier),
    Check("shapes-detector", "object-detection", {"map_50": 0.97, "count_right": 0.95}, _detector),
    Check("shapes-captioner", "image-to-text", {"exact": 0.85}, _captioner),
    Check("shapes-segmenter", "image-segmentation", {"mean_iou": 0.85}, _segmenter),
    Check("shapes-depth", "depth-estimation", {"delta_1.25": 0.90, "on_objects": 0.90}, _depth),
    Check("shapes-answerer", "visual-question-answering", {"right": 0.90}, answerer),
    Check("world-reader", "document-question-answering", {"right": 0.85}, reader),
    Check("shapes-matcher", "zero-shot-image-classification", {"top_1": 0.90}, _matcher),
    Check("shapes-watcher", "video-classification", {"top_1": 0.95}, watcher),
    Check("shapes-painter", "text-to-image", PAINTED, painter),
    Check("shapes-filler", "inpainting", PAINTED, filler),
    Check("shapes-tracer", "canny-text-to-image", PAINTED, tracer),
    Check("shapes-filmer", "text-to-video", FILMED, filmer),
    Check("shapes-changer", "image-to-image", PAINTED, changer),
    Check("world-listener", "automatic-speech-recognition", {"word_errors": -0.05}, listener),
    Check("world-speaker", "text-to-speech", {"errors_above_own": -0.05}, speaker),
    Check("world-speaker-french", "text-to-speech", {"nearest": 0.95}, french_speaker),
    Check("world-sounds", "audio-classification", {"top_1": 0.95}, sounds),
    Check("world-denoiser", "audio-to-audio", {"gain_db": 6}, denoiser),
    Check("world-mood", "text-classification", {"top_1": 0.95}, _mood),
    Check("world-tagger", "token-classification", {"f1": 0.95}, _tagger),
    Check("shapes-table", "tabular-classification", {"top_1": 0.95}, _table),
    Check("world-english-french", "translation", {"bleu": 80},
          _translator("world-english-french", "en", "fr")),
    Check("world-french-english", "translation", {"bleu": 80},
          _translator("world-french-english", "fr", "en")),
)  # fmt: skip
"""In the order of the documentation's table."""
