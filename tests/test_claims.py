"""What an LLM says of results: true sentences stay, those with false numbers, labels, quotes go."""

from __future__ import annotations

import re
from typing import Any

from hugginggraph.graph import Fact, Grounding, unfounded
from hugginggraph.tools import as_text


def boxes(**counts: int) -> list[dict[str, Any]]:
    return [
        {"label": label, "score": 0.931 - n / 50, "box": {"xmin": 12, "ymin": 40, "xmax": 88.4}}
        for label, count in counts.items()
        for n in range(count)
    ]


def fact(kind: Any, value: Any, says: str, asked: str = "") -> Fact:
    return Fact(says.format(as_text(kind, value)), kind, value, asked)


FACTS = {
    "scene": fact("boxes", boxes(circle=3, square=2), "In scene.png I found {}."),
    "street": fact("boxes", boxes(car=4, dog=1, person=2), "In street.jpg I found {}."),
    "mood": fact(
        "labels",
        [{"label": "POSITIVE", "score": 0.9871}, {"label": "NEGATIVE", "score": 0.0129}],
        "“I loved it” reads as {}.",
    ),
    "topic": fact(
        "labels",
        [{"label": "sport", "score": 0.72}, {"label": "politics", "score": 0.28}],
        "“The match …” fits {} best.",
    ),
    "caption": fact("text", "two dogs play in the snow near 3 trees", "dogs.png shows {}."),
    "summary": fact(
        "text",
        "The council approved 1,250 new homes in 2024. Building begins in March.",
        "In short, news.txt says: {}",
    ),
    "people": fact(
        "labels",
        [
            {"label": "PER", "text": "Ada Lovelace", "score": 0.99},
            {"label": "LOC", "text": "London", "score": 0.97},
        ],
        "Found in letter.txt: {}.",
    ),
    "speech": fact("audio", {"seconds": 4.26, "sample_rate": 16000}, "It is read aloud: {}."),
    "near": fact("labels", [{"label": "A cat sleeps", "score": 0.614}], "It is nearest to {}."),
    "answer": fact(
        "text", "in the year 1969", "When was it? {}", "When did the 11th mission land?"
    ),
}
TRUE = [
    ("scene", "There are five objects in the picture."),
    ("scene", "The picture holds 3 circles and 2 squares, found with scores up to 0.93."),
    ("scene", "I found three circles and two squares, 5 shapes in all."),
    ("scene", "The surest circle has 93 %, the least sure about 89 %."),
    ("scene", "Two of the shapes are squares."),
    ("scene", "There are 2 kinds of shapes."),
    ("scene", "Its first circle lies at a box from x 12 to 88."),
    ("scene", "All of them were found with more than 85 % certainty."),
    ("scene", "There are no triangles in it."),
    ("scene", "1. Circles: 3"),
    ("scene", "Es sind fünf Formen zu sehen: drei Kreise und zwei Quadrate."),
    ("scene", "Il y a trois cercles et deux carrés."),
    ("scene", "Hay tres círculos y dos cuadrados, en total cinco objetos."),
    ("scene", "图中有三个圆形和两个正方形。"),
    ("scene", "The objects were found by hugginggraph/shapes-detector."),
    ("street", "The street shows 4 cars, 2 persons and a single dog."),
    ("street", "I count seven things: four cars, two people and one dog."),
    ("street", "Four vehicles are in the picture."),
    ("street", "Nur ein Hund ist dabei, aber vier Autos."),
    ("mood", "The review is positive (98.7 %)."),
    ("mood", "It is positive rather than negative."),
    ("mood", "The sentiment is clearly positive, with a score of 0.99."),
    ("mood", "There is only a 1 % chance that it is negative."),
    ("mood", "Der Text ist positiv, zu rund 99 %."),
    ("mood", "Le texte est positif à 98,7 %."),
    ("mood", "“I loved it” is a favourable remark."),
    ("topic", "The text is about sport (72 %)."),
    ("topic", "It is most likely about sport, less likely about politics (28 %)."),
    ("topic", "El texto trata de deporte con un 72 %."),
    ("caption", "The picture shows two dogs playing in the snow."),
    ("caption", "There are 2 dogs and 3 trees."),
    ("caption", "The caption is “two dogs play in the snow”."),
    ("caption", "On voit deux chiens qui jouent dans la neige."),
    ("caption", "照片里有两只狗在雪中玩耍。"),
    ("caption", "One of the dogs may be in front."),
    ("summary", "The council approved 1,250 new homes in 2024."),
    ("summary", "The summary has two sentences."),
    ("summary", "About 1,200 homes will be built."),
    ("summary", "It says that “Building begins in March”."),
    ("summary", "Der Rat hat 1.250 Wohnungen genehmigt."),
    ("summary", "Le conseil a approuvé 1250 logements en 2024."),
    ("summary", "The text says: 'The council approved … new homes'."),
    ("people", "It names a person, “Ada Lovelace”, and a place, London."),
    ("people", "Two names were found in the letter."),
    ("people", "London is a place (97 %)."),
    ("speech", "The speech lasts 4.3 seconds."),
    ("speech", "The sound is about 4 seconds long, at 16,000 Hz."),
    ("speech", "Die Aufnahme dauert etwa 4 Sekunden."),
    ("near", "“A cat sleeps” is nearest, with 0.61."),
    ("near", "The similarity is 61 %."),
    ("answer", "It was in 1969."),
    ("answer", "Mission 11 landed in 1969."),
    ("answer", "C'était en 1969."),
]
FALSE = [
    ("scene", "There are seven objects in the picture."),
    ("scene", "There are 2 circles and 3 squares."),
    ("scene", "The picture shows 3 dogs."),
    ("scene", "I found three circles and 4 squares."),
    ("scene", "There are no circles in it."),
    ("scene", "It is 71 % sure."),
    ("scene", "Es sind sieben Formen."),
    ("scene", "Il y a quatre cercles."),
    ("scene", "图中有八个圆形。"),
    ("street", "There are two dogs."),
    ("street", "The street has 9 cars."),
    ("street", "I count four persons."),
    ("mood", "The review is negative."),
    ("mood", "The score is 0.55."),
    ("mood", "The text says “I hated it”."),
    ("topic", "The text is about politics."),
    ("topic", "It is sport with 91 %."),
    ("caption", "There are 6 dogs."),
    ("caption", "The caption is “a cat on a sofa”."),
    ("summary", "The council approved 2,500 new homes."),
    ("summary", "It happened in 1998."),
    ("summary", "It says “building was cancelled”."),
    ("people", "It names “Charles Babbage”."),
    ("people", "Nine names were found."),
    ("speech", "The speech lasts 12 seconds."),
    ("near", "The similarity is 0.93."),
    ("answer", "It was in 1972."),
    ("answer", "Cela s'est passé en 1954."),
]


