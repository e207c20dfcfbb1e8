"""What a task asks of the Inference API and makes of its reply: pictures, sounds, videos.

Pictures go out as PNG, sounds as the bytes of their file. What comes back is read before it is
kept, so that a body that is not what it should be is an error and never a file.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugginggraph.registry import RemoteError

from .draw import draw_boxes
from .inference import said
from .media import encode_png
from .opened import packed
from .picture import picture_output
from .runner import Media, Output
from .segmentation import Segment, segments_output
from .values import Box, Corners, Film, Label, Sound

if TYPE_CHECKING:
    from huggingface_hub import InferenceClient
    from PIL.Image import Image

TOP = 5
MAX_TOKENS = 512
THERE = 127
"""A mask is there where it is brighter."""

Args = Mapping[str, Any]


def labels_of(found: Iterable[Any], *, name: str = "label") -> list[Label]:
    """Labels of a reply, best first; each keeps the text in its field ``name``."""
    labels: list[Label] = [
        {"label": said(each[name]), "score": float(each["score"])} for each in found
    ]
    return sorted(labels, key=lambda label: -label["score"])


def reply(client: InferenceClient, model: str, content: Any, before: Sequence[Any] = ()) -> str:
    """A chat model's reply to a message, after earlier turns."""
    turns = [*before, {"role": "user", "content": content}]
    # the model's id is named only where the client asks an address of one's own
    named = model if (client.model or "").startswith("http") else None
    made = client.chat_completion(turns, model=named, max_tokens=MAX_TOKENS, temperature=0.0)
    return said(made.choices[0].message.content)


def _png(picture: Image) -> bytes:
    from huggingface_hub.inference._common import MimeBytes  # bytes that bring their content type

    return MimeBytes(packed(picture), "image/png")


def _made(picture: Image) -> Output:
    """A picture that came back, decoded whole."""
    picture.load()
    return picture_output(picture.convert("RGB"))


def _seed(args: Args) -> int | None:
    given = str(args.get("seed") or "").strip()
    return int(given) if re.fullmatch(r"\d{1,18}", given) else None


def image_classification(client: InferenceClient, model: str, args: Args) -> Output:
    """The five best classes."""
    return Output(labels_of(client.image_classification(_png(args["image"]), top_k=TOP)))


def zero_shot_image_classification(client: InferenceClient, model: str, args: Args) -> Output:
    """The labels, best first; the API wants two at least."""
    labels = list(dict.fromkeys(args["candidate_labels"]))
    if len(labels) < 2:
        raise RemoteError(
            "The Inference API compares a picture with two labels at least.",
            "Give more labels, or run it on this machine.",
        )
    return Output(labels_of(client.zero_shot_image_classification(_png(args["image"]), labels)))


def object_detection(client: InferenceClient, model: str, args: Args) -> Output:
    """Boxes, best first, and the picture with them drawn in."""
    picture: Image = args["image"]
    boxes: list[Box] = []
    for each in client.object_detection(_png(picture)):
        place: Any = each.box
        corners: Corners = {
            "xmin": round(min(max(float(place["xmin"]), 0.0), picture.width), 1),
            "ymin": round(min(max(float(place["ymin"]), 0.0), picture.height), 1),
            "xmax": round(min(max(float(place["xmax"]), 0.0), picture.width), 1),
            "ymax": round(min(max(float(place["ymax"]), 0.0), picture.height), 1),
        }
        if corners["xmin"] < corners["xmax"] and corners["ymin"] < corners["ymax"]:
            boxes.append({"label": said(each.label), "score": float(each.score), "box": corners})
    boxes.sort(key=lambda box: -box["score"])
    return Output(boxes, (Media("image", encode_png(draw_boxes(picture, boxes)), ".png"),))


def image_segmentation(client: InferenceClient, model: str, args: Args) -> Output:
    """Segments, largest first, the picture with each in its colour, and their masks."""
    import numpy as np

    picture: Image = args["image"]
    found: list[Segment] = []
    for each in client.image_segmentation(_png(picture)):
        mask: Any = each.mask
        there = np.asarray(mask.convert("L").resize(picture.size)) > THERE
        score = 1.0 if each.score is None else float(each.score)
        found.append(Segment(said(each.label), score, there))
    return segments_output(picture, found)


def image_to_text(client: InferenceClient, model: str, args: Args) -> Output:
    """A caption, or the text in the picture."""
    return Output(said(client.image_to_text(_png(args["image"])).generated_text))


