"""What the embedded voice says: short plain sentences to be read aloud, and the small talk that calls for them."""

from __future__ import annotations

import re
from typing import Final

HELLO: Final = "Hello! How can I help?"
NOT_UNDERSTOOD: Final = "I did not understand that. Could you say it in other words?"
STILL_NOT_UNDERSTOOD: Final = (
    "I still do not understand, sorry. I can tell the time and the date, do sums, convert units, remember things "
    "and run timers."
)
NUMBERS_ONLY: Final = "I heard numbers, but not what to do with them. Please say the whole sum again."
DID_YOU_MEAN: Final = "Did you mean: {wish}?"
SAY_AGAIN: Final = "All right. Then please say it again in other words."
NO_AGENT: Final = "I would need my agent for that, and there is none here."
ALL_RIGHT: Final = "All right."
NOTHING_SAID: Final = "I have not said anything yet."
NOTHING_HEARD: Final = "You have not said anything else yet."
YOU_SAID: Final = "You said: {words}"
WHAT_TO_SAY: Final = "What shall I say?"
YOUR_NAME: Final = "Your name is {name}."
NICE_TO_MEET_YOU: Final = "Nice to meet you, {name}."

WORKING: Final = "All right."
DONE: Final = "That is done."
CANCELLED: Final = "That was cancelled."
FAILED: Final = "That did not work."
FAILED_BECAUSE: Final = "That did not work: {reason}."
NO_REQUEST: Final = "I did not catch what you want. Please say it again."

ABILITIES: Final = (
    "I can chat a little. For the time and the date, sums, units, timers, and things to remember, I ask my agent. "
    "Try: what is seventeen times twenty three."
)
ABILITIES_ALONE: Final = "I can chat a little and repeat things. Just talk to me."


def _said(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# Tried in order against the whole of what was said, after greetings, thanks and filler before it were taken away.
SMALL_TALK: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (_said(rf"^(?:{pattern})\W*$"), answer)
    for pattern, answer in (
        (
            r"(?:how|hello) are you(?: doing)?(?: today)?|how(?: i|')s it going|how do you do|are you (?:ok"
            r"|okay|well|fine)"
            r"|how do you feel|what's up|how are things",
            "I am fine, thank you. And you?",
        ),
        (
            r"(?:i am|i'm|we are) (?:very |quite |pretty |also )?(?:fine|good|well|great|ok|okay)"
            r"(?: too| as well| thanks| thank you)*(?: and you| how are you)?",
            "Good to hear.",
        ),
        (
            r"do you (?:speak|understand) \w+|(?:can|could) (?:you|we) (?:speak|talk) (?:in )?\w+",
            "I only speak English, I am sorry.",
        ),
        (
            r"(?:i am|i'm) (?:so |very |a bit )?(?:sad|tired|bored|ill|sick|hungry|angry|stressed|not (?:well"
            r"|good|fine))",
            "I am sorry to hear that. Tell me if I can do something for you.",
        ),
        (
            r"who are you|what are you|introduce yourself|(?:who|what) am i (?:talking|speaking) (?:to|with)"
            r"|tell me about yourself",
            "I am the voice of Voxgate, a small assistant that runs on this machine. Ask me what I can do.",
        ),
        (
            r"(?:what(?:'s| is) your name|do you have a name|what are you called|how are you called)",
            "I am called Voxgate.",
        ),
        (
            r"are you (?:a |an |really )?(?:real|human|person|man|woman|robot|machine|computer|bot|program|ai"
            r"|artificial intelligence|alive)"
            r"(?: person| human)?",
            "I am a program that speaks by simple rules, not a person.",
        ),
        (r"how old are you|when were you (?:born|made)", "I was started just now, so I am very young."),
        (r"where are you(?: from)?|where do you live", "I run inside this gateway, on your own machine."),
        (r"who (?:made|built|created|wrote) you", "The people behind the Voxgate project made me."),
        (
            r"can you hear me|do you hear me|are you there|are you (?:still )?listening|anybody there|is anyone there"
            r"|i(?:'m| am) talking to you",
            "Yes, I can hear you.",
        ),
        (
            r"(?:this is (?:a|only a) )?test(?:ing)?(?: test(?:ing)?)*(?: one two(?: three)?| 1 2(?: 3)?)?"
            r"|mic(?:rophone)? check",
            "I can hear you well.",
        ),
        (
            r"(?:tell me|do you know|say|make)(?: me)? (?:a|another|one more) joke|make me laugh|another one",
            "Why did the timer go home early? Its time was up.",
        ),
        (
            r"sing(?: me)?(?: a song| something)?",
            "You would not like my singing. But I can count, or run a timer for you.",
        ),
        (r"(?:i(?:'m| am) )?(?:so |very )?sorry(?: about that)?|excuse me|my mistake|my bad", "No problem."),
        (
            r"(?:you(?:'re| are)|that(?:'s| is|'s| was)) (?:so |very |really )?(?:great|good|nice|cool|funny"
            r"|smart|clever|helpful|awesome|amazing)"
            r"|well done|good job|i (?:like|love) you|nice|cool|great|awesome|perfect|excellent|wonderful",
            "Thank you, that is kind of you.",
        ),
        (
            r"(?:you(?:'re| are)|that(?:'s| is| was)) (?:so |very |really )?(?:stupid|bad|dumb|useless|wrong"
            r"|terrible|annoying|not (?:right|true))"
            r"|wrong|that is not what i (?:said|meant|asked)",
            "I am sorry. Please say it again in other words.",
        ),
        (
            r"(?:it(?:'s| is| was)? )?nice to meet you|pleased to meet you|good to (?:see|hear) you",
            "Nice to meet you, too.",
        ),
        (r"good night|sleep well", "Good night!"),
        (
            r"(?:good ?bye|bye(?: bye)?|see you(?: later| soon| tomorrow)?|farewell|that(?:'s| is|'ll be"
            r"| will be) all(?: for now)?"
            r"|i have to go|talk to you later|have a (?:nice|good) (?:day|evening|one))(?: then| now)?",
            "Goodbye!",
        ),
        (
            r"(?:thanks|thank you|think you|thank q|many thanks|thank you very much|thanks a lot"
            r"|cheers)(?: (?:so|very) much"
            r"| a lot)?(?: .{0,20})?",
            "You are welcome.",
        ),
        (
            r"(?:hello|hi|hey|hallo|greetings|good (?:morning|afternoon|evening|day)|hi there|hello there|hey there)"
            r"(?: (?:there|voxgate|computer|assistant|again))*",
            HELLO,
        ),
        (
            r"yes|yeah|yep|yup|ok|okay|sure|fine|right|correct|exactly|of course|all ?right|i see|got it|go on"
            r"|please do|yes please",
            "Good. What else?",
        ),
        (
            r"no|nope|nah|nothing|no thanks|no thank you|not really|never ?mind|forget it|stop|stop it|cancel|cancel it"
            r"|cancel that|that(?:'s| is) (?:it|enough)|nothing else|abort|i changed my mind",
            ALL_RIGHT,
        ),
    )
)

