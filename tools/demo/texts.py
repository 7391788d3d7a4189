"""Made-up words for made-up reports, and the few shares no figure was found for. No real person or site is meant."""

from typing import Final

URL_SHARE: Final = 0.5
SPREADING_SHARE: Final = 0.6
VOICEMAIL_SHARE: Final = 0.2
"""Assumed."""

HOSTS: Final = ("video.example", "board.example.org", "images.example.net", "chat.example.com")

NARRATIVES: Final[dict[str, tuple[str, ...]]] = {
    "ko": (
        "아는 사람이 제 사진을 합성해서 단체방에 올렸다는 이야기를 들었어요.",
        "영상통화 뒤에 돈을 보내지 않으면 지인에게 퍼뜨리겠다고 해요.",
        "헤어진 뒤에 예전에 찍은 영상을 올리겠다고 계속 연락이 와요.",
        "탈의실에서 찍힌 것 같은 사진이 게시판에 올라와 있어요.",
        "모르는 계정이 제 사진과 이름을 함께 올렸어요. 지우는 방법을 알고 싶어요.",
        "친구 영상을 검색하다가 발견했어요. 본인도 알고 있고 도움을 원해요.",
    ),
    "en": (
        "Someone I know put my face into a picture and posted it in a group chat.",
        "They say they will send the recording to my contacts unless I pay.",
        "A picture taken without my knowledge is on a board. I want it taken down.",
    ),
    "vi": ("Có người đăng ảnh của tôi mà không xin phép. Tôi cần giúp gỡ xuống.",),
    "zh": ("有人未经同意发布了我的照片，我需要帮助删除。",),
    "th": ("มีคนโพสต์รูปของฉันโดยไม่ได้รับอนุญาต ฉันต้องการความช่วยเหลือ",),
}
