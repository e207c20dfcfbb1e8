"""The runner that draws people as stick figures (openpose-control)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import ModelCard, cached_snapshot, missing_parts

from .loading import load_image_processor, load_model
from .picture import picture_output
from .runner import Checkpoint, Output, Run
from .values import plural

if TYPE_CHECKING:
    from PIL.Image import Image

DETECTOR = "PekingU/rtdetr_r50vd_coco_o365"
"""Finds the people, where it is on this machine; else the whole picture is one person."""

SURE = 0.3
"""The score of a joint, and of a person, from which on it is drawn."""

Joints = Sequence[tuple[float, float] | None]
"""The eighteen joints of OpenPose in pixels, None where one is not seen."""

COCO = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""Which of COCO's 17 joints is each of OpenPose's 18; its neck lies between the shoulders."""

SHOULDERS = 5, 6

BONES = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10),
    (1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17),
)  # fmt: skip

COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0),
    (0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255),
    (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85),
)  # fmt: skip
"""Of bones and joints alike, as ControlNet was trained with; bones are darker."""

Person = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""


def openpose_control(checkpoint: Checkpoint) -> Run:
    """The people of a picture as stick figures on black (ViTPose), in the picture's size."""
    import torch

    processor = load_image_processor(checkpoint)
    model = load_model(checkpoint, "VitPoseForPoseEstimation")
    experts = getattr(model.config.backbone_config, "num_experts", 1)
    find_people = _people(checkpoint)

    def run(args: Mapping[str, Any]) -> Output:
        image: Image = args["image"]
        boxes = [list(person) for person in find_people(image)]
        if not boxes:
            return picture_output(draw_people([], image.size), "no people")
        inputs = processor(images=image, boxes=[boxes], return_tensors="pt").to(
            model.device, model.dtype
        )
        if experts > 1:  # ViTPose+ holds an expert for each data set; the first is COCO's
            inputs["dataset_index"] = torch.zeros(len(boxes), dtype=torch.long, device=model.device)
        outputs = model(**inputs)
        found = processor.post_process_pose_estimation(outputs, boxes=[boxes])[0]
        people = [
            openpose_joints(each["keypoints"].tolist(), each["scores"].tolist()) for each in found
        ]
        seen = [joints for joints in people if any(joints)]
        note = f"{len(seen)} {plural('person', len(seen))}"
        return picture_output(draw_people(seen, image.size), note)

    return run


def _people(checkpoint: Checkpoint) -> Any:
    """A function from a picture to the boxes of its people."""
    folder = cached_snapshot(DETECTOR)
    if folder is None or missing_parts(folder):
        return lambda image: [(0.0, 0.0, float(image.width), float(image.height))]
    import torch

    card = ModelCard(id=DETECTOR, task="object-detection", library="transformers", description="")
    there = Checkpoint(card, str(folder), checkpoint.device)
    processor = load_image_processor(there)
    model = load_model(there, "AutoModelForObjectDetection")
    person = next((i for i, name in model.config.id2label.items() if name.lower() == "person"), 0)

    def find(image: Image) -> list[Person]:
        inputs = processor(images=image, return_tensors="pt").to(model.device, model.dtype)
        found = processor.post_process_object_detection(
            model(**inputs),
            threshold=SURE,
            target_sizes=torch.tensor([[image.height, image.width]]),
        )[0]
        rows = zip(found["labels"].tolist(), found["boxes"].tolist(), strict=True)
        return [(x0, y0, x1 - x0, y1 - y0) for label, (x0, y0, x1, y1) in rows if label == person]

    return find


def openpose_joints(
    places: Sequence[Sequence[float]], scores: Sequence[float]
) -> list[tuple[float, float] | None]:
    """OpenPose's joints from COCO's 17 places (x, y) and scores."""
    coco = [
        (place[0], place[1]) if score >= SURE else None
        for place, score in zip(places, scores, strict=True)
    ]
    left, right = (coco[i] for i in SHOULDERS)
    neck = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2) if left and right else None
    return [neck if i is None else coco[i] for i in COCO]


def draw_people(people: Sequence[Joints], size: tuple[int, int]) -> Image:
    """Stick figures on black, in OpenPose's colours."""
    from PIL import Image as Pictures, ImageDraw

    canvas = Pictures.new("RGB", size)
    draw = ImageDraw.Draw(canvas)
    radius = max(1, round(max(size) / 128))
    for joints in people:
        for (start, end), colour in zip(BONES, COLOURS, strict=False):
            a, b = joints[start], joints[end]
            if a and b:
                darker = tuple(round(0.6 * each) for each in colour)
                draw.line((*a, *b), fill=darker, width=2 * radius)
        for joint, colour in zip(joints, COLOURS, strict=True):
            if joint:
                x, y = joint
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return canvas
