"""Words that announce, hedge or take back an answer, in the languages that models answer in; for the lenient extractor.

The lists are ours. A word that is missing loses an answer; a hedge that is missing
could make up one, so these lists are longer, and an answer in any form that they do not know stays unread.
"""

from __future__ import annotations

import re

from anatomy_r1.scoring.plain_text import decompose


def _words(*patterns: str) -> str:
    return decompose("|".join(patterns))


_LINK = r"\s*+(?:[:=]|[\u2013\u2014-](?=\s))\s*+"
_ABOUT = (
    r"(?:,?+ (?:to(?! (?:avoid|exclude|eliminate|reject|rule|discard))|for|in|of|from|among|here|based on|given"
    r"|according to|shown|at|on|with regard to)\b[^.!?\n:=]{0,80}?)?"
)
_ENGLISH = (
    rf"\b(?:answer|option|choice|conclusion|selection)(?:\s*+(?:is|:|=)|{_LINK}|{_ABOUT},?+\s++"
    r"(?:is|would be|should be|must be|will be|has to be|seems to be|appears to be)\b)"
    r"|\bI (?:(?:would|will|shall|['\u2019]d|['\u2019]ll) )?(?:choose|select|pick|go with|opt for|vote for)\b"
    r"|\bI['\u2019](?:d|ll) (?:choose|select|pick|go with|opt for|vote for)\b|\bI(?: am|['\u2019]m) going with\b"
)
_EUROPEAN = _words(
    rf"\b(?:Antwort(?:möglichkeit|option)?|Lösung|Auswahl)(?:{_LINK}| (?:ist|lautet|wäre)\b)|\bIch wähle\b",
    rf"\b(?:réponse|choix)(?: (?:correcte|finale|exacte|juste))?(?:{_LINK}| (?:est|serait)\b)|\bJe choisis\b",
    rf"\b(?:respuesta|opción)(?: (?:correcta|final))?(?:{_LINK}| (?:es|sería)\b)|\bElijo\b",
    rf"\b(?:resposta|opção|alternativa)(?: (?:correta|certa|final))?(?:{_LINK}| (?:é|seria)(?!\w))|\bEscolho\b",
    rf"\b(?:risposta|opzione|scelta)(?: (?:corretta|giusta|esatta|finale))?(?:{_LINK}| (?:è|sarebbe)(?!\w))|\bScelgo\b",
    rf"\b(?:antwoord|svar(?:et)?|odpowied(?:z|ź)|odpověď|cevap|yan\u0131t|vastaus|jawaban(?:nya)?)(?!\w)"
    rf"(?:{_LINK}| (?:is|är|er|to|je|on|adalah)\b)",
    rf"\b(?:ответ|вариант)(?:{_LINK}| это\b)",
    rf"đáp án(?: đúng)?(?:{_LINK}| là(?!\w))",
    rf"(?:الإجابة|الجواب)(?: الصحيحة?)?(?:{_LINK}| (?:هي|هو)(?!\w))",
    rf"उत्तर(?:{_LINK}| है)",
)
_EAST_ASIAN = _words(
    rf"(?:答案|回答|选择|選擇|选项|選項|结论)(?:{_LINK}|(?:应该?|應該?|就)?(?:是|为|為|选|選))",
    r"(?<![可候筛备])[选選](?:择|擇)?(?![项項])",
    rf"(?:答え|回答|解答|正解)(?:{_LINK}|は)",
    rf"(?:정답|답변|해답|답)(?:{_LINK}|은|는)",
)
_ADVERB = r"(?:(?:therefore|thus|hence|then|clearly|indeed|definitely|simply)\b,?+\s*+)?+"
CUE = re.compile(
    rf"(?:{_ENGLISH}|{_EUROPEAN}|{_EAST_ASIAN})\s*+:?+\s*+{_ADVERB}(?:(?:option|choice)\b)?+\s*+:?+", re.IGNORECASE
)
"""What announces an answer: it is the text after it. Bounded, so that searching takes linear time."""

WEAK_CUE = re.compile(
    r"\b(?:(?:would|should|must|will|has to|seems to|appears to) be|to|for|in|of|from|on|with)\b", re.I
)
"""In what announces an answer: a sign that the sentence may be about the answer rather than state it."""

COPULA = re.compile(r"(?:\b(?:is|are)\b|(?<=\b[Ii]t)['\u2019]s\b|(?<=\b[Tt]hat)['\u2019]s\b)\s*+:?+\s*+")
"""What may announce one where nothing else does, as in "the organ is the liver"."""

VERDICT = re.compile(
    r" is (?:clearly |therefore |thus |indeed )?+(?:the )?+(?:(?:correct|right|best|most [a-z]++)\b ?+)?+"
    r"(?:answer|option|choice)?+(?= ?+(?:$|because\b|since\b|as\b))",
    re.IGNORECASE,
)
"""What follows an answer, as in "B is correct" and "B is the best answer"."""
REASON_FOLLOWS = re.compile(r"[,;(]| (?:because|since|as|which|and)\b| [-\u2013\u2014] |" + decompose("因为|因為"))