def image_text_to_text(client: InferenceClient, model: str, args: Args) -> Output:
    """A chat model's reply to a picture and a text about it."""
    url = f"data:image/png;base64,{base64.b64encode(packed(args['image'])).decode()}"
    content = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": args.get("text") or args.get("question") or "Describe this."},
    ]
    return Output(reply(client, model, content))


def visual_question_answering(client: InferenceClient, model: str, args: Args) -> Output:
    """The best answer to a question about a picture."""
    found = client.visual_question_answering(_png(args["image"]), args["question"])
    return Output(_best_answer(found))


def document_question_answering(client: InferenceClient, model: str, args: Args) -> Output:
    """The best answer to a question about a picture of a document."""
    found = client.document_question_answering(_png(args["image"]), args["question"])
    return Output(_best_answer(found))


def _best_answer(found: Sequence[Any]) -> str:
    if not found:
        raise RemoteError("The remote model found no answer in the picture.", "Ask otherwise.")
    return said(max(found, key=lambda each: float(each.score)).answer)


def image_to_image(client: InferenceClient, model: str, args: Args) -> Output:
    """The picture, changed; as a text says, where there is one."""
    prompt = args.get("text") or args.get("prompt")
    return _made(client.image_to_image(_png(args["image"]), prompt))


def text_to_image(client: InferenceClient, model: str, args: Args) -> Output:
    """A new picture of what the text says."""
    return _made(client.text_to_image(args["text"], seed=_seed(args)))


def text_to_speech(client: InferenceClient, model: str, args: Args) -> Output:
    """The text, spoken."""
    return _sounds([client.text_to_speech(args["text"])])


def automatic_speech_recognition(client: InferenceClient, model: str, args: Args) -> Output:
    """What is said in a sound."""
    return Output(said(client.automatic_speech_recognition(Path(args["audio"])).text))


def audio_classification(client: InferenceClient, model: str, args: Args) -> Output:
    """The five best classes."""
    return Output(labels_of(client.audio_classification(Path(args["audio"]), top_k=TOP)))


def audio_to_audio(client: InferenceClient, model: str, args: Args) -> Output:
    """The sound, changed; where the model parts it into several, each is a file."""
    made: list[Any] = client.audio_to_audio(Path(args["audio"]))
    return _sounds([each.blob for each in made])


def _sounds(data: Sequence[Any]) -> Output:
    """Sounds that came back, in the format they came in; the value describes the first."""
    import soundfile

    suffixes = {"MP3": ".mp3", "MPEG": ".mp3", "FLAC": ".flac", "OGG": ".ogg"}
    media: list[Media] = []
    values: list[Sound] = []
    for each in data:
        try:
            info = soundfile.info(io.BytesIO(each))
        except (soundfile.LibsndfileError, RuntimeError, TypeError) as exc:
            raise RemoteError(
                "The remote model's reply is not a sound that can be read.", "Try another model."
            ) from exc
        seconds = info.frames / info.samplerate
        values.append(
            {"seconds": seconds, "sample_rate": info.samplerate, "channels": info.channels}
        )
        media.append(Media("audio", bytes(each), suffixes.get(info.format, ".wav")))
    if not values or values[0]["seconds"] <= 0:
        raise RemoteError("The remote model gave an empty sound.", "Try another model.")
    if len(values) > 1:
        values[0]["note"] = f"the first of {len(values)}"
    return Output(values[0], tuple(media))


def text_to_video(client: InferenceClient, model: str, args: Args) -> Output:
    """A new video of what the text says."""
    return _video(client.text_to_video(args["text"], seed=_seed(args)))


def image_to_video(client: InferenceClient, model: str, args: Args) -> Output:
    """A video that begins with the picture."""
    prompt = args.get("text") or args.get("prompt")
    return _video(client.image_to_video(_png(args["image"]), prompt=prompt, seed=_seed(args)))


def _video(data: bytes) -> Output:
    import av

    try:
        with av.open(io.BytesIO(data), "r") as container:
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 0)
            seconds = float((stream.duration or 0) * (stream.time_base or 0))
            seconds = seconds or (container.duration or 0) / 1e6
            value: Film = {
                "seconds": round(seconds, 3), "frame_rate": rate,
                "width": stream.width, "height": stream.height,
            }  # fmt: skip
            suffix = ".webm" if "webm" in container.format.name else ".mp4"
    except (av.error.FFmpegError, IndexError, OSError, TypeError, ValueError) as exc:
        raise RemoteError(
            "The remote model's reply is not a video that can be read.", "Try another model."
        ) from exc
    return Output(value, (Media("video", bytes(data), suffix),))
