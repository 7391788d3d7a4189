"""Labels in Korean and English for every vocabulary that more than one service shows.

A value has one label everywhere: lists, details, alerts, decisions, statistics, files, audit. Services take labels
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


class Label(str):
    """A label in both languages. As a string it is English; ``Translator`` gives the Korean text.

    It needs no entry in a ``ko.po``, and none can override it.
    """

    ko: str

    def __new__(cls, english: str, korean: str) -> Self:
        """Make a label from its English and Korean texts."""
        label = super().__new__(cls, english)
        label.ko = korean
        return label

    def text(self, language: str) -> str:
        """The text in a language: Korean for ``ko``, else English."""
        return self.ko if language == "ko" else str(self)


_OTHER: Final = Label("Other", "기타")
NOT_KNOWN: Final = Label("Unknown", "알 수 없음")
"""Not stated, or a value of an open vocabulary that this build does not know."""

URGENCIES: Final[Mapping[str, Label]] = {
    Urgency.CRITICAL: Label("Critical", "매우 긴급"),
    Urgency.HIGH: Label("Urgent", "긴급"),
    Urgency.NORMAL: Label("Normal", "보통"),
    UNKNOWN: NOT_KNOWN,
}
HARMS: Final[Mapping[str, Label]] = {
    HarmType.FEAR_OF_DISTRIBUTION: Label("Fear of distribution", "유포불안"),
    HarmType.ILLEGAL_FILMING: Label("Illegal filming", "불법촬영"),
    HarmType.DISTRIBUTION: Label("Distribution", "유포"),
    HarmType.DISTRIBUTION_THREAT: Label("Threat to distribute", "유포협박"),
    HarmType.SYNTHESIS: Label("Synthesis or editing", "합성·편집"),
    HarmType.CYBER_HARASSMENT: Label("Cyber harassment", "사이버괴롭힘"),
    HarmType.ONLINE_GROOMING: Label("Online grooming", "온라인 그루밍"),
    HarmType.BODY_CAM_PHISHING: Label("Body-cam phishing", "몸캠피싱"),
    HarmType.CHILD_MATERIAL: Label("Child sexual exploitation material", "아동·청소년성착취물"),
    HarmType.OTHER: _OTHER,
    UNKNOWN: NOT_KNOWN,
}
ROLES: Final[Mapping[str, Label]] = {
    Role.VICTIM: Label("The person harmed", "피해자 본인"),
    Role.REPRESENTATIVE: Label("A representative", "대리인"),
    Role.THIRD_PARTY: Label("A third party", "제3자"),
    UNKNOWN: NOT_KNOWN,
}
STAFF_ROLES: Final[Mapping[str, Label]] = {
    StaffRole.OPERATOR: Label("Phone operator", "전화 접수원"),
    StaffRole.COUNSELLOR: Label("Counsellor", "상담원"),
    StaffRole.LEAD: Label("Lead", "책임자"),
    StaffRole.ANALYST: Label("Analyst", "분석 담당"),
    StaffRole.AUDITOR: Label("Auditor", "감사 담당"),
    StaffRole.ADMINISTRATOR: Label("Administrator", "계정 관리자"),
}
CHANNELS: Final[Mapping[str, Label]] = {
    Channel.WEB: Label("Web form", "웹"),
    Channel.PHONE: Label("Phone", "전화"),
    Channel.API: Label("Another front end", "다른 접수 창구"),
    UNKNOWN: NOT_KNOWN,
}
CONTACT_CHANNELS: Final[Mapping[str, Label]] = {
    ContactChannel.PHONE: Label("Phone call", "전화"),
    ContactChannel.TEXT: Label("Text message", "문자"),
    ContactChannel.EMAIL: Label("E-mail", "이메일"),
    ContactChannel.MESSAGE_HERE: Label("Message with the receipt", "접수번호로 보는 메시지"),
    UNKNOWN: NOT_KNOWN,
}
AGE_BANDS: Final[Mapping[str, Label]] = {
    AgeBand.UNDER_14: Label("Under 14", "14세 미만"),
    AgeBand.FROM_14_TO_18: Label("14 to 18", "14~18세"),
    AgeBand.FROM_19_TO_24: Label("19 to 24", "19~24세"),
    AgeBand.FROM_25_TO_29: Label("25 to 29", "25~29세"),
    AgeBand.THIRTIES: Label("30 to 39", "30대"),
    AgeBand.FORTIES: Label("40 to 49", "40대"),
    AgeBand.FIFTIES_UP: Label("50 and over", "50대 이상"),
    AgeBand.UNKNOWN: NOT_KNOWN,
}
GENDERS: Final[Mapping[str, Label]] = {
    Gender.FEMALE: Label("Female", "여성"),
    Gender.MALE: Label("Male", "남성"),
    Gender.OTHER: _OTHER,
    Gender.UNKNOWN: NOT_KNOWN,
}
RELATIONSHIPS: Final[Mapping[str, Label]] = {
    Relationship.TEMPORARY: Label("Met once or online", "일시적 관계"),
    Relationship.STRANGER: Label("Stranger", "모르는 사람"),
    Relationship.INTIMATE: Label("Partner, present or former", "친밀한 관계"),
    Relationship.SOCIAL: Label("Somebody known", "사회적 관계"),
    Relationship.FAMILY: Label("Family", "가족"),
    Relationship.UNKNOWN: NOT_KNOWN,
}
"""Categories of the yearly statistics."""
PLATFORM_KINDS: Final[Mapping[str, Label]] = {
    PlatformKind.SOCIAL_MEDIA: Label("Social media", "소셜미디어"),
    PlatformKind.MESSENGER: Label("Messenger", "메신저"),
    PlatformKind.ADULT_SITE: Label("Adult site", "성인사이트"),
    PlatformKind.SEARCH_ENGINE: Label("Search engine", "검색엔진"),
    PlatformKind.COMMUNITY: Label("Online community", "온라인 커뮤니티"),
    PlatformKind.FILE_SHARING: Label("File sharing", "파일 공유"),
    PlatformKind.OTHER: _OTHER,
    PlatformKind.UNKNOWN: NOT_KNOWN,
}
CENTER_STATES: Final[Mapping[str, Label]] = {
    CenterState.OPEN: Label("Open", "운영 중"),
    CenterState.SHORT_STAFFED: Label("Short-staffed", "인력 부족"),
    CenterState.CLOSED: Label("Closed", "운영 안 함"),
    CenterState.UNSTAFFED: Label("Nobody on duty", "근무자 없음"),
}
END_REASONS: Final[Mapping[str, Label]] = {
    EndReason.WITHDRAWN: Label("Withdrawn", "철회됨"),
    EndReason.CLOSED: Label("Closed", "종결됨"),
}
OUTCOMES: Final[Mapping[str, Label]] = {
    Outcome.SUPPORTED: Label("Support completed", "지원 완료"),
    Outcome.REFERRED: Label("Referred to another organisation", "다른 기관에 연계"),
    Outcome.NO_CONTACT: Label("Could not be reached", "연락이 닿지 않음"),
    Outcome.NOT_IN_SCOPE: Label("Not a matter for this system", "지원 대상 아님"),
    Outcome.DUPLICATE: Label("Reported twice", "중복 신고"),
    UNKNOWN: NOT_KNOWN,
}
SUPPORTS: Final[Mapping[str, Label]] = {
    SupportKind.COUNSELLING: Label("Counselling", "상담"),
    SupportKind.DELETION: Label("Deletion support", "삭제 지원"),
    SupportKind.MONITORING: Label("Monitoring", "모니터링"),
    SupportKind.INVESTIGATION: Label("Link to investigators", "수사 연계"),
    SupportKind.LEGAL: Label("Legal help", "법률 지원"),
    SupportKind.MEDICAL: Label("Medical help", "의료 지원"),
    SupportKind.PSYCHOLOGICAL: Label("Psychological help", "심리 지원"),
    SupportKind.ACCOMPANIMENT: Label("Accompaniment", "동행 지원"),
    UNKNOWN: NOT_KNOWN,
}
PURPOSES: Final[Mapping[str, Label]] = {
    Purpose.FIRST_CONTACT: Label("First contact", "첫 연락"),
    Purpose.FOLLOW_UP: Label("Follow-up", "후속 연락"),
    Purpose.DELETION_SUPPORT: Label("Deletion support", "삭제 지원"),
    Purpose.MESSAGE: Label("Reading or answering a message", "메시지 확인·답장"),
    Purpose.HANDOVER: Label("Handover", "인수인계"),
    Purpose.ERASURE: Label("Deciding on an erasure", "파기 결정"),
}
"""Purposes for which staff open the details of a report."""
ROUTING_REASONS: Final[Mapping[str, Label]] = {
    RoutingReason.HOME: Label("The home centre has room.", "관할 센터에 여유가 있습니다."),
    RoutingReason.HOME_FULL_NEIGHBOUR: Label(
        "The home centre is busy; a neighbour has more room.",
        "관할 센터가 바빠 여유가 더 있는 이웃 센터에 배정했습니다.",
    ),
    RoutingReason.HOME_FULL_WIDER: Label(
        "The home centre and its neighbours are full; this one has room.",
        "관할 센터와 이웃 센터가 모두 차서 여유가 있는 이 센터에 배정했습니다.",
    ),
    RoutingReason.HOME_CLOSED: Label("The home centre is closed.", "관할 센터가 지금 운영하지 않습니다."),
    RoutingReason.HOME_DECLINED: Label(
        "The reporter does not want the home centre.", "신고인이 관할 센터를 원하지 않습니다."
    ),
    RoutingReason.NO_HOME_SEOUL: Label(
        "Seoul has no centre of its own here; the least busy nearby takes it.",
        "서울은 이 시스템에 관할 센터가 없어 가까운 센터 중 가장 여유 있는 곳이 맡습니다.",
    ),
    RoutingReason.NO_HOME_OVERSEAS: Label(
        "The report comes from abroad; the least busy centre takes it.",
        "해외에서 접수된 신고로, 가장 여유 있는 센터가 맡습니다.",
    ),
    RoutingReason.NO_HOME_UNKNOWN: Label(
        "The place is not known; the least busy centre takes it.", "지역을 알 수 없어 가장 여유 있는 센터가 맡습니다."
    ),
    RoutingReason.NO_HOME_DISTRICT_UNKNOWN: Label(
        "The district is not known; the less busy of two takes it.",
        "시·군·구를 알 수 없어 두 센터 중 더 여유 있는 곳이 맡습니다.",
    ),
    RoutingReason.LINKED: Label(
        "The centre already looks after a linked report.", "연결된 신고를 이미 이 센터가 맡고 있습니다."
    ),
    RoutingReason.ALL_FULL: Label(
        "No centre had room within its limits; this one has it all the same.",
        "한도 안에서 맡을 수 있는 센터가 없어 이 센터가 맡습니다.",
    ),
    RoutingReason.ALL_CLOSED: Label(
        "Every centre that may take it is closed; the central centre takes it.",
        "맡을 수 있는 센터가 모두 운영하지 않아 중앙센터가 맡습니다.",
    ),
    RoutingReason.TRANSFER_ACCEPTED: Label("The centre accepted a transfer.", "이 센터가 이관을 수락했습니다."),
    RoutingReason.HOME_SEVERE_FULL: Label(
        "The people at the home centre have as many severe cases as they may; this one can take another.",
        "관할 센터 인원이 맡을 수 있는 중대 사례가 이미 한도에 이르러, 더 맡을 수 있는 이 센터에 배정했습니다.",
    ),
    RoutingReason.HOME_UNSTAFFED: Label(
        "It cannot wait and nobody is on duty at the home centre; here somebody is.",
        "미룰 수 없는 신고인데 관할 센터에 근무자가 없어, 지금 근무자가 있는 이 센터에 배정했습니다.",
    ),
    RoutingReason.HOME_OVERLOADED: Label(
        "The home centre is past what its staff can carry; this one gives room it keeps for its own people.",
        "관할 센터가 감당할 수 있는 양을 넘어서, 이 센터가 지역 주민 몫으로 남겨 둔 여유를 내어 맡습니다.",
    ),
    RoutingReason.NOBODY_ON_DUTY: Label(
        "It cannot wait and nobody is on duty anywhere; the central centre is told.",
        "미룰 수 없는 신고인데 어느 센터에도 근무자가 없어 중앙센터에 함께 알립니다.",
    ),
    RoutingReason.RETURNED_HOME: Label(
        "A transfer brought it back to its home centre.", "이관을 거쳐 관할 센터로 돌아왔습니다."
    ),
    UNKNOWN: Label(
        "The reason is one that this version does not know.", "이 버전에서는 알 수 없는 사유로 배정했습니다."
    ),
}
"""Why a report is at its centre, as a sentence without figures."""
TRANSFER_VOIDS: Final[Mapping[str, Label]] = {
    TransferVoid.SAME_OWNER: Label(
        "The centre that accepted owned the report already.", "수락한 센터가 이미 맡고 있는 신고였습니다."
    ),
    TransferVoid.DECLINED: Label(
        "The reporter does not want the centre that accepted.", "신고인이 원하지 않는 센터였습니다."
    ),
    TransferVoid.CENTER_CLOSED: Label(
        "The centre that accepted had closed.", "수락한 센터가 그 사이 운영을 마쳤습니다."
    ),
    TransferVoid.CENTRAL_NOT_NEEDED: Label(
        "The central centre takes a report only while no centre is open.",
        "중앙센터는 맡을 수 있는 센터가 하나도 없을 때만 신고를 맡습니다.",
    ),
    UNKNOWN: Label("The cause is one that this version does not know.", "이 버전에서는 알 수 없는 사유입니다."),
}
"""Why an accepted transfer was not carried out, as a sentence."""
CENTRAL_NAME: Final = Label("the central centre", "중앙센터")
"""The seventeenth organisation, within a sentence."""
MINISTRY_NAME: Final = Label("Ministry", "성평등가족부")

LABELLED_VOCABULARIES: Final[tuple[tuple[type[StrEnum], Mapping[str, Label]], ...]] = (
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
"""Every vocabulary with its labels. A test fails for a value without a label, or a label of two values."""
