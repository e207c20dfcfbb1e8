"""Runners that listen: speech to text, classes of sounds, where someone speaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from hugginggraph.registry import ModelLoadError, ModelRunError

from .hearing import hear, looks_at_no_filling
from .loading import greedy, load_config, load_feature_extractor, load_model, load_tokenizer
from .media import encode_png
from .runner import Batched, Checkpoint, Media, Output, Run
from .sound import SILENT, Recording, draw_waveform
from .values import Label
from .vision import TOP, best_labels

if TYPE_CHECKING:
    from .sound import Samples

Window: TypeAlias = "tuple[Samples, float, float]"
"""Samples, and the shares of them at their start and at their end that others cover too."""

FRAME_WINDOW, FRAME_OVERLAP = 20.0, 3.0
"""Seconds that a frame-by-frame model hears at once, and what it hears twice on each side."""
SPEECH_WINDOW, SPEECH_OVERLAP = 28.0, 2.0
"""The same for models that write whole sentences; Whisper hears 30 s."""
SHORTEST = 0.5
"""Seconds; shorter sounds are padded with silence, as convolutions need some length."""
TOKENS_A_SECOND = 24
WINDOWS_AT_ONCE = 8
"""Windows in one batch: those of a long sound, and those of several calls."""
CLASS_WINDOW, MOST_WINDOWS = 10.0, 30
HYPOTHESIS = "This is a sound of {}."
SPEECH, SHORTEST_SPEECH, SHORTEST_PAUSE = 0.5, 0.1, 0.25
"""The score from which a frame is speech, and the seconds below which segments and pauses are
taken for flicker."""
NOT_SPEECH = (
    "non-speech",
    "nonspeech",
    "non_speech",
    "no speech",
    "silence",
    "noise",
    "background",
)


def windows(samples: Samples, rate: int, seconds: float, overlap: float) -> Iterator[Window]:
    """Overlapping pieces, each with the share at its start and at its end that others cover too."""
    import numpy as np

    size, lap = int(seconds * rate), int(overlap * rate)
    shortest = int(SHORTEST * rate)
    if len(samples) < shortest:
        samples = np.pad(samples, (0, shortest - len(samples)))
    start = 0
    while True:
        piece = samples[start : start + size]
        last = start + size >= len(samples)
        yield piece, lap / len(piece) if start else 0.0, 0.0 if last else lap / len(piece)
        if last:
            return
        start += size - 2 * lap


def _logits(extractor: Any, model: Any, samples: Samples) -> Any:
    """The model's first sequence of logits for samples at the extractor's rate."""
    inputs = extractor(samples, sampling_rate=extractor.sampling_rate, return_tensors="pt")
    return model(**inputs.to(model.device, model.dtype)).logits[0].float()


def _frame_logits(
    checkpoint: Checkpoint, extractor: Any, model: Any, recordings: Sequence[Recording]
) -> list[Any]:
    """Logits (frames, labels) of each whole sound, heard in overlapping windows."""
    import torch

    def logits(inputs: Any, _: list[int]) -> list[Any]:
        rows = list(model(**inputs).logits.float())
        if not looks_at_no_filling(model, inputs):
            return rows
        counts = model._get_feat_extract_output_lengths(inputs["attention_mask"].sum(-1))
        return [row[: int(count)] for row, count in zip(rows, counts, strict=True)]

    rate = extractor.sampling_rate
    kept: list[list[Any]] = [[] for _ in recordings]
    for lot in _lots(recordings, rate, FRAME_WINDOW, FRAME_OVERLAP):
        heard = hear(extractor, model, [piece for _, (piece, _, _) in lot], logits)
        for (place, (_, before, after)), row in zip(lot, heard, strict=True):
            kept[place].append(row[round(len(row) * before) : len(row) - round(len(row) * after)])
    whole = [torch.cat(rows) for rows in kept]
    if not all(each.isfinite().all() for each in whole):
        raise ModelRunError(f"The model '{checkpoint.card.id}' gave scores that are no numbers.")
    return whole


def _lots(
    recordings: Sequence[Recording], rate: int, seconds: float, overlap: float
) -> Iterator[list[tuple[int, Window]]]:
    """The windows of all recordings in order, each with its recording's place, in lots."""
    every = (
        (place, window)
        for place, recording in enumerate(recordings)
        for window in windows(recording.waveform(rate), rate, seconds, overlap)
    )
    while lot := list(islice(every, WINDOWS_AT_ONCE)):
        yield lot


