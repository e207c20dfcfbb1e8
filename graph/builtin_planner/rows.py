"""What the planner knows of each task type beyond its row in the table.

``TRAITS`` says how people name a task's result and how it picks its input. ``LATER`` holds rows for
task types that people ask for and that the table need not have: a request for one is understood,
and the draft says that it is not available. A row of the table always wins over one here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hugginggraph.registry import Kind, Slot, TaskType


@dataclass(frozen=True)
class Trait:
    """How a task type behaves in a request.

    ``name`` is what a person calls it. ``result`` is a pattern of the words its result goes by.
    ``chains``: takes the latest text rather than the original one. ``gathers``: reads several
    results as one text. ``prompted``: its text is what the request says, not a given text.
    ``renews``: its result stands for the picture, sound or text from then on. ``told``: its
    text is the instruction itself. ``brief``: one word is text enough. ``instead``: what
    comes nearest where the table lacks the task.
    """

    name: str
    result: str
    chains: bool = False
    gathers: bool = False
    prompted: bool = False
    renews: bool = False
    told: bool = False
    brief: bool = False
    instead: tuple[str, ...] = ()


_MADE = r"(?:new|generated|created|resulting|final|produced|made) "
_ANSWER = r"answers?(?! (?:to|for)\b)"
_TEXTS = r"(?:text|version|sentence|document|article|message|speech|audio|question|words)s?"
_IMAGE = r"(?:image|picture|photo|illustration|drawing|painting)s?"

TRAITS: Mapping[str, Trait] = {
    "text-classification": Trait("Text classification", r"sentiments?|emotions?|classifications?"),
    "token-classification": Trait(
        "Named entities", r"entit(?:y|ies)|names|tokens?|(?:identified|extracted) \w+"
    ),
    "zero-shot-classification": Trait("Sorting by given labels", r"topics?|label|category"),
    "question-answering": Trait("Question answering", _ANSWER + r"|(?:spoken )?repl(?:y|ies)"),
    "summarization": Trait(
        "Summaries",
        r"summar(?:y|ies)|summari[sz]ed|summari[sz]ation|shorter (?:text|version)",
        chains=True,
        gathers=True,
        renews=True,
    ),
    "text-generation": Trait(
        "Text generation",
        r"poem|story|stories|essay|paragraph|e-?mail|letter|joke|lyrics|song|"
        r"(?:new|generated|written|descriptive) (?:text|description|article|sentence)s?|"
        r"descriptions?|text",
        chains=True,
        gathers=True,
        prompted=True,
        renews=True,
        told=True,
    ),
    "sentence-similarity": Trait("Sentence similarity", r"similarit(?:y|ies)|scores?"),
    "feature-extraction": Trait("Embeddings", r"embeddings?|vectors?|features", brief=True),
    "image-classification": Trait(
        "Picture classification", r"class(?:es)?|categor(?:y|ies)|classifications?|main subject"
    ),
    "object-detection": Trait(
        "Object detection",
        r"(?:detected|found|identified) \w+|boxes|labels?|detections?|counts?|"
        r"(?:marked|annotated|labell?ed|boxed) " + _IMAGE,
    ),
    "image-to-text": Trait(
        "Captions and reading text in pictures",
        r"captions?|(?:textual |image )?descriptions?"
        r"|(?:extracted|recogni[sz]ed|read) (?:text|words)"
        r"|text|words|quote",
        renews=True,
    ),
    "canny-control": Trait(
        "Edge pictures",
        r"(?:canny )?edges?(?:[ -](?:map|detection))?(?: " + _IMAGE + r")?|outlines?|contours?",
    ),
    "translation": Trait(
        "Translation", rf"translat\w+(?: {_TEXTS})?", chains=True, renews=True, brief=True
    ),
    "conversational": Trait(
        "Conversation",
        r"(?:conversational |chat )?(?:response|reply|conversation)s?",
        chains=True,
        gathers=True,
        prompted=True,
        renews=True,
        instead=("text-generation",),
    ),
    "fill-mask": Trait("Filling in a blank", r"word|completion"),
    "image-segmentation": Trait(
        "Picture segmentation", r"segment\w*(?: " + _IMAGE + r")?|masks?|segments"
    ),
    "depth-estimation": Trait("Depth estimation", r"depth[- ]?\w*(?: " + _IMAGE + r")?"),
    "mlsd-control": Trait("Pictures of straight lines", r"straight lines?|line pictures?|mlsd"),
    "normal-control": Trait("Normal maps", r"normal[- ]?maps?|normals"),
    "depth-control": Trait("Depth pictures", r"depth[- ]?(?:control|guide)\w*"),
    "seg-control": Trait("Segment pictures", r"seg[- ]?(?:control|guide)\w*"),
    "scribble-control": Trait("Scribbles", r"scribbles?|sketch(?:es)?|doodles?"),
    "hed-control": Trait("Soft edge pictures", r"soft edges?|hed"),
    "openpose-control": Trait("Pose pictures", r"poses?|skeletons?|stick figures?"),
    "image-to-image": Trait(
        "Picture editing",
        r"(?:edited|modified|transformed|enhanced|stylized|styled|changed|updated|improved|processed"
        r"|converted|recolou?red|restored|upscaled|cleaned|altered|adjusted) \w+|" + _MADE + _IMAGE,
        chains=True,
        renews=True,
    ),
    "text-to-image": Trait(
        "Making pictures",
        _MADE + _IMAGE + "|illustration",
        chains=True,
        gathers=True,
        prompted=True,
        renews=True,
    ),
    "inpainting": Trait(
        "Painting over a part",
        r"(?:repainted|inpainted|filled|retouched) \w+",
        prompted=True,
        renews=True,
    ),
    "unconditional-image-generation": Trait(
        "Making pictures of nothing", _MADE + _IMAGE, renews=True
    ),
    **{
        f"{kind}-text-to-image": Trait(
            f"Making pictures guided by {kind}", _MADE + _IMAGE, prompted=True, renews=True
        )
        for kind in ("canny", "hed", "mlsd", "openpose", "normal", "depth", "seg", "scribble")
    },
    "image-to-video": Trait(
        "Making pictures move",
        _MADE + r"?(?:video|clip|animation)s?",
        prompted=True,
        renews=True,
    ),
    "text-to-video": Trait(
        "Making videos",
        _MADE + r"?(?:video|clip|animation)s?",
        chains=True,
        gathers=True,
        prompted=True,
        renews=True,
    ),
    "visual-question-answering": Trait(
        "Answering questions about pictures",
        _ANSWER,
        instead=("image-to-text", "object-detection"),
    ),
    "document-question-answering": Trait(
        "Answering questions about scanned documents",
        _ANSWER,
        instead=("image-to-text", "question-answering"),
    ),
    "table-question-answering": Trait("Answering questions about tables", _ANSWER),
    "zero-shot-image-classification": Trait("Sorting pictures by given labels", r"labels?"),
    "tabular-classification": Trait("Table classification", r"class\w*|categor\w+"),
    "tabular-regression": Trait("Estimates from tables", r"estimates?|predictions?|forecasts?"),
    "text2text-generation": Trait(
        "Rewriting texts",
        r"(?:rewritten|corrected|rephrased|paraphrased) \w+",
        chains=True,
        prompted=True,
        renews=True,
        told=True,
    ),
    "zero-shot-object-detection": Trait(
        "Finding things that are named", r"(?:detected|found) \w+|boxes|detections?"
    ),
    "mask-generation": Trait("Cutting out everything", r"masks?|cut-?outs?"),
    "image-text-to-text": Trait(
        "Writing about pictures", r"answers?|explanations?|(?:written )?text", renews=True
    ),
    "text-to-speech": Trait(
        "Speech output",
        r"speech|(?:" + _MADE + r"|spoken )?(?:audio|voice|recording)(?: (?:file|version))?"
        r"|spoken \w+",
        chains=True,
        gathers=True,
        renews=True,
        brief=True,
    ),
    "automatic-speech-recognition": Trait(
        "Speech recognition",
        rf"transcri\w+(?: {_TEXTS})?|(?:recogni[sz]ed|spoken|obtained) (?:text|words|question)|text",
        renews=True,
    ),
    "audio-classification": Trait(
        "Sound classification", r"emotions?|commands?|classifications?|genre|class|category"
    ),
    "audio-to-audio": Trait(
        "Sound clean-up",
        r"(?:enhanced|cleaned(?:-up)?|improved|denoised|processed|separated) \w+",
        renews=True,
    ),
    "text-to-audio": Trait(
        "Music and sounds",
        r"music|melod(?:y|ies)|tune|sound effects?|soundtrack",
        chains=True,
        prompted=True,
        renews=True,
    ),
    "zero-shot-audio-classification": Trait("Sorting sounds by given labels", r"labels?"),
    "voice-activity-detection": Trait(
        "Finding speech", r"(?:speech |spoken )?(?:segments?|parts|times?)"
    ),
    "video-classification": Trait("Video classification", r"class|category"),
    "video-to-text": Trait("Describing videos", r"descriptions?|captions?"),
}

_TEXT = Slot("text", "text", "the text")
_PICTURE = Slot("image", "image", "the picture")
_AUDIO = Slot("audio", "audio", "the sound")
_VIDEO = Slot("video", "video", "the video")
_TABLE = Slot("table", "table", "the table")
_QUESTION = Slot("question", "text", "the question")
_PROMPT = Slot("prompt", "text", "what to make of it", required=False)
_LABELS = Slot("candidate_labels", "text", "the labels", many=True)
_LANGUAGE = Slot("target_language", "text", "the language wanted", required=False)


def _row(task: str, output: Kind, *inputs: Slot) -> TaskType:
    return TaskType(task, "", inputs, output)


def trait(task: str) -> Trait:
    """The task type's trait; a plain one for a row that is not known here."""
    return TRAITS.get(task) or Trait(task, r"results?")