HEDGE = re.compile(
    r"\b(?:not|no|never|neither|nor|none|cannot|without|wrong|incorrect|false|unlikely|except|if|whether|unless|either|"
    r"or|maybe|perhaps|possibly|might|could|may|unclear|unsure|uncertain|worst|(?<!at )least|mistake\w*|distractors?)\b"
    r"|n['\u2019]t\b|\b(?:doubt|disagree|impossible|hardly|suppos(?:e|ing)|assum(?:e|ing)|imagine|hypothetically"
    r"|provided|nothing suggests|little evidence|second[ -]best|previous|naive|some (?:may|might|would|people)"
    r"|at first (?:glance|sight)|I guess|let['\u2019]?s say)\b|"
    + _words(
        r"\b(?-i:ob|ne|pas|ni|ou|si|o|se|né|ej|nie)(?!\w)",  # not in capitals, as in "PAS stain"
        r"\b(?:nicht|kein\w*|weder|oder|falsch\w*|vielleicht|möglicherweise|wenn|falls)(?!\w)",
        r"\b(?:jamais|aucune?|faux|fausse|mauvaise?|incorrecte|peut-être)(?!\w)",
        r"\b(?:nunca|ninguna?|incorrect[ao]|falsa|errónea|equivocada|quizás?|tal vez)(?!\w)",
        r"\b(?:não|nem|nenhuma?|errad[ao]|incorret[ao]|talvez)(?!\w)",
        r"(?<!-)\bnon(?!\w|-)|\b(?:nessuna?|sbagliat[ao]|scorrett[ao]|errat[ao]|forse)(?!\w)",
        r"\b(?:niet|geen|inte|ikke|eller|lub|není|nebo|değil|veya|bukan|atau|không|hoặc)(?!\w)",
        r"\b(?:не|неверн\w*|неправильн\w*|или|возможно|если)(?!\w)",
        r"ليس|أو |غير |नहीं|या ",
        r"[不非错錯或誤误]|没有|可能|也许|如果|是否",
        r"ない|なく|ではありません|間違|かも|または|もし",
        r"아니|아닙|틀린|오답|또는|아마|만약",
    ),
    re.IGNORECASE,
)
"""Words that negate a sentence, or leave it open."""
DOUBT = re.compile(
    r"\b(?:possib\w+|guess\w*|candidates?|alternatives?|examples?|confus\w+|mimic\w*|initial\w*|thought|avoid\w*"
    r"|exclud\w*|eliminat\w*|reject\w*|discard\w*|rul(?:ed?|ing) out)\b",
    re.IGNORECASE,
)
"""Words before "is" that make the sentence no answer."""
RETRACTION = re.compile(
    r"\b(?:wrong|incorrect|mistaken?|wait|actually|correction|instead|disregard|not (?:correct|right|sure)"
    r"|none of the (?:above|options|choices|given|listed))\b|"
    + _words(
        r"\b(?:falsch|faux|fausse|incorrect[ao]|err[ao]ta|errado|sbagliat[ao]|espera|aspetta|неверно)(?!\w)",
        r"不对|不對|错误|錯誤|等等|間違|틀렸|아니",
    ),
    re.IGNORECASE,
)
"""Words after an answer that take it back."""

REVISION = re.compile(
    r"\b(?:however|hmm|on (?:closer|second|further|reflection|reconsider)\w*|let me (?:re|double)"
    r"|reconsider\w*|re-?check\w*|but maybe|change my (?:answer|mind))\b",
    re.IGNORECASE,
)
"""Words of a response that was cut off which may have been about to take an answer back."""

_HEADING = r"(?m)^[ \t>]*+(?:#++|\d++\.)?+[ \t]*+"
ANSWER_HEADING = re.compile(
    _HEADING
    + r"(?:(?:my|the|final|correct|best|selected|chosen|最终|最終) ?+)*+(?:"
    + _words(
        r"answer|response|conclusion|choice|selection|option|decision|solution|verdict|diagnosis|result|output",
        r"(?:Endgültige )?Antwort|Schlussfolgerung|réponse(?: finale)?|respuesta(?: final)?|conclusión",
        r"resposta(?: final)?|conclusão|risposta(?: finale)?|conclusione|ответ|答案|回答|结论|結論|答え|정답|답변",
    )
    + r")[ \t:.]*+$",
    re.IGNORECASE,
)
"""A line that announces the answer, as in "## Final Response"."""
REASON_HEADING = re.compile(
    _HEADING
    + r"(?:(?:my|the|step-by-step) ?+)*+(?:"
    + _words(
        r"(?:think(?:ing)?|thoughts?|reasoning)(?: process)?|analysis|explanation|rationale",
        r"思考(?:过程)?|推理|分析",
    )
    + r")[ \t:.]*+$",
    re.IGNORECASE,
)
"""A line that announces reasoning, which is not read if an answer heading follows."""

_KEY = (
    r"(?:(?:(?:final|correct|predicted|selected|chosen|my|the)[ _-]?+)*+(?:answer|choice|prediction|response|letter)"
    r"|(?:final|correct|predicted|selected|chosen)[ _-]?+(?:option|label))"
)
_QUOTE = r"[\"'\u201c\u201d\u2018\u2019]"
FIELD = re.compile(
    rf"{_QUOTE}{_KEY}(?:[ _](?:letter|choice|option|text|key|id))?+{_QUOTE}\s*+[:=]\s*+"
    r"(?:\"([^\"\n]*+)\"|'([^'\n]*+)'|\u201c([^\u201d\n]*+)\u201d|([^\s,{}\[\]\"'\u201c]++))",
    re.IGNORECASE,
)
"""A field of JSON that states the answer; its value is in one of the four groups."""