def automatic_speech_recognition(checkpoint: Checkpoint) -> Run:
    """What is said, as text; a long sound is heard in overlapping windows.

    Models that spell frame by frame (CTC: Wav2Vec2, HuBERT) and models that write (Whisper,
    Speech2Text, Moonshine). Windows of silence are skipped: writers invent words there.
    """
    kind = type(load_config(checkpoint))
    from transformers import MODEL_FOR_CTC_MAPPING, MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING

    if kind in MODEL_FOR_CTC_MAPPING:
        return _spelled(checkpoint)
    if kind in MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING:
        return _written(checkpoint)
    raise ModelLoadError(
        f"The model '{checkpoint.card.id}' ({kind.model_type}) does not recognise speech.",
        "Choose a Whisper, Wav2Vec2 or HuBERT model that does.",
    )


def _spelled(checkpoint: Checkpoint) -> Run:
    model = load_model(checkpoint, "AutoModelForCTC")
    extractor = load_feature_extractor(checkpoint)
    tokenizer = load_tokenizer(checkpoint)

    kept = {tokenizer.pad_token_id, getattr(tokenizer, "word_delimiter_token_id", None)}
    marks = {*tokenizer.all_special_ids} - kept

    def spelled(logits: Any) -> str:
        # the blank (the padding) must stay until letters are merged: it parts the two of "ee"
        best = [int(token) for token in logits.argmax(-1)]
        return str(tokenizer.decode([token for token in best if token not in marks])).strip()

    def batch(calls: Sequence[Mapping[str, Any]]) -> list[Output]:
        sounds = [args["audio"] for args in calls]
        texts = [spelled(each) for each in _frame_logits(checkpoint, extractor, model, sounds)]
        return [Output(text.capitalize() if text.isupper() else text) for text in texts]

    return Batched(batch)


