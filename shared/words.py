"""The words for every vocabulary that more than one service shows, in Korean and English.

One value has one word everywhere: lists, details, alerts, decisions, statistics, files, audit. Services take words
from here and keep no copies. What only the public form asks stays in intake, as sentences a person answers with.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Self

from shared.events.vocabulary import (
    UNKNOWN,
    AgeBand,
    CenterState,
    Channel,
    ContactChannel,
    EndReason,
    Gender,
    HarmType,
    Outcome,
    PlatformKind,
    Relationship,
    Role,
    RoutingReason,
    SupportKind,
    TransferVoid,
    Urgency,
)
from shared.identity.roles import StaffRole
from shared.identity.tokens import Purpose


class Word(str):
    """A word in both languages. As a string it is the English one; a translator gives the Korean one where asked.

    It needs no entry in a ``ko.po``, and none can give it another meaning.
    """

    ko: str

    def __new__(cls, english: str, korean: str) -> Self:
        """Make a word from its English and its Korean text."""
        word = super().__new__(cls, english)
        word.ko = korean
        return word

    def text(self, language: str) -> str:
        """The word in a language: Korean for ``ko``, else English."""
        return self.ko if language == "ko" else str(self)


_OTHER: Final = Word("Other", "기타")
NOT_KNOWN: Final = Word("Unknown", "알 수 없음")
"""What was not told, and any value of an open vocabulary that this build does not know."""

URGENCIES: Final[Mapping[str, Word]] = {
    Urgency.CRITICAL: Word("Critical", "매우 긴급"),
    Urgency.HIGH: Word("Urgent", "긴급"),
    Urgency.NORMAL: Word("Normal", "보통"),
    UNKNOWN: NOT_KNOWN,
}
HARMS: Final[Mapping[str, Word]] = {
    HarmType.FEAR_OF_DISTRIBUTION: Word("Fear of distribution", "유포 불안"),
    HarmType.ILLEGAL_FILMING: Word("Illegal filming", "불법 촬영"),
    HarmType.DISTRIBUTION: Word("Distribution", "유포"),
    HarmType.DISTRIBUTION_THREAT: Word("Threat to distribute", "유포 협박"),
    HarmType.SYNTHESIS: Word("Synthesis or editing", "합성·편집"),
    HarmType.CYBER_HARASSMENT: Word("Cyber harassment", "사이버 괴롭힘"),
    HarmType.ONLINE_GROOMING: Word("Online grooming", "온라인 그루밍"),
    HarmType.BODY_CAM_PHISHING: Word("Body-cam phishing", "몸캠 피싱"),
    HarmType.CHILD_MATERIAL: Word("Child sexual exploitation material", "아동·청소년성착취물"),
    HarmType.OTHER: _OTHER,
    UNKNOWN: NOT_KNOWN,
}
ROLES: Final[Mapping[str, Word]] = {
    Role.VICTIM: Word("The person harmed", "피해자 본인"),
    Role.REPRESENTATIVE: Word("A representative", "대리인"),
    Role.THIRD_PARTY: Word("A third party", "제3자"),
    UNKNOWN: NOT_KNOWN,
}
STAFF_ROLES: Final[Mapping[str, Word]] = {
    StaffRole.OPERATOR: Word("Phone operator", "전화 접수원"),
    StaffRole.COUNSELLOR: Word("Counsellor", "상담원"),
    StaffRole.LEAD: Word("Lead", "책임자"),
    StaffRole.ANALYST: Word("Analyst", "분석 담당"),
    StaffRole.AUDITOR: Word("Auditor", "감사 담당"),
    StaffRole.ADMINISTRATOR: Word("Administrator", "계정 관리자"),
}
CHANNELS: Final[Mapping[str, Word]] = {
    Channel.WEB: Word("Web form", "웹"),
    Channel.PHONE: Word("Phone", "전화"),
    Channel.API: Word("Another front end", "다른 접수 창구"),
    UNKNOWN: NOT_KNOWN,
}
CONTACT_CHANNELS: Final[Mapping[str, Word]] = {
    ContactChannel.PHONE: Word("Phone call", "전화"),
    ContactChannel.TEXT: Word("Text message", "문자"),
    ContactChannel.EMAIL: Word("E-mail", "이메일"),
    ContactChannel.MESSAGE_HERE: Word("Message with the receipt", "접수번호로 보는 메시지"),
    UNKNOWN: NOT_KNOWN,
}
AGE_BANDS: Final[Mapping[str, Word]] = {
    AgeBand.UNDER_14: Word("Under 14", "14세 미만"),
    AgeBand.FROM_14_TO_18: Word("14 to 18", "14~18세"),
    AgeBand.FROM_19_TO_24: Word("19 to 24", "19~24세"),
    AgeBand.FROM_25_TO_29: Word("25 to 29", "25~29세"),
    AgeBand.THIRTIES: Word("30 to 39", "30대"),
    AgeBand.FORTIES: Word("40 to 49", "40대"),
    AgeBand.FIFTIES_UP: Word("50 and over", "50대 이상"),
    AgeBand.UNKNOWN: NOT_KNOWN,
}
GENDERS: Final[Mapping[str, Word]] = {
    Gender.FEMALE: Word("Female", "여성"),
    Gender.MALE: Word("Male", "남성"),
    Gender.OTHER: _OTHER,
    Gender.UNKNOWN: NOT_KNOWN,
}
RELATIONSHIPS: Final[Mapping[str, Word]] = {
    Relationship.TEMPORARY: Word("Met once or online", "일시적 관계"),
    Relationship.STRANGER: Word("Stranger", "모르는 사람"),
    Relationship.INTIMATE: Word("Partner, present or former", "친밀한 관계"),
    Relationship.SOCIAL: Word("Somebody known", "사회적 관계"),
    Relationship.FAMILY: Word("Family", "가족"),
    Relationship.UNKNOWN: NOT_KNOWN,
}
"""Categories of the yearly statistics."""
PLATFORM_KINDS: Final[Mapping[str, Word]] = {
    PlatformKind.SOCIAL_MEDIA: Word("Social media", "소셜 미디어"),
    PlatformKind.MESSENGER: Word("Messenger", "메신저"),
    PlatformKind.ADULT_SITE: Word("Adult site", "성인 사이트"),
    PlatformKind.SEARCH_ENGINE: Word("Search engine", "검색 엔진"),
    PlatformKind.COMMUNITY: Word("Online community", "온라인 커뮤니티"),
    PlatformKind.FILE_SHARING: Word("File sharing", "파일 공유"),
    PlatformKind.OTHER: _OTHER,
    PlatformKind.UNKNOWN: NOT_KNOWN,
}
CENTER_STATES: Final[Mapping[str, Word]] = {
    CenterState.OPEN: Word("Open", "운영 중"),
    CenterState.SHORT_STAFFED: Word("Short-staffed", "인력 부족"),
    CenterState.CLOSED: Word("Closed", "운영 안 함"),
    CenterState.UNSTAFFED: Word("Nobody on duty", "근무자 없음"),
}
END_REASONS: Final[Mapping[str, Word]] = {
    EndReason.WITHDRAWN: Word("Withdrawn", "철회됨"),
    EndReason.CLOSED: Word("Closed", "종결됨"),
}
OUTCOMES: Final[Mapping[str, Word]] = {
    Outcome.SUPPORTED: Word("Support completed", "지원 완료"),
    Outcome.REFERRED: Word("Referred to another organisation", "다른 기관에 연계"),
    Outcome.NO_CONTACT: Word("Could not be reached", "연락이 닿지 않음"),
    Outcome.NOT_IN_SCOPE: Word("Not a matter for this system", "지원 대상 아님"),
    Outcome.DUPLICATE: Word("Reported twice", "중복 신고"),
    UNKNOWN: NOT_KNOWN,
}
SUPPORTS: Final[Mapping[str, Word]] = {
    SupportKind.COUNSELLING: Word("Counselling", "상담"),
    SupportKind.DELETION: Word("Deletion support", "삭제 지원"),
    SupportKind.MONITORING: Word("Monitoring", "모니터링"),
    SupportKind.INVESTIGATION: Word("Link to investigators", "수사 연계"),
    SupportKind.LEGAL: Word("Legal help", "법률 지원"),
    SupportKind.MEDICAL: Word("Medical help", "의료 지원"),
    SupportKind.PSYCHOLOGICAL: Word("Psychological help", "심리 지원"),
    SupportKind.ACCOMPANIMENT: Word("Accompaniment", "동행 지원"),
    UNKNOWN: NOT_KNOWN,
}
PURPOSES: Final[Mapping[str, Word]] = {
    Purpose.FIRST_CONTACT: Word("First contact", "첫 연락"),
    Purpose.FOLLOW_UP: Word("Follow-up", "후속 연락"),
    Purpose.DELETION_SUPPORT: Word("Deletion support", "삭제 지원"),
    Purpose.MESSAGE: Word("Reading or answering a message", "메시지 확인·답변"),
    Purpose.HANDOVER: Word("Handover", "인수인계"),
    Purpose.ERASURE: Word("Deciding on an erasure", "파기 결정"),
}
"""Why somebody opens the details of a report."""
ROUTING_REASONS: Final[Mapping[str, Word]] = {
    RoutingReason.HOME: Word("The home centre has room.", "관할 센터에 여유가 있습니다."),
    RoutingReason.HOME_FULL_NEIGHBOUR: Word(
        "The home centre is busy; a neighbour has more room.",
        "관할 센터가 바빠 여유가 더 있는 이웃 센터에 배정했습니다.",
    ),
    RoutingReason.HOME_FULL_WIDER: Word(
        "The home centre and its neighbours are full; this one has room.",
        "관할 센터와 이웃 센터가 모두 차서 여유가 있는 이 센터에 배정했습니다.",
    ),
    RoutingReason.HOME_CLOSED: Word("The home centre is closed.", "관할 센터가 지금 운영하지 않습니다."),
    RoutingReason.HOME_DECLINED: Word(
        "The reporter does not want the home centre.", "신고인이 관할 센터를 원하지 않습니다."
    ),
    RoutingReason.NO_HOME_SEOUL: Word(
        "Seoul has no centre of its own here; the least busy nearby takes it.",
        "서울은 이 시스템에 관할 센터가 없어 가까운 센터 중 가장 여유 있는 곳이 맡습니다.",
    ),
    RoutingReason.NO_HOME_OVERSEAS: Word(
        "The report comes from abroad; the least busy centre takes it.",
        "해외에서 접수된 신고로, 가장 여유 있는 센터가 맡습니다.",
    ),
    RoutingReason.NO_HOME_UNKNOWN: Word(
        "The place is not known; the least busy centre takes it.", "지역을 알 수 없어 가장 여유 있는 센터가 맡습니다."
    ),
    RoutingReason.NO_HOME_DISTRICT_UNKNOWN: Word(
        "The district is not known; the less busy of two takes it.",
        "시·군·구를 알 수 없어 두 센터 중 더 여유 있는 곳이 맡습니다.",
    ),
    RoutingReason.LINKED: Word(
        "The centre already looks after a linked report.", "연결된 신고를 이미 이 센터가 맡고 있습니다."
    ),
    RoutingReason.ALL_FULL: Word(
        "No centre had room within its limits; this one has it all the same.",
        "한도 안에서 맡을 수 있는 센터가 없어 이 센터가 맡습니다.",
    ),
    RoutingReason.ALL_CLOSED: Word(
        "Every centre that may take it is closed; the central centre takes it.",
        "맡을 수 있는 센터가 모두 운영하지 않아 중앙센터가 맡습니다.",
    ),
    RoutingReason.TRANSFER_ACCEPTED: Word("The centre accepted a transfer.", "이 센터가 이관을 수락했습니다."),
    RoutingReason.HOME_SEVERE_FULL: Word(
        "The people at the home centre have as many severe cases as they may; this one can take another.",
        "관할 센터 인원이 맡을 수 있는 중대 사례가 이미 한도에 이르러, 더 맡을 수 있는 이 센터에 배정했습니다.",
    ),
    RoutingReason.HOME_UNSTAFFED: Word(
        "It cannot wait and nobody is on duty at the home centre; here somebody is.",
        "미룰 수 없는 신고인데 관할 센터에 근무자가 없어, 지금 근무자가 있는 이 센터에 배정했습니다.",
    ),
    RoutingReason.HOME_OVERLOADED: Word(
        "The home centre is past what its staff can carry; this one gives room it keeps for its own people.",
        "관할 센터가 감당할 수 있는 양을 넘어서, 이 센터가 지역 주민 몫으로 남겨 둔 여유를 내어 맡습니다.",
    ),
    RoutingReason.NOBODY_ON_DUTY: Word(
        "It cannot wait and nobody is on duty anywhere; the central centre is told.",
        "미룰 수 없는 신고인데 어느 센터에도 근무자가 없어 중앙센터에 함께 알립니다.",
    ),
    RoutingReason.RETURNED_HOME: Word(
        "A transfer brought it back to its home centre.", "이관을 거쳐 관할 센터로 돌아왔습니다."
    ),
    UNKNOWN: Word(
        "The reason is one that this version does not know.", "이 버전에서는 알 수 없는 사유로 배정했습니다."
    ),
}
"""Why a report is at its centre, as a sentence without figures."""
TRANSFER_VOIDS: Final[Mapping[str, Word]] = {
    TransferVoid.SAME_OWNER: Word(
        "The centre that accepted owned the report already.", "수락한 센터가 이미 맡고 있는 신고였습니다."
    ),
    TransferVoid.DECLINED: Word(
        "The reporter does not want the centre that accepted.", "신고인이 원하지 않는 센터였습니다."
    ),
    TransferVoid.CENTER_CLOSED: Word(
        "The centre that accepted had closed.", "수락한 센터가 그 사이 운영을 마쳤습니다."
    ),
    TransferVoid.CENTRAL_NOT_NEEDED: Word(
        "The central centre takes a report only while no centre is open.",
        "중앙센터는 맡을 수 있는 센터가 하나도 없을 때만 신고를 맡습니다.",
    ),
    UNKNOWN: Word("The cause is one that this version does not know.", "이 버전에서는 알 수 없는 사유입니다."),
}
"""Why an accepted transfer was not carried out, as a sentence."""
CENTRAL_NAME: Final = Word("the central centre", "중앙센터")
"""The seventeenth organisation, within a sentence."""
MINISTRY_NAME: Final = Word("Ministry", "성평등가족부")

VOCABULARIES: Final[tuple[tuple[type[StrEnum], Mapping[str, Word]], ...]] = (
    (Urgency, URGENCIES),
    (HarmType, HARMS),
    (Role, ROLES),
    (StaffRole, STAFF_ROLES),
    (Channel, CHANNELS),
    (ContactChannel, CONTACT_CHANNELS),
    (AgeBand, AGE_BANDS),
    (Gender, GENDERS),
    (Relationship, RELATIONSHIPS),
    (PlatformKind, PLATFORM_KINDS),
    (CenterState, CENTER_STATES),
    (EndReason, END_REASONS),
    (Outcome, OUTCOMES),
    (SupportKind, SUPPORTS),
    (Purpose, PURPOSES),
    (RoutingReason, ROUTING_REASONS),
    (TransferVoid, TRANSFER_VOIDS),
)
"""Every vocabulary with its words. A value without a word, or a word for two values of one, fails a test."""