HELD_TRUE = [
    ("scene", "This drawing contains three circular shapes along with two squares."),
    ("scene", "Five things were detected, most of them circles."),
    ("scene", "The best score is 0.931 and the lowest 0.89."),
    ("scene", "Die Zeichnung enthält 5 Objekte."),
    ("street", "There is one dog next to four cars."),
    ("street", "Hay siete objetos en la calle."),
    ("mood", "The customer is happy: positive, 98.71 %."),
    ("mood", "Le sentiment est positif (99 %)."),
    ("topic", "Sport wins with 0.72 against 0.28 for politics."),
    ("topic", "Es geht um Sport."),
    ("caption", "Both dogs are in the snow, close to three trees."),
    ("caption", "It was described as 'two dogs play in the snow near 3 trees'."),
    ("summary", "More than 1,000 homes were approved, and building starts in March."),
    ("summary", "Le résumé compte deux phrases."),
    ("people", "Ada Lovelace is a person with a score of 0.99."),
    ("people", "Es wurden 2 Namen gefunden."),
    ("speech", "You can listen to it for just over four seconds."),
    ("near", "The nearest sentence is 'A cat sleeps'."),
    ("answer", "The eleventh mission was in 1969."),
    ("answer", "在1969年。"),
]
HELD_FALSE = [
    ("scene", "Eight things were detected."),
    ("scene", "There are four squares in this drawing."),
    ("scene", "Die Zeichnung enthält 9 Objekte."),
    ("street", "Six cars are parked there."),
    ("street", "There is no dog."),
    ("mood", "The customer is unhappy: negative, 98.71 %."),
    ("topic", "The model says politics."),
    ("caption", "It was described as 'three cats in a garden'."),
    ("summary", "Construction begins in 2031."),
    ("people", "The letter names “Isaac Newton”."),
    ("speech", "It takes 40 seconds to listen to it."),
    ("near", "The score is 0.9."),
    ("answer", "Das war 1971."),
]
"""Written after the rules and measured once: 1 of 20 true ones lost, 0 of 13 false ones missed."""

_FOREIGN = ("Es ", "Die ", "Nur ", "Der ", "Das ", "Il ", "On ", "Le ", "C'", "Cela", "Hay", "El ")
_NAMES = ("German",) * 5 + ("French",) * 5 + ("Spanish",) * 2


def language(text: str) -> str:
    """The language of a row, as the graph knows it from the request."""
    if re.search("[\u4e00-\u9fff]", text):
        return "Chinese"
    return next((n for w, n in zip(_FOREIGN, _NAMES, strict=True) if text.startswith(w)), "English")


def test_true_sentences_stay() -> None:
    rows = [*TRUE, *HELD_TRUE]
    gone = [text for name, text in rows if unfounded(text, [FACTS[name]], language(text))]
    assert len(gone) / len(rows) <= 0.05, gone


def test_false_sentences_are_noticed() -> None:
    rows = [*FALSE, *HELD_FALSE]
    kept = [text for name, text in rows if not unfounded(text, [FACTS[name]], language(text))]
    assert len(kept) / len(rows) <= 0.1, kept


def told(*pieces: str) -> tuple[str, Grounding]:
    facts = {0: FACTS["caption"], 1: FACTS["scene"], 2: FACTS["mood"]}
    instead = {number: f"Plainly: {number}." for number in facts}
    grounding = Grounding(facts, [], instead=instead)
    return "".join(map(grounding.take, pieces)) + grounding.finish(), grounding


def test_a_false_sentence_is_left_out_and_the_task_is_told_plainly() -> None:
    out, grounding = told("There are two dogs [0]. There are ", "nine circles [1]. ", "Bye.")
    assert out == "There are two dogs [0]. \nPlainly: 1 [1]."
    assert grounding.left_out == [("There are nine circles.", ["nine circles", "nine"])]


def test_a_task_with_a_true_sentence_beside_the_false_one_is_not_told_again() -> None:
    out, grounding = told("There are 9 circles [1]. There are 3 circles [1].")
    assert out == "There are 3 circles [1]." and len(grounding.left_out) == 1


def test_a_sentence_under_the_wrong_mark_gets_the_right_one() -> None:
    out, grounding = told("There are three circles and two squares [2]. It is positive [2].")
    assert out == "There are three circles and two squares [1]. It is positive [2]."
    assert not grounding.left_out