LATER: Mapping[str, TaskType] = {
    row.id: row
    for row in (
        _row("translation", "text", _TEXT, _LANGUAGE),
        _row("conversational", "text", _TEXT),
        _row("fill-mask", "labels", _TEXT),
        _row("zero-shot-image-classification", "labels", _PICTURE, _LABELS),
        _row("image-segmentation", "masks", _PICTURE),
        _row("depth-estimation", "image", _PICTURE),
        _row("hed-control", "image", _PICTURE),
        _row("openpose-control", "image", _PICTURE),
        _row("image-to-image", "image", _PICTURE, _PROMPT),
        _row("text-to-image", "image", _TEXT),
        _row("text-to-video", "video", _TEXT),
        _row("visual-question-answering", "text", _PICTURE, _QUESTION),
        _row("document-question-answering", "text", _PICTURE, _QUESTION),
        _row("table-question-answering", "text", _TABLE, _QUESTION),
        _row("tabular-classification", "labels", _TABLE),
        _row("text-to-speech", "audio", _TEXT),
        _row("automatic-speech-recognition", "text", _AUDIO),
        _row("audio-classification", "labels", _AUDIO),
        _row("audio-to-audio", "audio", _AUDIO),
        _row("video-classification", "labels", _VIDEO),
        _row("video-to-text", "text", _VIDEO),
    )
}