def _written(checkpoint: Checkpoint) -> Run:
    import numpy as np

    model = load_model(checkpoint, "AutoModelForSpeechSeq2Seq")
    extractor = load_feature_extractor(checkpoint)
    tokenizer = load_tokenizer(checkpoint)
    rate = extractor.sampling_rate
    config = model.config.get_text_config(decoder=True)
    places = (
        getattr(config, name, None) for name in ("max_target_positions", "max_position_embeddings")
    )
    limit = next((each for each in places if each), 512)

    def write(pieces: Sequence[Samples]) -> list[str]:
        most = [min(limit * 15 // 16, 16 + int(TOKENS_A_SECOND * len(p) / rate)) for p in pieces]

        def texts(inputs: Any, places: list[int]) -> list[str]:
            each = [most[place] for place in places]
            tokens = model.generate(
                **inputs,
                generation_config=greedy(model, max_new_tokens=max(each)),
                stopping_criteria=[_Ends(each)],
            )
            return [str(tokenizer.decode(row, skip_special_tokens=True)).strip() for row in tokens]

        return hear(extractor, model, pieces, texts)

    def batch(calls: Sequence[Mapping[str, Any]]) -> list[Output]:
        found = [""] * len(calls)
        sounds = [args["audio"] for args in calls]
        for lot in _lots(sounds, rate, SPEECH_WINDOW, SPEECH_OVERLAP):
            said = [(at, w[0]) for at, w in lot if float(np.abs(w[0]).max()) >= SILENT]
            texts = write([piece for _, piece in said])
            for (place, _), text in zip(said, texts, strict=True):
                found[place] = joined(found[place], text)
        return [Output(text) for text in found]

    return Batched(batch)


class _Ends:
    """A stopping criterion that ends each row of a batch at its own number of new tokens."""

    def __init__(self, most: Sequence[int]) -> None:
        self.most = most
        self.done = 0

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        self.done += 1
        ended = torch.tensor([self.done >= most for most in self.most], device=input_ids.device)
        return ended.repeat_interleave(len(input_ids) // len(self.most))  # beams beside each other


def joined(before: str, after: str) -> str:
    """Two texts whose ends may say the same words, as one; without such words simply both."""
    left, right = before.split(), after.split()
    plain = [[word.strip(".,;:!?…\"'").lower() for word in words] for words in (left, right)]
    best, share = 0, 0.0
    for count in range(1, min(len(left), len(right), 24) + 1):
        pairs = zip(plain[0][-count:], plain[1][:count], strict=True)
        same = sum(a == b for a, b in pairs)
        if same > 1 and same / count >= max(share, 0.6):
            best, share = count, same / count
    half = best // 2  # words near the end of a window are heard worst
    return " ".join([*left[: len(left) - (best - half)], *right[half:]])


def _classes(checkpoint: Checkpoint, score: Callable[[Samples], Any], rate: int) -> Any:
    """A function from a recording to the mean of what its windows of ten seconds score."""
    import torch

    def mean(recording: Recording) -> Any:
        pieces = [p for p, _, _ in windows(recording.waveform(rate), rate, CLASS_WINDOW, 0.0)]
        if len(pieces) > 1 and len(pieces[-1]) < CLASS_WINDOW * rate / 4:
            pieces.pop()
        step = max(1, -(-len(pieces) // MOST_WINDOWS))
        logits = torch.stack([score(piece) for piece in pieces[::step]]).mean(0)
        if not logits.isfinite().all():
            raise ModelRunError(
                f"The model '{checkpoint.card.id}' gave scores that are no numbers."
            )
        return logits

    return mean


def audio_classification(checkpoint: Checkpoint) -> Run:
    """The five best classes for a sound: the mean over windows of ten seconds."""
    extractor = load_feature_extractor(checkpoint)
    model = load_model(checkpoint, "AutoModelForAudioClassification")
    mean = _classes(
        checkpoint, lambda piece: _logits(extractor, model, piece), extractor.sampling_rate
    )

    def run(args: Mapping[str, Any]) -> Output:
        return Output(best_labels(model.config, mean(args["audio"]), TOP))

    return run


def zero_shot_audio_classification(checkpoint: Checkpoint) -> Run:
    """The labels by how near the sound is to "This is a sound of …"; scores add up to 1."""
    import torch

    extractor = load_feature_extractor(checkpoint)
    tokenizer = load_tokenizer(checkpoint)
    model = load_model(checkpoint, "ClapModel")
    rate = extractor.sampling_rate

    def run(args: Mapping[str, Any]) -> Output:
        labels = list(dict.fromkeys(args["candidate_labels"]))
        words = tokenizer(
            [HYPOTHESIS.format(label) for label in labels],
            padding=True,
            truncation=True,
            return_tensors="pt",
        ).to(model.device)

        def score(piece: Samples) -> Any:
            heard = extractor(piece, sampling_rate=rate, return_tensors="pt")
            return model(**words, **heard.to(model.device)).logits_per_audio[0].float()

        scores = _classes(checkpoint, score, rate)(args["audio"]).softmax(0)
        best = torch.argsort(scores, descending=True).tolist()
        return Output([{"label": labels[i], "score": float(scores[i])} for i in best])

    return run


def voice_activity_detection(checkpoint: Checkpoint) -> Run:
    """The segments in which someone speaks, in order, with seconds; and a picture of them.

    A model of several speakers (diarization) says speech where any of them speaks.
    """
    extractor = load_feature_extractor(checkpoint)
    model = load_model(checkpoint, "AutoModelForAudioFrameClassification")
    names = [str(model.config.id2label[i]).lower() for i in range(model.config.num_labels)]
    silent = [i for i, name in enumerate(names) if name in NOT_SPEECH]
    spoken = [i for i, name in enumerate(names) if "speech" in name and i not in silent]

    def speech(logits: Any) -> Any:
        if silent:
            return 1 - logits.softmax(-1)[:, silent].sum(-1)
        chosen = spoken or list(range(len(names)))
        return logits.sigmoid()[:, chosen].amax(-1)

    def run(args: Mapping[str, Any]) -> Output:
        recording: Recording = args["audio"]
        scores = speech(_frame_logits(checkpoint, extractor, model, [recording])[0]).tolist()
        return segments_output(recording, segments(scores, recording.seconds))

    return run


def segments_output(recording: Recording, labels: list[Label]) -> Output:
    """The result of a search for speech: the segments, and the waveform with them marked."""
    spans = [(each["start"], each["end"]) for each in labels]
    picture = draw_waveform(recording.samples, recording.sample_rate, spans)
    return Output(labels, (Media("image", encode_png(picture), ".png"),))


def segments(scores: list[float], seconds: float) -> list[Label]:
    """Runs of frames that are speech, in order; flicker is taken out."""
    frame = max(seconds, SHORTEST) / len(scores)
    runs: list[list[int]] = []
    for i, score in enumerate(scores):
        if score < SPEECH:
            continue
        if runs and (i - runs[-1][1]) * frame < SHORTEST_PAUSE:
            runs[-1][1] = i + 1
        else:
            runs.append([i, i + 1])
    found: list[Label] = []
    for first, end in runs:
        begins, ends = round(first * frame, 2), round(min(end * frame, seconds), 2)
        if ends - begins >= SHORTEST_SPEECH:
            mean = sum(scores[first:end]) / (end - first)
            text = f"{begins:.1f}–{ends:.1f} s"
            found.append(
                {"label": "speech", "score": mean, "text": text, "start": begins, "end": ends}
            )
    return found
