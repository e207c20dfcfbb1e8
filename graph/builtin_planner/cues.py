"""The words by which people ask for each task, as rows: task or family, weight, pattern.

A family (``FAMILIES`` in ``rows.py``) is settled later by the kind of thing that is meant. Of
matches that overlap, the heavier wins. ``inner`` marks a phrase that names a result inside another
request ("read *the caption of a.png* aloud"): its step comes first. In patterns, IMG, TXT, AUD, VID
stand for the nouns of a kind (and for its mentions), GAP for up to forty characters of the same
sentence, UP for up to four words that start no new phrase, MAKE for verbs of making, GET for verbs
of finding out, OF for what may come before a noun.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial


def words(text: str) -> tuple[str, ...]:
    """The words of a table row."""
    return tuple(text.split())


NOUNS: Mapping[str, str] = {
    "image": r"image|picture|photo|photograph|pic|drawing|scene|painting|screenshot|snapshot|img",
    "audio": r"audio|recording|voice message|podcast|speech|song|sound|voice memo|voice note",
    "video": r"video|movie|film|footage|clip",
    "table": r"table|spreadsheet|csv",
    "text": r"text|article|document|paragraph|sentence|passage|review|message|note|e-?mail|headline"
    r"|statement|comment|tweet|story|report|essay|letter|phrase|post|abstract|speech|title|chapter",
}
"""The nouns by which people mean a thing of each kind."""


@dataclass(frozen=True)
class Cue:
    """One way to ask for a task: ``task`` is a task type or a family."""

    task: str
    weight: float
    pattern: re.Pattern[str]
    inner: bool = False


@dataclass(frozen=True)
class Match:
    """A cue found in a clause, at (start, end)."""

    cue: Cue
    start: int
    end: int

    @property
    def task(self) -> str:
        """The task or family asked for."""
        return self.cue.task


_TOKENS: Mapping[str, str] = {
    "GAP": r"[^.;!?\n]{0,40}?",
    "UP": r"(?:\s+(?!(?:of|in|on|from|for|that|the|this|my|it|to|and|what|which|how|where|who"
    r"|whether|if)\b)[\w'-]+){0,4}?",
    "OF": r"(?:(?:the|this|that|these|those|my|an?|each|every|all|any|following|attached|given"
    r"|above)\s+)*",
    "IMG": rf"(?:(?:{NOUNS['image']})s?\b|«image\d+»)",
    "TXT": rf"(?:(?:{NOUNS['text']})s?\b|«(?:text|question)\d+»)",
    "AUD": rf"(?:(?:{NOUNS['audio']})s?\b|«audio\d+»)",
    "VID": rf"(?:(?:{NOUNS['video']})s?\b|«video\d+»)",
    "MAKE": r"(?:generat(?:e|ed|ing)|creat(?:e|ed|ing)|mak(?:e|ing)|produc(?:e|ed|ing)"
    r"|provid(?:e|ed|ing)|giv(?:e|ing)|get|need|want|design|receive|come up with|show)",
    "GET": r"(?:identif(?:y|ying)|find(?:ing)?(?: out)?|locat(?:e|ing)|list(?:ing)?|name|spot|know"
    r"|recogni[sz](?:e|ing)|determin(?:e|ing)|detect(?:ing)?|tell me|extract(?:ing)?|give me|get"
    r"|see|pick out|point out|mark|highlight|show(?: me)?|provide|label|analy[sz](?:e|ing))",
    "THINGS": r"(?:objects?|items?|things|shapes?|elements|animals?|faces?|cars?|vehicles?|circles?"
    r"|squares?|triangles?|digits?|cats?|dogs?|birds?|fruits?|bottles?|chairs?)\b",
}

LANGUAGES = words(
    "english french german spanish italian portuguese dutch russian chinese mandarin japanese "
    "korean arabic hindi turkish polish swedish danish norwegian finnish czech greek hebrew "
    "romanian hungarian ukrainian vietnamese thai indonesian latin catalan bengali urdu "
    "persian swahili"
)
_LANG = r"(?:" + "|".join(LANGUAGES) + r")\b"

# fmt: off
_ROWS: tuple[tuple[str, float, str], ...] = (
    # pictures
    ("describe", 0.95, r"\bdescribe\b(?! (?:as|that|by)\b)|\bdescribing (?=OF(?:IMG|scene))"),
    ("image-to-text", 0.9, r"\b(?:explain|tell me about|look at|give me an idea of)"
     r" (?:OF)?IMG(?!\W+and\b)"),
    ("+image-to-text", 0.93, r"\b(?:captions?|(?:\w+ )?descriptions?) (?:of|for|about) (?:what"
     r" is in )?OF(?:\w+ ){0,3}?IMG"),
    ("image-to-text", 0.95, r"\bcaption\b|\bcaptioning\b"),
    ("image-to-text", 0.9, r"\b(?:MAKE|write|add)UP\s+captions?\b"),
    ("image-to-text", 0.95, r"\b(?:extract|read|recogni[sz]e|get|transcribe|convert|copy|pull"
     r"|detect|find|turn)(?:ing|ed)?\b(?:(?!«text)GAP)\b(?:text|words|quote|writing|letters"
     r"|numbers|handwriting)\b(?! (?:of|from) (?:the )?(?:audio|speech))GAP(?:from|in|on|of|out"
     r" of|inside|within)\s+OF(?:\w+ )?(?:IMG|it\b|sign|scan|page)"),
    ("image-to-text", 0.85, r"\b(?:extract|read)(?:ing)? OF(?:textual |written |printed"
     r" )?(?:text|words|writing)\b(?! aloud| out)"),
    ("+image-to-text", 0.85, r"\b(?:text|words) (?:present |written |contained |shown |visible"
     r" )?(?:in|on) OF(?:\w+ )?(?:IMG|it\b)"),
    ("image-to-text", 0.95, r"\bocr\b|optical character recognition"),
    ("image-to-text", 0.9, r"\bwhat is (?:written|printed)\b|\bwhat (?:does|do) OF(?:IMG"
     r"|sign|poster|label|page) says?\b"),
    ("image-to-text", 0.9, r"\bconvert OF(?:quote|text|words)GAP(?:in)?to text\b"),
    ("+image-to-text", 0.93, r"\bwhat(?:'?s| is| are| can (?:you|i|we) see| (?:do )?you see| can"
     r" be seen| i see| there is| happens)(?: (?:here|there|shown|depicted|visible|going on"
     r"|happening|displayed|to be seen))?(?: (?:in|on|at|inside) OF(?:\w+ )?IMG| on (?:it"
     r"|them)\b|(?: in)? (?:the )?background)"),
    ("+image-to-text", 0.92, r"\bwhat (?:does |do )?OFIMG (?:shows?|depicts?|is about"
     r"|contains?)\b|\bwhat is (?:this|that|it) (?:an? )?IMG of\b"),
    ("image-to-text", 0.75, r"\bwhat (?:do|can) you see\b|\bwhat is (?:this|that|it)\s*\??$"
     r"|\bwhat's (?:this|that|in it)\b|\bwhat is (?:in|on) it\b"),
    ("image-to-text", 0.85, r"\bMAKEUP\s+(?:textual |text |detailed |short |written |verbal"
     r" )*descriptions?GAP\bOF(?:\w+ )?IMG"),
    ("object-detection", 0.95, r"\bobject detection\b|\bbounding box(?:es)?\b|\bboxes (?:around"
     r"|on|for)\b|\bobjects? detector\b"),
    ("object-detection", 0.95, r"\bdetect(?:ing|ion of)?\b(?!GAP\b(?:language|emotion|sentiment"
     r"|toxic|spam|edges?|entit|names|text|command|mood|noise|tone|speech))(?: and"
     r" label)?(?:GAPTHINGS)?"),
    ("object-detection", 0.93, r"\b(?:GET|categori[sz]e)(?: and \w+)?(?:\s+(?:me|all|any|some|of"
     r"|out|where|the|these|his|its))*\s+(?:specific |various |different |key |main |visible "
     r"|individual )*THINGS(?! attribute)"),
    ("object-detection", 0.93, r"\b(?:highlights?|analysis of) (?:the )?(?:key |main )?objects\b"),
    ("count", 0.93, r"\b(?:is|are) there (?:an?|any)\b|\bcount(?:ing)?\b(?! (?:the )?(?:words"
     r"|characters|on))(?: up)?(?: (?:the |all |of )*\w+)?|\bhow many\b(?! (?:words|sentences"
     r"|characters|letters))|\bnumber of THINGS"),
    ("object-detection", 0.85, r"\bwhere (?:is|are) (?:they|it)\b|\bwhere (?:is|are) GAP(?:in"
     r"|on) OFIMG|\b(?:what|which)"
     r" objects?\b"),
    ("+object-detection", 0.5, r"\bobjects (?:(?:that are )?(?:present|visible|found|shown)"
     r" )?(?:in|on) OF(?:\w+ )?(?:IMG|it\b)"),
    ("people", 0.9, r"\b(?:GET(?:(?! out\b)GAP)|which|what)\s+(?:people|persons?)\b"),
    ("classify", 0.93, r"\b(?:image|picture|audio|sound|video|tabular|table|speech|photo)"
     r" classification\b|\bclassif(?:y|ying)\b|\bcategori[sz](?:e|ing)\b"),
    ("classify", 0.9, r"\b(?:what|which) (?:kind|type|sort|class|category|genre|categories"
     r"|label)\b(?: of(?: \w+)?)?"),
    ("classify", 0.9, r"\b(?:GET|in|return|provide|know"
     r"|need)\b(?:(?!\bquestion)GAP)\b(?:categor(?:y|ies)|class(?:es)?|classification|class or"
     r" label|type)\b(?! of entit)(?! \w*result)"),
    ("image-classification", 0.85, r"\b(?:identify|name|recogni[sz]e|determine|know|find|what is"
     r"|what's|tell me)\b GAP(?:main|primary|central) (?:subject|object|thing)\b"),
    ("image-segmentation", 0.96, r"\bsegment(?:ation|ing)?\b|\b(?:MAKE|an?)UP\s+segmented IMG"
     r"|\bdivide GAP(?:segments|regions)\b|\bsegmentation masks?\b|\bmask (?:of|for|out)\b|\bcut"
     r" out\b"),
    ("depth-estimation", 0.96, r"\bdepth[- ](?:estimation|map|estimated|information|image"
     r"|picture|of)\b(?: IMG)?|\bestimat(?:e|ing|ion of)GAP\bdepths?\b|\bdepths?\b|\bhow far\b"),
    ("canny-control", 0.97, r"(?:\b(?:MAKE|draw|find|detect|show|extract|compute"
     r"|trace)\b[^.;!?\n]{0,25}?)?(?:\bcanny\b(?: edge)?|\bedges?\b)(?:[ -](?:map|detection"
     r"|detector|drawing))?(?: (?:IMG))?"),
    ("canny-control", 0.9, r"\b(?:draw|trace|show|MAKE|find|extract)UP\s+(?:the )?(?:outlines?"
     r"|contours?)\b|\bline drawing\b|\b(?:outlines?|contours?) of\b"),
    ("hed-control", 0.98, r"\bhed\b(?: IMG)?|\bsoft edges?\b"),
    ("openpose-control", 0.95, r"\b(?:open ?)?poses? (?:estimation|map|skeleton|of|from|in|IMG)"
     r"|\bopenpose\b|\bskeletons?\b|\bbody key ?points\b|\bstick figures? of\b"),
    ("image-to-image", 0.93, r"\b(?:edit|modify|alter|retouch|manipulate|recolou?r|stylize"
     r"|brighten|blur|crop|upscale|colori[sz]e|repaint)(?:ing)?\b(?! OF(?:text|audio|summary)\b)"
     r"|\b(?:IMG|it) (?:(?:that )?(?:i )?(?:want|need)s? )?(?:to )?be (?:edited|modified|changed"
     r"|transformed|altered)\b"),
    ("image-to-image", 0.9, r"\b(?:change|changing|replace|replacing|swap|modifying)\b"
     r" GAP\b(?:colou?rs?|background|sky|style|IMG|objects?|attributes?|car|hair|shirt|season"
     r"|weather|tone)"),
    ("image-to-image", 0.9, r"\b(?:remove|removing|add|adding|erase|insert"
     r"|put)\b(?!GAP\b(?:noise|noises|audio|speech|sentence|word|caption|text)\b)GAP\b(?:(?:to"
     r"|from|in|into|on|onto|of) OF(?:\w+ )?(?:IMG|background|it\b)|background)"),
    ("image-to-image", 0.88, r"\b(?:transform|convert|turn|chang|mak)(?:e|ing)?\b OF(?:\w+"
     r" ){0,2}?(?:IMG|it\b|object\b)(?! of\b)(?:GAP)\b(?:into|to (?:a|an|have|match|look)"
     r"|look(?:s)? like|have|brighter|darker|black and white|colou?rful|style)(?! (?:text|speech"
     r"|audio|words|embedding|vector|video))"),
    ("image-to-image", 0.9, r"\b(?:mak(?:e|ing)|turn|paint|colou?r) GAP\b(?:red|blue|green"
     r"|yellow|white|black|pink"
     r"|purple|orange|gr[ae]y|brighter|darker|sharper|black and white)\b"),
    ("image-to-image", 0.88, r"\bin the style of\b|\bstyle transfer\b|\b(?:sketch|cartoon"
     r"|anime)[- ]style\b|\bimage[- ]to[- ]image\b|\bsuper[- ]?resolution\b|\bapply\b"
     r" GAP\b(?:style|filter)\b"),
    ("image-to-image", 0.9, r"\b(?:styli[sz]ed|cartoon|artistic|painted|blurred|colou?red|modified"
     r"|sketch\w*|black[- ]and[- ]white|darker|brighter|edited) version of\b"),
    ("enhance", 0.9, r"\b(?:enhanc|improv|restor|clean|denois|sharpen)(?:e|ed|ing)?\b(?: up)?"),
    ("text-to-image", 0.95, r"\b(?:MAKE|draw|paint|render|illustrate|imagine|sketch"
     r"|see)UP\s+(?:an? |another |some |new |corresponding |\d )*(?:visual\w* )?(?:image|picture"
     r"|photo|illustration|drawing|painting|artwork|logo|poster|portrait|visual|graphic|wallpaper"
     r"|icon|banner|rendering|depiction|cartoon|visuali[sz]ation|landscape|thumbnail|mural)s?\b(?!"
     r" (?:classification|segmentation|description|caption|(?:«image|named|file|called|where"
     r"|with|contain|show)))"),
    ("text-to-image", 0.95, r"\btext[- ]to[- ]image\b|\b(?:draw|paint)(?: me)? (?!the\b|an?"
     r" (?:box|edge|line|IMG)|boxes|«|it\b|all\b)|\bvisual representation\b|\b(?:generate|create"
     r"|draw|paint)(?: me)? (?:the )?(?:image|picture) of\b"),
    ("text-to-image", 0.9, r"\b(?:image|picture|illustration)s? (?:[^.;!?«\n]{0,40}\b)?from"
     r" OF(?:description|text|prompt|summary|«text)|\bvisuali[sz]e\b|\billustrate\b"),
    ("text-to-video", 0.96, r"\b(?:MAKE|produce|render|turn GAPinto)UP\s+(?:an? |the |some "
     r"|short |new )*(?:video|animation|clip|movie)s?\b|\btext[- ]to[- ]video\b|\bvideo"
     r" (?:representation|version|of|from|based|describing|about)\b|\b(?:in|as) a video\b"),
    ("video-to-text", 0.9, r"\bwhat (?:happens|is happening|goes on) in OFVID|\bdescri(?:be"
     r"|ption of) OFVID"),
    # sound
    ("text-to-speech", 0.95, r"\btext[- ]to[- ]speech\b|\btts\b|\binto (?:(?!text)\S+"
     r" )?(?:speech|spoken|audible)\b(?! text)|\b(?:convert|turn|transform|chang)(?:e|ing)?\b"
     r" GAPto (?:\S+ )?speech\b|\bread\b(?:GAP)\b(?:aloud|out loud|out|to me)\b|\b(?:say"
     r"|spoken?)\b GAP\b(?:aloud|out loud|out|to me)\b"),
    ("text-to-speech", 0.95, r"\b(?:in)?to (?:an? |natural\S* )?(?:audio|voice|sound|mp3|wav)(?:"
     r" (?:file|format|message|recording|clip))?\b(?! quality)|\b(?<!provided )(?<!given"
     r" )(?<!recorded )(?<!spoken )(?<!said )"
     r"(?<!asked )(?<!gave )(?:in|as) (?:an? )?(?:audio"
     r"|spoken|voice|speech)(?: (?:file|format|form|message|output))?\b(?! \(?«)(?! (?:that"
     r"|where|in|which|named|called|with)\b)"),
    ("text-to-speech", 0.93, r"\b(?:MAKE|create|record|deliver|hear|listen to)UP\s+(?:an? |the "
     r"|some |new |text and )*(?:natural\S* )?(?:audio|speech|spoken|voice|voice-?over)\b(?!"
     r" (?:recognition|quality|classification|files? (?:«audio|named|called|in which|where|with)"
     r"|recording (?:«|with|where|of)|message «))(?:\s(?!«)\w+)?"),
    ("text-to-speech", 0.93, r"\b(?:have|want) (?:it|this|that|an? audio (?:file|version)|TXT)"
     r" (?:spoken|read(?! and)|generated)\b|\bspoken out\b"),
    ("text-to-speech", 0.9, r"\baudio (?:version|representation|description|rendition"
     r"|narration) ?(?:of)?\b|\baudio(?= (?:answer|response))|\bnarrate\b|\bvoice-?over\b"
     r"|\bspeak (?:it|this|the"
     r"|that)\b|\bsay «|\bsay (?:it|this)\b|\bvocali[sz]e\b|\blisten to it\b|\bhear\b(?= OFTXT)"),
    ("automatic-speech-recognition", 0.95, r"\btranscrib(?:e|ing)\b|\b(?:an?|the|get|need"
     r"|provide) (?:\w+ )?transcript(?:ion)?(?= of|$|\W*$)|\bspeech[- ]to[- ]text\b|\bspeech"
     r" recognition\b|\bvoice to text\b"),
    ("automatic-speech-recognition", 0.95, r"\b(?:convert|turn|transform|put|decode)(?:ing)?"
     r" (?:OF)(?:\w+ ){0,2}?(?:AUD|spoken|voice)(?:GAP)\b(?:(?:in)?to (?:written |plain"
     r" )?(?:text|words|writing))\b|\bdecode OFAUD|\bback (?:in)?to (?:written )?text\b"),
    ("heard", 0.88, r"\bwhat (?:is|was|are|do|does|did) GAP(?:said|saying|says?|spoken)\b"),
    ("automatic-speech-recognition", 0.9, r"\b(?:extract|get) OF(?:text|words|spoken words)"
     r" (?:from|of|out of) OF(?:\w+ )?AUD|\bwrite down\b|\btype (?:it|this|that|OFAUD) (?:up"
     r"|out)\b|\btype (?:up|out) OFAUD"),
    ("emotion", 0.93, r"\b(?:emotions?|feelings?|moods?)\b"),
    ("audio-classification", 0.95, r"\b(?:GET|any)\b GAP\bcommands?\b|\b(?:what|which)"
     r" commands?\b|\bspeaker'?s? (?:emotion"
     r"|gender|identity)\b|\b(?:what|which) (?:sound|genre|instrument)s?\b|\bgenre of\b|\bkind"
     r" of (?:sound|music)\b"),
    ("audio-to-audio", 0.92, r"\bget rid of GAP\b(?:noises?|hum|hiss|echo|crackl\w+|buzz\w*"
     r"|static)\b"),
    ("image-to-image", 0.9, r"\bget rid of GAP\b(?:in|from|on) OF(?:\w+ )?IMG"),
    ("image-to-image", 0.9, r"\bto be (?:edited|modified|transformed|altered|stylized"
     r"|recolou?red|changed)\b"),
    ("audio-to-audio", 0.94, r"\b(?:remov|reduc|clean|filter|suppress|cancel)(?:e|ing)?\b(?:"
     r" up)?GAP\b(?:noises?|disturbances|hiss|hum|audio|recording)\b|\b(?:separat|isolat)(?:e"
     r"|ing)\b GAP\b(?:voices?|vocals|sources?|speakers?|instruments?)\b|\baudio[- ]to[-"
     r" ]audio\b|\bnoise (?:reduction|removal)\b"),
    ("audio-to-audio", 0.94, r"\b(?:enhanc|improv|clean)(?:e|ed|ing)?\b GAP\b(?:audio|sound"
     r"|speech|voice|recording|«audio\d+»)(?: quality| clarity)?"),
    # text
    ("+summarization", 0.95, r"\bsummari[sz]ed version\b|\b(?:MAKE|write)?UP\s*(?:an? |some |the"
     r" )?(?:\w+ ){0,2}?summar(?:y|ies) (?:of|for|about)\b"),
    ("summarization", 0.95, r"\bsummari[sz](?:e|es|ing|ation)\b|\bsum up\b|\btl;?dr\b"
     r"|\bshorten(?:ing)?\b|\bcondens(?:e|ing)\b|\bboil GAPdown\b"),
    ("summarization", 0.93, r"\b(?:an?|some|MAKE|write|brief|short|concise|quick)(?: me| us)?(?:"
     r" an?)?(?: (?!the |this |that )\w+){0,2} summar(?:y|ies)\b"),
    ("summarization", 0.85, r"\bwhat (?:is|are) OF(?:\w+ )?TXT about\b|\bwhat does OFTXT say\W*$"),
    ("summarization", 0.85, r"\b(?:key|main|important|essential) (?:points|ideas|takeaways)\b"
     r"|\bthe gist\b|\bin a nutshell\b|\bbrief (?:understanding|overview|version)\b|\b(?:shorter"
     r"|condensed) (?:text|version)\b|\bmake GAPshorter\b"),
    ("translation", 0.95, rf"\btranslat(?:e|es|ing|ion)\b(?! (?:of"
     rf" )?result)(?:[^.;!?\n]{{0,60}}?\b(?:in)?to {_LANG})?|\btranslated (?:in)?to\b|\b(?:TXT"
     rf"|it|this|that|them) translated\b(?: (?:in)?to {_LANG})?|\b(?:in)?to {_LANG}(?! text)"),
    ("translation", 0.85, rf"\b(?:in|the same in|a) (?!english){_LANG}(?: (?:version"
     rf"|translation))?(?=\W*$| please)|\b(?:say|put|write) (?:it|this|that|«text\d+») in {_LANG}"),
    ("text-classification", 0.95, r"\bsentiments?\b|\bpolarity\b|\btoxic\w*\b|\btext"
     r" classification\b|\boffensive\b|\bhate speech\b|\btone of\b|\bhow GAPfeels? about\b"
     r"|\b(?:sounds?|is|are|was) (?:it )?(?:positive|negative)\b"),
    ("text-classification", 0.85, r"\b(?:what|which) language\b|\blanguage (?:is|of"
     r"|identification|detection)\b|\bdetect (?:the )?language\b|\bis GAPhappy or (?:sad|angry)\b"),
    ("token-classification", 0.95, r"\bnamed[- ]entit\w+|\btoken[- ]classification\b|\bner\b"
     r"|\bparts?[- ]of[- ]speech\b|\bpos[- ]tag\w*|\b(?:GET|any|the|perform)?GAP\bentit(?:y"
     r"|ies)\b"),
    ("token-classification", 0.93, r"\b(?:GET|which|what|who are|tag|all)\b(?:(?!\b(?:image"
     r"|question)\b)GAP)\b(?:names(?: of (?:people|persons|places|\w+))?|places|organi[sz]ations"
     r"|companies|cities|countries|locations|dates)\b(?:GAP\b(?:names|people|places"
     r"|organi[sz]ations|companies|cities|countries|locations|dates)\b)*|\bwho (?:is|are)"
     r" (?:mentioned|named)\b|\b(?:people|places) (?:mentioned|named)\b"),
    ("token-classification", 0.8, r"(?:, |\band |\bwant |\bneed )(?:all )?(?:the )?names\b"
     r"(?=,|\W*$| and)"),
    ("token-classification", 0.85, r"\b(?:GET|the)\bGAP\b(?:key ?words|key ?phrases|tokens)\b"
     r"|\btokeni[sz]e\b"),
    ("sentence-similarity", 0.96, r"\b(?:how )?(?:similar|alike)\b(?! (?:image|picture|style"
     r"|one))|\bsimilarit(?:y|ies)\b|\bcompar(?:e|ing|ison)\b(?: the similarity)?|\bhow (?:close"
     r"|near|related)\b|\bsame (?:meaning|thing)\b|\bsemantic(?:ally)? (?:close|match\w*)\b"
     r"|\b(?:closest|nearest)(?: in meaning)? to\b|\bmeans? the same\b"),
    ("feature-extraction", 0.96, r"\bembed(?:ding|dings|ded)?\b|\bvectori[sz]e\b|\b(?:in)?to"
     r" (?:an? )?(?:vector|embedding)s?\b|\bvector (?:for|of|representation)\b|\bfeature"
     r" (?:vectors?|extraction)\b"),
    ("fill-mask", 0.96, r"\[mask\]|<mask>|\bfill (?:in )?(?:the )?(?:blanks?|mask|gap|missing"
     r" word)\b|\bmissing word\b"),
    ("text-generation", 0.93, r"\b(?:write|compose|draft|invent|make up)(?: me| us)?\b(?!"
     r" (?:down|out)\b)(?:GAP\b(?:poem|story|paragraph|essay|article|song|e-?mail|letter|joke"
     r"|haiku|description|speech|code|function|text)\b)?"),
    ("text-generation", 0.92, r"\b(?:MAKE|tell)UP\s+(?:an? |some |new |the |more )*(?:\w+"
     r" ){0,3}?(?:story|stories|poem|essay|paragraph|jokes?|haiku|lyrics|slogans?|blog post"
     r"|e-?mail|limerick|product descriptions?|recipes?)\b"),
    ("text-generation", 0.91, r"\b(?:MAKE|tell)UP\s+(?:an? |some |new |the |more |short"
     r" )*(?:(?!of |the |this |following |in |shorter |summari)\w+ ){0,2}?(?:text|sentences?"
     r"|descriptions?|article|title|captions? or descriptions?)\b(?! (?:file|document|about"
     r" OFIMG|classification|prompt|in \w+:? «|«|that i|containing|with|description)|s? «)"),
    ("description", 0.92, r"\b(?:MAKE|write|give me)\s+an? (?:\w+ ){0,2}?description\b(?! (?:of"
     r"|for|about)\b)"),
    ("text-generation", 0.95, r"\bcreative (?:\w+ )?(?:caption|description)s?(?: or"
     r" description)?\b|\btext[- ]generation\b|\b(?:descriptive|explanatory) (?:text|paragraph)\b"),
    ("text-generation", 0.9, r"\b(?:complete|continue|finish|extend)\b(?! it\b) OF(?:\w+"
     r" ){0,2}?(?:TXT|story)|\b(?:paraphras|rephras|rewrit|reword|elaborat|expand)(?:e|ing)?\b"),
    ("conversational", 0.92, r"\b(?:a |the )?(?:\w+ )?conversational\b(?: \w+)?|\bchat (?:with"
     r"|about)\b|\bchatbot\b|\b(?:respond|reply) to\b|\b(?:how i can|how to|i can|let us|let's"
     r"|to) (?:discuss|chat|talk)\b|\bdialog(?:ue)?\b|\b(?:a|related|start) conversation\b"
     r"|\b(?:MAKE)GAP\b(?:response|reply)\b|\btell me more\b"),
    ("question", 0.94, r"\b(?:visual |document |table )?question[- ]answering\b|\banswer(?:ing"
     r"|s)?(?: (?:to|for))?(?: (?:me|the|this|my|these|both|following|a|one))*\s*(?:questions?"
     r"|quer(?:y|ies))\b|\banswer (?:it|this|that)\b|\b(?:find|get|extract|give|know"
     r"|provide)\w*GAP\banswers?\b(?! in)"),
    ("question", 0.8, r"\b(?:questions? (?:about|is|related|on|regarding|for|that)"
     r"|question\W*(?=«question)|my question|the question|following questions?)\b"
     r"|\banswer(?=\W*«question)"),
    ("question", 0.75, r"«question\d+»"),
)
# fmt: on

_KEYWORDS = words(
    "describe description summarize summary translate translation detect detection classify object "
    "sentiment similar similarity question answer transcribe generate extract segment picture "
    "image pictures images objects count sentence sentences caption embedding entities names "
    "people edges depth speech audio video article document compare positive negative sport "
    "categorize identify"
)


def _written(meaning: str, _: re.Match[str]) -> str:
    return meaning


def _compile(source: str) -> re.Pattern[str]:
    """The pattern with its tokens written out; longer tokens first, tokens may hold others."""
    for _ in range(2):
        for token, meaning in _TOKENS.items():
            source = re.sub(rf"(?<![a-z]){token}(?![A-Z])", partial(_written, meaning), source)
    return re.compile(source, re.IGNORECASE)


@cache
def cues() -> tuple[Cue, ...]:
    """Every cue, compiled at first use."""
    return tuple(
        Cue(task.lstrip("+"), weight, _compile(pattern), inner=task.startswith("+"))
        for task, weight, pattern in _ROWS
    )


def named_cues(tasks: Iterable[str]) -> tuple[Cue, ...]:
    """A cue for each task that a request names outright: "use object-detection on …"."""
    return tuple(
        Cue(
            task,
            0.94,
            re.compile(rf"\b{'[- ]'.join(map(re.escape, task.split('-')))}\b", re.I),
            False,
        )
        for task in tasks
        if re.search(r"\W", task)
    )


def match_cues(text: str, table: Iterable[Cue]) -> list[Match]:
    """The cues found in a clause, in order of place; of overlapping ones the heaviest."""
    found = [
        Match(cue, match.start(), match.end())
        for cue in table
        for match in cue.pattern.finditer(text)
        if match.end() > match.start()
    ]
    found.sort(key=lambda match: (-match.cue.weight, match.start - match.end, match.start))
    kept: list[Match] = []
    for match in found:
        if all(match.end <= other.start or match.start >= other.end for other in kept):
            kept.append(match)
    return sorted(kept, key=lambda match: match.start)


@cache
def _misspelt() -> dict[str, str]:
    """Keywords by every form with one letter left out."""
    forms: dict[str, str] = {}
    for word in _KEYWORDS:
        for at in range(len(word)):
            forms.setdefault(word[:at] + word[at + 1 :], word)
    return forms


_SHORT: Mapping[str, str] = {
    r"\b(what|who|where|how)'?s\b": r"\1 is",
    r"\b(that|there)'s\b": r"\1 is",
    r"\br (?=there\b)": "are ",
    r"\b[ck]an u\b": "can you",
    r"\b(?:plz|pls)\b": "please",
    r"\bi'm\b|\bim\b": "i am",
}
"""Short forms and how they are written out."""

_DONE_TO: Mapping[str, str] = {
    "summari[sz]ed": "summarize", "translated": "translate", "transcribed": "transcribe",
    "described": "describe", "captioned": "caption", "segmented": "segment",
    "classified": "classify", "categori[sz]ed": "categorize", "detected": "detect",
    "counted": "count", "shortened": "shorten", "condensed": "condense", "denoised": "denoise",
    "compared": "compare", "embedded": "embed", "paraphrased": "paraphrase",
    "rewritten": "rewrite", "vectori[sz]ed": "vectorize",
}  # fmt: skip
_PARTICIPLE = "|".join(_DONE_TO)
_PASSIVE = re.compile(
    r"(?:\b(?:to be|being|get (?:it|this|that)|have (?:it|this|that|them)|have «\w+»)"
    r"|(?<=\bneed )«\w+»|(?<=\bwant )«\w+»)"
    rf"(?: (?:first|then|also))? (?:{_PARTICIPLE})"
    rf"(?:(?:,? and(?: then| also)?|,(?: then)?) (?:{_PARTICIPLE})\b)*",
    re.IGNORECASE,
)


def _active(match: re.Match[str]) -> str:
    text = match[0]
    for participle, verb in _DONE_TO.items():
        text = re.sub(rf"\b{participle}\b", verb, text, flags=re.I)
    return text


def plain(text: str) -> str:
    """The text with short forms written out, passives made active, and keywords spelled right."""
    for short, full in _SHORT.items():
        text = re.sub(short, full, text, flags=re.I)
    return _PASSIVE.sub(_active, spelled(text))


def spelled(text: str) -> str:
    """The text with its misspelt keywords mended: one letter wrong, missing, extra or swapped."""
    forms = _misspelt()
    known = set(_KEYWORDS)

    def mend(match: re.Match[str]) -> str:
        word = match[0].lower()
        if word in known or word + "s" in known or word.rstrip("sd") in known:
            return match[0]
        for form in (word, *(word[:at] + word[at + 1 :] for at in range(len(word)))):
            if form in known and form != word and len(form) < len(word) and word.startswith(form):
                return match[0]
            keyword = forms.get(form) or (form if form in known else None)
            if keyword and abs(len(keyword) - len(word)) <= 1 and keyword[0] == word[0]:
                return keyword
        return match[0]

    return re.sub(r"\b[a-zA-Z]{6,13}\b(?!»)", mend, text)