WHAT_CAN_YOU_DO: Final = _said(
    r"\bwhat (?:else )?can (?:you|i) (?:do|ask|say)\b|\bwhat do you do\b|\bwhat are you (?:able|good)\b"
    r"|^\W*help(?: me)?\W*$"
    r"|\bwhat (?:can|could) you (?:help|do)\b|\bhow (?:can|could) you help\b|\bwhat do you know\W*$|\bcan you help\b"
)
AGAIN: Final = _said(
    r"^\W*(?:(?:can|could|would) you )?(?:please )?(?:(?:repeat|say) (?:that|it|this|yourself)?(?: again"
    r"| once more| one more time)?"
    r"|come again|once more|one more time|pardon(?: me)?|what did you (?:just )?say|what was that|what|huh"
    r"|i (?:did not|didn't|could not|couldn't) (?:hear|get|understand|catch) (?:you|that|it))(?: please)?\W*$"
)
WHAT_DID_I_SAY: Final = _said(r"\bwhat did i (?:just )?say\W*$")
SAY: Final = _said(r"^\W*(?:please )?(?:say|repeat(?: after me)?)\b[\s:,]*(.*)$")
MY_NAME: Final = _said(r"^\W*(?:hello |hi )?(?:my name is|my name's) ([^\W\d_]+(?: [^\W\d_]+)?)\W*$")
WHATS_MY_NAME: Final = _said(r"\b(?:what(?:'s| is) my name|who am i|do you know my name)\W*$")

SILENCE: Final = _said(
    r"\b(?:be|stay|stays|keep|remain|state|say) (?:quiet|quite|silent|silence|silently|still|mute)\b|\bhush\b|\bshush\b"
    r"|\bshut up\b|\bsay nothing\b|\bsilence(?: please)?\W*$|\b(?:stop|quit) (?:talking|speaking)\b|\bnot now\W*$"
    r"|\b(?:don't|do not|dont) (?:answer|reply|respond|speak|talk|say (?:anything|a word))\b|^\W*quiet(?: please)?\W*$"
)
"""Silence is asked for."""
NOT_ADDRESSED: Final = _said(
    r"\b(?:i'm|i am|i was|we're|we are|and|am|just) (?:just )?(?:talking|speaking) (?:to|with) (?!you\b)\w+"
    r"|\b(?:i'm not|i am not|not|wasn't|was not|we're not|weren't) (?:talking|speaking) (?:to|with) you\b"
    r"|^\W*(?:no )?not you\W*$|\b(?:wasn't|was not|isn't|is not|not) (?:meant )?for you\b|\bi'm on the phone\b"
    r"|\bi am on the phone\b"
    r"|^\W*(?:please )?(?:hold on|hang on|wait|one (?:moment|second|minute)|just a (?:moment|second|minute|sec)"
    r"|(?:hold on|hang on|wait)(?: for)? (?:a|one|just a) (?:moment|second|minute|sec|bit)|wait here"
    r"|give me a (?:moment|second|minute|sec)|let me (?:think|see)|bear with me)(?: please)?\W*$"
)
"""The person speaks to somebody else, or asks for patience."""
FILLER: Final = _said(r"^\W*(?:(?:u+m+|u+h+|h+m+|mm+|e+r+m?|a+h+|oh|huh|cough|noise|\[\w+\]|<\w+>)\W*)*$")
"""Sounds, not words."""
BEFORE: Final = _said(
    r"^\W*(?:(?:hello|hi|hey|good (?:morning|afternoon|evening)|ok|okay|all ?right|well|so|and|then|please|u+m+"
    r"|u+h+|er+"
    r"|thanks|thank you|yes|yeah|great|sorry|voxgate|computer|assistant|now|just|there)\b[\s,.!;:]+)+(?=\w)"
)
"""What people say before they come to the matter."""
YES: Final = _said(r"^\W*(?:yes|yeah|yep|yup|sure|right|correct|exactly|ok|okay|of course|i did|i do|please(?: do)?)\b")
NO: Final = _said(r"^\W*(?:no|nope|nah|not)\b")