FAMILIES: Mapping[str, Mapping[str, str]] = {
    "question": {
        "text": "question-answering",
        "image": "visual-question-answering",
        "scan": "document-question-answering",
        "table": "table-question-answering",
    },
    "classify": {
        "text": "text-classification",
        "image": "image-classification",
        "scan": "image-classification",
        "audio": "audio-classification",
        "video": "video-classification",
        "table": "tabular-classification",
    },
    "describe": {
        "text": "summarization",
        "image": "image-to-text",
        "scan": "image-to-text",
        "video": "video-to-text",
        "audio": "automatic-speech-recognition",
    },
    "count": {
        "image": "object-detection",
        "scan": "object-detection",
        "text": "question-answering",
    },
    "people": {"image": "object-detection", "text": "token-classification"},
    "emotion": {"audio": "audio-classification", "text": "text-classification"},
    "description": {
        "image": "image-to-text",
        "text": "text-generation",
        "labels": "text-generation",
    },
    "heard": {
        "audio": "automatic-speech-recognition",
        "video": "automatic-speech-recognition",
        "image": "image-to-text",
        "text": "question-answering",
    },
    "choose": {"text": "zero-shot-classification", "image": "zero-shot-image-classification"},
    "enhance": {"image": "image-to-image", "scan": "image-to-image", "audio": "audio-to-audio"},
}
"""Words that mean another task for each kind of thing: "classify" a text, a picture, a sound."""

BRIDGES: Mapping[tuple[Kind, Kind], str] = {
    ("image", "text"): "image-to-text",
    ("audio", "text"): "automatic-speech-recognition",
    ("video", "text"): "video-to-text",
    ("text", "image"): "text-to-image",
    ("text", "audio"): "text-to-speech",
}
"""The task that turns what is there into what a step needs."""
