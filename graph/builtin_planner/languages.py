"""Requests in German, French, Spanish and Chinese, put into the English words that the cues know.

``in_english`` exchanges phrases from a small glossary; what stands in quotes, file names and words
that it does not know stay as they are. It covers plain requests ("beschreibe foto.jpg und lies es
vor"), not free talk: that takes an LLM.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

_NAMES = {
    "German": "english=englisch(?:e|en)?,french=französisch(?:e|en)?,german=deutsch(?:e|en)?,"
    "spanish=spanisch(?:e|en)?,italian=italienisch(?:e|en)?,chinese=chinesisch(?:e|en)?",
    "French": "english=anglais,french=français,german=allemand,spanish=espagnol,italian=italien,"
    "chinese=chinois",
    "Spanish": "english=inglés,french=francés,german=alemán,spanish=español,italian=italiano,"
    "chinese=chino",
    "Chinese": "english=英[文语],french=法[文语],german=德[文语],spanish=西班牙[文语],"
    "chinese=中文|汉语,japanese=日[文语]",
}
_OBJECTS = {
    "German": "car=autos?,dog=hunde?,cat=katzen?,person=personen|leute|menschen,object=objekte?"
    "|dinge|gegenstände,circle=kreise?,bird=vögel|vogel",
    "French": "car=voitures?,dog=chiens?,cat=chats?,person=personnes?|gens,object=objets?|choses"
    "|trucs,circle=cercles?,bird=oiseaux?",
    "Spanish": "car=coches?|carros?,dog=perros?,cat=gatos?,person=personas?|gente,object=objetos?"
    "|cosas,circle=círculos?,bird=pájaros?",
    "Chinese": "car=汽?车,dog=狗,cat=猫,person=人,object=东西|物体|物品,circle=圆形?,bird=鸟",
}
_F = r"([^.;?!,]*?)"
_PHRASES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "German": (
        (rf"fass(?:e|en sie)?\b{_F}\bzusammen\b", r"summarize \1"),
        (rf"lies(?: mir| uns)?\b{_F}\b(?:laut )?vor\b|lesen sie\b{_F}\bvor\b", r"read \1\2 aloud"),
        (rf"schreib(?:e)? (?:mit|auf),? was in {_F} gesagt wird", r"transcribe \1"),
        (r"transkribier(?:e|en sie)?|verschriftlich(?:e|en sie)?", "transcribe"),
        (r"was (?:ist|sieht man|siehst du)(?: hier)? (?:auf|in|im)\b", "what is in"),
        (r"\b(?:zu sehen|zu erkennen|gezeigt)\b", ""),
        (r"wie ?viele", "how many"),
        (r"zähl(?:e|en sie)?", "count"),
        (r"beschreib(?:e|en sie)?", "describe"),
        (r"übersetz(?:e|en sie)?", "translate"),
        (r"(?:male?|zeichne|erzeuge|erstelle)(?: mir)?", "draw"),
        (r"schreib(?:e)?(?: mir)?", "write"),
        (r"klassifizier(?:e|en sie)?", "classify"),
        (r"(?:erkenne|finde)", "find"),
        (r"(?:welche )?stimmung", "sentiment"),
        (r"beschreibung", "description"),
        (r"(?:übersetzung)", "translation"),
        (r"zusammenfassung", "summary"),
        (r"ins\b|auf (?=englisch|deutsch|franz|span|ital|chin)", "to"),
        (r"bild(?:e?s|er)?|fotos?", "picture"),
        (r"gedicht", "poem"),
        (r"geschichte", "story"),
        (r"\b(?:den|die|das|der|dem|des)\b", "the"),
        (r"\b(?:diese[mnrs]?)\b", "this"),
        (r"\b(?:eine[mnrs]?|ein)\b", "a"),
        (r"\bund\b", "and"),
        (r"\bdann\b|\bdanach\b", "then"),
        (r"\b(?:von|vom)\b", "of"),
        (r"\bauf\b|\bim\b", "in"),
        (r"\bsind\b", "are"),
        (r"\b(?:es|ihn|sie)\b", "it"),
        (r"\bbitte\b", "please"),
        (r"\büber\b", "about"),
    ),
    "French": (
        (rf"li(?:s|sez)(?:-(?:le|la|moi))?\b{_F}\bà (?:voix haute|haute voix)", r"read \1 aloud"),
        (r"combien (?:de |d')", "how many "),
        (r"\by a-t-il\b|\bil y a\b", "are there"),
        (r"qu(?:e |'est-ce que? |'est-ce qu')(?:voit-on|l'on voit|on voit|il y a)?", "what is "),
        (r"\bvoit-on\b", "is"),
        (r"décri(?:s|vez)", "describe"),
        (r"résume[rz]?", "summarize"),
        (r"tradui(?:s|sez|re)(?:-(?:le|la|les))?", "translate"),
        (r"transcri(?:s|vez|re)", "transcribe"),
        (r"compte[zr]?", "count"),
        (r"dessine[zr]?(?:-moi)?", "draw a picture of"),
        (r"écri(?:s|vez)(?:-moi)?", "write"),
        (r"class(?:e|ez|ifie)\b", "classify"),
        (r"trouve[zr]?", "find"),
        (r"résumé", "summary"),
        (r"traduction", "translation"),
        (r"\ben (?=anglais|français|allemand|espagnol|italien|chinois)", "to "),
        (r"(?:l')?image|photo(?:graphie)?", "picture"),
        (r"poème", "poem"),
        (r"histoire", "story"),
        (r"\bsentiment\b", "sentiment"),
        (r"\b(?:cette|cet|ce)\b", "this"),
        (r"\b(?:le|la|les)\b|\bl'", "the "),
        (r"\b(?:une|un)\b", "a"),
        (r"\bet\b", "and"),
        (r"\b(?:puis|ensuite)\b", "then"),
        (r"\b(?:sur|dans)\b", "in"),
        (r"\b(?:de|du|des)\b", "of"),
        (r"s'il (?:te|vous) plaît", "please"),
    ),
    "Spanish": (
        (rf"\blee\b{_F}\ben voz alta", r"read \1 aloud"),
        (r"\bqué (?:se ve|hay|ves) en\b", "what is in"),
        (r"cu[áa]nt[oa]s", "how many"),
        (r"\bhay\b", "are there"),
        (r"\bcuenta\b", "count"),
        (r"\bdescr[ií]be(?:lo|la)?\b", "describe"),
        (r"\bres[uú]me(?:lo|la)?\b", "summarize"),
        (r"trad[uú]ce(?:lo|la)\b", "translate it"),
        (r"trad[uú]ce", "translate"),
        (r"transcribe", "transcribe"),
        (r"\bdibuja(?:me)?\b", "draw a picture of"),
        (r"\bescribe\b", "write"),
        (r"\bclasifica\b", "classify"),
        (r"\b(?:encuentra|busca)\b", "find"),
        (r"resumen", "summary"),
        (r"traducción", "translation"),
        (r"descripción", "description"),
        (r"\bal (?=inglés|francés|alemán|español|italiano|chino)", "to "),
        (r"imagen|foto\b", "picture"),
        (r"poema", "poem"),
        (r"cuento|historia", "story"),
        (r"\best[ea]\b", "this"),
        (r"\b(?:el|la|los|las)\b", "the"),
        (r"\b(?:una|un)\b", "a"),
        (r"\by\b", "and"),
        (r"\b(?:luego|después)\b", "then"),
        (r"\ben\b", "in"),
        (r"\b(?:de|del)\b", "of"),
        (r"\bcon\b", "with"),
        (r"por favor", "please"),
    ),
    "Chinese": (
        (r"把\s*(\S+?)\s*(?:转|变|写)(?:换)?[成为]文[字本]", r" transcribe \1 "),
        (r"(?:朗读|念|读)(?:出来|一下)?", " read aloud "),
        (
            r"(\S*(?:这张|这幅)?(?:图片?|照片)|[\w./-]+)\s*[里上中]?面?\s*有什么",
            r" what is in the picture \1 ",
        ),
        (
            r"(?:数一?数|数)?\s*([\w./-]*)\s*[里上中]?(?:有|的)?(?:几|多少)[只个辆张]?",
            r" in \1 count ",
        ),
        (r"数一?数", " count "),
        (r"描述(?:一下)?", " describe "),
        (r"(?:总结|概括|摘要)(?:一下)?", " summarize "),
        (r"翻译[成为]", " translate it to "),
        (r"翻译", " translate "),
        (r"(?:画|生成)(?:一?[张幅只个])?", " draw a picture of "),
        (r"写(?:一?[首篇个])?", " write "),
        (r"分类", " classify "),
        (r"诗", " poem "),
        (r"故事", " story "),
        (r"情感|情绪", " sentiment "),
        (r"这张|这幅", " this "),
        (r"图片?|照片", " picture "),
        (r"[，,]?\s*(?:然后|接着|再)", " then "),
        (r"[和并]且?", " and "),
        (r"请", " "),
        (r"[？]", "?"),
        (r"[。]", ". "),
    ),
}  # fmt: skip
_KEPT = re.compile(
    r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)|“[^”]*”|«[^»]*»|「[^」]*」|„[^“”]*[“”]|https?://\S+"
    r"|(?<![A-Za-z0-9_])[A-Za-z0-9_./~-]+\.[A-Za-z0-9]{2,4}\b"
)


@cache
def _glossary(language: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    pairs = list(_PHRASES[language])
    edge = "" if language == "Chinese" else r"\b"
    for table, plural in ((_NAMES, ""), (_OBJECTS, "s")):
        for entry in table[language].split(","):
            english, _, foreign = entry.partition("=")
            pairs.append((rf"{edge}(?:{foreign}){edge}", f" {english}{plural} "))
    return tuple(
        (
            re.compile(rf"(?<!\w)(?:{source})(?!\w)" if edge and _worded(source) else source, re.I),
            to,
        )
        for source, to in pairs
    )


def _worded(source: str) -> bool:
    return not source.startswith((r"\b", "qu(", "combien")) and not source.endswith(" ")


def in_english(text: str, language: str) -> str:
    """The text with what the glossary knows of this language in English; empty for others."""
    if language not in _PHRASES:
        return ""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f" F{len(kept) - 1}F "

    text = _KEPT.sub(keep, text)
    for pattern, english in _glossary(language):
        text = pattern.sub(english, text)
    text = re.sub(r"F(\d+)F", lambda match: kept[int(match[1])], text)
    return " ".join(re.sub(r"[¿¡]", "", text).split())


def speaks(text: str) -> str:
    """The language whose verbs a text uses, empty where none is sure."""
    bare = _KEPT.sub(" ", text)
    if len(_ENGLISH.findall(bare)) > 2:
        return ""
    return next((name for name, verbs in _VERBS.items() if verbs.search(bare)), "")


_ENGLISH = re.compile(r"\b(?:the|is|of|and|this|what|please|with|you|me|my|i|it|to|in)\b", re.I)
_VERBS: Mapping[str, re.Pattern[str]] = {
    "German": re.compile(
        r"\b(?:beschreibe?|übersetze?|fasse?|zusammen|lies|zeichne|male mir|ein bild|zähle?"
        r"|transkribiere|wie ?viele|welche|bitte)\b", re.I,
    ),
    "French": re.compile(
        r"\b(?:décris|décrivez|résume|traduis|traduisez|transcris|transcrivez|dessine|combien"
        r"|lis-|compte les|en français|en anglais|s'il)\b", re.I,
    ),
    "Spanish": re.compile(
        r"\b(?:resume (?=\w+\.)|traduce|tradúce\w*|dibuja|cuántos|cuántas|cuenta|qué|el audio"
        r"|escribe|en voz alta|por favor)\b", re.I,
    ),
}  # fmt: skip
"""Words that a request in a language has and an English one has not."""
