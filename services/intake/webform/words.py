"""The words people read for the vocabulary's values, as English message ids, in the order they are offered."""

from typing import Final

from services.intake.submissions.models import ConsentVersion
from shared.events.vocabulary import AgeBand, ContactChannel, Gender, HarmType, PlatformKind, Relationship, Role
from shared.labels import AGE_BANDS, CONTACT_CHANNELS, PLATFORM_KINDS
from shared.labels import GENDERS as GENDER_WORDS
from shared.labels import RELATIONSHIPS as RELATIONSHIP_WORDS
from shared.web.translations import gettext_noop as n

ROLES: Final = (
    (Role.VICTIM, n("It happened to me"), ""),
    (Role.REPRESENTATIVE, n("I am reporting for someone else"), n("Family, partner, guardian or someone they asked")),
    (Role.THIRD_PARTY, n("I saw or found something"), n("You do not need to know the person")),
)

HARMS: Final = (
    (
        HarmType.FEAR_OF_DISTRIBUTION,
        n("I am afraid it may spread"),
        n("You know of a photo or video, but not whether it was shared"),
    ),
    (
        HarmType.DISTRIBUTION_THREAT,
        n("Someone threatens to share it"),
        n("Whether or not anything has been shared yet"),
    ),
    (HarmType.DISTRIBUTION, n("It was shared or posted"), n("A photo, video or personal details, without consent")),
    (
        HarmType.ILLEGAL_FILMING,
        n("Filmed or photographed without consent"),
        n("By a hidden camera too"),
    ),
    (HarmType.SYNTHESIS, n("Face or body put into sexual images"), n("Edited pictures, deepfakes")),
    (
        HarmType.BODY_CAM_PHISHING,
        n("Money demanded over a video call or images"),
        n("Also if an app or file was installed"),
    ),
    (
        HarmType.ONLINE_GROOMING,
        n("Someone approached a child or young person sexually online"),
        n("Gaining trust, then asking for pictures or to meet"),
    ),
    (
        HarmType.CHILD_MATERIAL,
        n("Sexual images of a person under 19"),
        n("Real or edited, both count"),
    ),
    (
        HarmType.CYBER_HARASSMENT,
        n("Sexual insults or rumours online"),
        n("In messages, comments or posts"),
    ),
    (HarmType.OTHER, n("Something else, or I am not sure"), n("You can say more later")),
)

SYNTHESISED: Final = (HarmType.SYNTHESIS, n("I think it was made by editing or AI (a deepfake)"))
"""The same code as one tick, on the path for who is threatened right now."""

YOUNG_HARMS: Final = (
    (HarmType.ONLINE_GROOMING, n("Someone asks for my pictures, or wants to meet me"), ""),
    (HarmType.DISTRIBUTION_THREAT, n("Someone says they will show my pictures to others"), ""),
    (HarmType.DISTRIBUTION, n("My pictures or videos were shown to others"), ""),
    (HarmType.ILLEGAL_FILMING, n("Someone filmed me without asking"), ""),
    (HarmType.SYNTHESIS, n("Someone made strange pictures with my face"), ""),
    (HarmType.BODY_CAM_PHISHING, n("Someone asks for money because of a video call or pictures"), ""),
    (HarmType.CYBER_HARASSMENT, n("Someone says dirty or mean things about my body"), ""),
    (HarmType.OTHER, n("Something else, or I do not know how to say it"), ""),
)
"""The same codes in plain words, on the path for children. What a child has seen of others is for the long path."""

YOUNG_AGES: Final = (
    (AgeBand.UNDER_14, n("I am under 14")),
    (AgeBand.FROM_14_TO_18, n("I am 14 to 18")),
)

YOUNG_CHANNELS: Final = (
    (ContactChannel.TEXT, n("By text message"), ""),
    (ContactChannel.PHONE, n("By phone call"), ""),
    (ContactChannel.EMAIL, CONTACT_CHANNELS[ContactChannel.EMAIL], ""),
    (ContactChannel.MESSAGE_HERE, n("Only here, with my receipt number"), n("Nobody calls or writes to you")),
)

