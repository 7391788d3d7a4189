"""The table of the 33 checks is complete, names them rightly, and each row names a test that exists."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[3]
CHECKS = """
5.1.1 적절한 대체 텍스트 제공
5.2.1 자막 제공
5.3.1 표의 구성
5.3.2 콘텐츠의 선형구조
5.3.3 명확한 지시사항 제공
5.4.1 색에 무관한 콘텐츠 인식
5.4.2 자동 재생 금지
5.4.3 텍스트 콘텐츠의 명도 대비
5.4.4 콘텐츠 간의 구분
6.1.1 키보드 사용 보장
6.1.2 초점 이동과 표시
6.1.3 조작 가능
6.1.4 문자 단축키
6.2.1 응답시간 조절
6.2.2 정지 기능 제공
6.3.1 깜빡임과 번쩍임 사용 제한
6.4.1 반복 영역 건너뛰기
6.4.2 제목 제공
6.4.3 적절한 링크 텍스트
6.4.4 고정된 참조 위치 정보
6.5.1 단일 포인터 입력 지원
6.5.2 포인터 입력 취소
6.5.3 레이블과 네임
6.5.4 동작기반 작동
7.1.1 기본 언어 표시
7.2.1 사용자 요구에 따른 실행
7.2.2 찾기 쉬운 도움 정보
7.3.1 오류 정정
7.3.2 레이블 제공
7.3.3 접근 가능한 인증
7.3.4 반복 입력 정보
8.1.1 마크업 오류 방지
8.2.1 웹 애플리케이션 접근성 준수
"""


def test_all_33_checks_are_there_and_each_names_a_test_that_exists() -> None:
    table = (PROJECT / "docs" / "kwcag.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in table.splitlines() if re.match(r"\| [5-8]\.", line)]
    assert [f"{row[0].strip()} {row[1].strip()}" for row in rows] == CHECKS.strip().splitlines()
    assert len(rows) == 33
    for _, _, how, shown in rows:
        path, _, name = shown.strip().strip("`").partition("::")
        source = (PROJECT / path).read_text(encoding="utf-8")
        assert len(how.strip()) > 10
        assert re.search(rf"^(?:async )?def {name}\(", source, re.MULTILINE), shown
