"""Rows of the table: sound in, sound out."""

from __future__ import annotations

from .slots import AUDIO, LABELS, PROMPT, TEXT
from .tasks import TaskType

ROWS: tuple[TaskType, ...] = (
    TaskType(
        "text-to-speech",
        "read a text aloud: a sound file with a voice that says it",
        (TEXT,),
        "audio",
        {"transformers": "hugginggraph.tools.audio_making:text_to_speech"},
        says="{text} is read aloud: {value}.",
        noun="speech",
        remote="hugginggraph.tools.remote:text_to_speech",
    ),
    TaskType(
        "text-to-audio",
        "make music or a sound as described in words",
        (PROMPT,),
        "audio",
        {
            "transformers": "hugginggraph.tools.audio_making:text_to_audio",
            "diffusers": "hugginggraph.tools.audio_diffusion:text_to_audio",
        },
        says="{text} became {value}.",
        noun="sound",
        converts=False,
    ),
    TaskType(
        "automatic-speech-recognition",
        "write down what is said in a recording (speech to text)",
        (AUDIO,),
        "text",
        {"transformers": "hugginggraph.tools.audio:automatic_speech_recognition"},
        says="In {audio} someone says: {value}",
        noun="transcript",
        remote="hugginggraph.tools.remote:automatic_speech_recognition",
    ),
    TaskType(
        "audio-classification",
        "say what kind of sound a recording is: the emotion, language or command of a voice, "
        "the kind of music, an event",
        (AUDIO,),
        "labels",
        {"transformers": "hugginggraph.tools.audio:audio_classification"},
        says="{audio} sounds most like {best}, before {rest}.",
        noun="class",
        remote="hugginggraph.tools.remote:audio_classification",
    ),
    TaskType(
        "zero-shot-audio-classification",
        "say which of the labels given in the request fits a recording best",
        (AUDIO, LABELS),
        "labels",
        {"transformers": "hugginggraph.tools.audio:zero_shot_audio_classification"},
        says="{audio} fits {best} best, before {rest}.",
        noun="label",
    ),
    TaskType(
        "voice-activity-detection",
        "find when someone speaks in a recording, with the seconds",
        (AUDIO,),
        "labels",
        {
            "transformers": "hugginggraph.tools.audio:voice_activity_detection",
            "scipy": "hugginggraph.tools.voice_activity:by_loudness",
        },
        says="Speech in {audio}: {value}.",
        says_of={0: "Nobody speaks in {audio}."},
        noun="speech segments",
    ),
    TaskType(
        "audio-to-audio",
        "change a recording: say the same words in another voice, or take the noise out",
        (AUDIO,),
        "audio",
        {
            "transformers": "hugginggraph.tools.audio_making:audio_to_audio",
            "diffusers": "hugginggraph.tools.denoise:noise_reduction",
        },
        says="{audio} became {value}.",
        noun="new recording",
        remote="hugginggraph.tools.remote:audio_to_audio",
    ),
)
