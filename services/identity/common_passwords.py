"""Passwords of at least 12 characters that guessers try first (NIST SP 800-63B, 3.1.1.2: compare against a blocklist).

Shorter common ones need no list: the length refuses them. Kept small on purpose; what a guesser can try is bounded by
the delays, not by this list.
"""

from typing import Final

_LIST: Final = """
password1234 password12345 password123456 password1234! passwordpassword passw0rd1234 p@ssw0rd1234 mypassword123
123456789012 1234567890123 12345678901234 123123123123 111111111111 000000000000 123456123456 012345678901
112233445566 121212121212 987654321098 102030405060 147258369147 123412341234 1q2w3e4r5t6y 1q2w3e4r5t6y7u
qwertyuiop12 qwertyuiop123 qwertyuiop[] qwerty123456 qwerty1234567 qwer1234qwer asdfghjkl123 asdf1234asdf
zxcvbnm12345 1qaz2wsx3edc 1qaz2wsx3edc4rfv q1w2e3r4t5y6 qazwsxedcrfv zaq12wsxcde3 abcdefghijkl abcd12345678
abc123456789 abcdefg12345 iloveyou1234 iloveyou12345 iloveyouforever ilovemyfamily letmein12345 welcome12345
welcome123456 administrator admin1234567 admin12345678 adminadmin12 root12345678 changeme1234 changemenow1
master123456 superman1234 princess1234 sunshine1234 football1234 baseball1234 monkey123456 dragon123456
trustno11234 whatever1234 letmeinplease secret123456 testtesttest test12345678 temporary123 korea1234567
koreakorea12 seoul1234567 seoulseoul12 daehanminguk daehanminguk1 samsung12345 galaxy123456 hangul123456
gksrmf123456 alsrud123456 tkfkdgo12345 tkfkdgody123 dkssudgktpdy dkssudgktpdy1 qlalfqjsgh12 qlalfqjsgh123
rhksflwk1234 tkdekatk1234 tjdvhrfur123 elwlxjftjdqjawhl naver1234567 kakao1234567 1366136613661366 counsellor12
counsellor123 counselor123 centre123456 center123456 welcomewelcome spring2026!! summer2026!! autumn2026!!
winter2026!! january2026! password2026 password2026! password2025! qwerty2026!! seoul2026!!!!
correcthorsebatterystaple
"""
COMMON: Final = frozenset(_LIST.split())