AGES: Final = tuple((band, AGE_BANDS[band]) for band in AgeBand if band is not AgeBand.UNKNOWN)

GENDERS: Final = (
    *((one, GENDER_WORDS[one]) for one in (Gender.FEMALE, Gender.MALE)),
    (Gender.OTHER, n("Another gender")),
)

RELATIONSHIPS: Final = (
    (Relationship.STRANGER, RELATIONSHIP_WORDS[Relationship.STRANGER]),
    (Relationship.TEMPORARY, n("Someone met briefly or in a chat")),
    (Relationship.INTIMATE, n("A current or former partner")),
    (Relationship.SOCIAL, n("Someone from school, work or a circle of friends")),
    (Relationship.FAMILY, RELATIONSHIP_WORDS[Relationship.FAMILY]),
)

PLATFORMS: Final = (
    *((one, PLATFORM_KINDS[one]) for one in PlatformKind if one not in {PlatformKind.OTHER, PlatformKind.UNKNOWN}),
    (PlatformKind.OTHER, n("Somewhere else")),
)

CHANNELS: Final = (
    (ContactChannel.PHONE, CONTACT_CHANNELS[ContactChannel.PHONE], ""),
    (ContactChannel.TEXT, CONTACT_CHANNELS[ContactChannel.TEXT], ""),
    (ContactChannel.EMAIL, CONTACT_CHANNELS[ContactChannel.EMAIL], ""),
    (ContactChannel.MESSAGE_HERE, n("Only here, with my receipt number"), n("Nobody calls or writes to you")),
)

CHANNELS_OF_REPORTER: Final = (
    *(one for one in CHANNELS if one[0] != ContactChannel.MESSAGE_HERE),
    (
        ContactChannel.MESSAGE_HERE,
        n("Only here, with my receipt number"),
        n(
            "Nobody calls or writes to you. If the centre answers you, the answer waits here. It tells nothing about "
            "the person harmed."
        ),
    ),
)
"""The same for who reports for another, or gives a tip."""

RELATIONS: Final = (
    ("lineal", n("Parent, child, grandparent or grandchild")),
    ("spouse", n("Husband, wife or partner")),
    ("sibling", n("Brother or sister")),
    ("guardian", n("Guardian")),
    ("agent", n("Someone they named to act for them")),
    ("other", n("Another relation")),
)

TOLD: Final = (
    ("police", n("Police (112)"), ""),
    ("hotline", n("1366 or another support centre"), ""),
    ("platform", n("The site or app where it was seen"), ""),
    ("nobody", n("Nobody yet"), ""),
)

MAY_SAY: Final = (
    ("nothing", n("Say nothing and hang up"), ""),
    ("private", n("Say only that it is a private call"), ""),
    ("center", n("The centre may say who is calling"), n("Only if everybody there may know")),
)

TONGUES: Final = (
    ("ko", "한국어"),
    ("en", "English"),
    ("vi", "Tiếng Việt"),
    ("zh", "中文"),
    ("tl", "Tagalog"),
    ("mn", "Монгол"),
    ("ru", "Русский"),
    ("th", "ไทย"),
    ("km", "ខ្មែរ"),
    ("ja", "日本語"),
    ("uz", "Oʻzbekcha"),
    ("lo", "ລາວ"),
    ("ne", "नेपाली"),
)
"""The thirteen languages of the help line 1577-1366, each by its own name."""

VOICEMAIL: Final = n("It is safe to leave me a message")
YES_NO: Final = (("yes", n("Yes")), ("no", n("No")), ("unknown", n("I do not know")))
UNKNOWN: Final = ("unknown", n("I do not know, or prefer not to say"))

CONSENTS: Final = (
    ("personal", n("You may store what I write here to help me"), ""),
    ("sensitive", n("You may also store what it says about my sex life or health"), ""),
    ("share_with_center", n("You may pass it on to the support centre that takes the report"), ""),
    (
        "other_centers",
        n("If another centre is to help instead, it may be told without asking me first"),
        n("If you leave this empty, you are asked before another centre is told, wherever that is possible"),
    ),
)
CONSENT_VERSION: Final[ConsentVersion] = "2026-11-25"
"""Names the wording above; changes whenever a word of it does."""
