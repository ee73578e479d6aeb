"""Browsers, apps, screens and places that devices of the web domain have."""

from dataclasses import dataclass

import numpy as np

DEVICE_TYPES = ("desktop", "mobile", "tablet")
DESKTOP, MOBILE, TABLET = range(3)

_CHROME = "(KHTML, like Gecko) Chrome"
_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)"


@dataclass(frozen=True)
class Agent:
    """A browser or app, as it names itself, and how common it is among people."""

    text: str
    device_type: int
    weight: float
    screen: str
    platform: str = "web"
    app_version: str = "5.2.0"


AGENTS = (
    Agent(f"{_WINDOWS} AppleWebKit/537.36 {_CHROME}/131.0.0.0 Safari/537.36",
          DESKTOP, 0.22, "1920x1080"),
    Agent(f"{_WINDOWS} AppleWebKit/537.36 {_CHROME}/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
          DESKTOP, 0.09, "2560x1440"),
    Agent("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
          DESKTOP, 0.04, "1920x1080"),
    Agent(f"{_MAC} AppleWebKit/537.36 {_CHROME}/131.0.0.0 Safari/537.36",
          DESKTOP, 0.08, "1728x1117"),
    Agent(f"{_MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
          DESKTOP, 0.07, "1440x900"),
    Agent("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
          DESKTOP, 0.04, "1920x1200"),
    Agent(f"{_IPHONE} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 "
          "Safari/604.1", MOBILE, 0.15, "393x852"),
    Agent("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 "
          f"{_CHROME}/131.0.0.0 Mobile Safari/537.36", MOBILE, 0.13, "412x915"),
    Agent(f"{_IPHONE} AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 ExampleApp/3.4.1",
          MOBILE, 0.06, "390x844", "ios", "3.4.1"),
    Agent("Mozilla/5.0 (Linux; Android 14; SM-S921B; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
          "Version/4.0 Chrome/131.0.0.0 Mobile Safari/537.36 ExampleApp/3.4.0",
          MOBILE, 0.05, "360x780", "android", "3.4.0"),
    Agent("Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15 "
          "(KHTML, like Gecko) Version/17.7 Mobile/15E148 Safari/604.1", TABLET, 0.05, "820x1180"),
    Agent("Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 "
          f"{_CHROME}/131.0.0.0 Safari/537.36", TABLET, 0.02, "800x1280"),
)  # fmt: skip
CRAWLERS = (
    Agent("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
          DESKTOP, 0.4, "1024x768"),
    Agent("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
          DESKTOP, 0.25, "1024x768"),
    Agent("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
          DESKTOP, 0.2, "1024x768"),
    Agent("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; "
          "+https://openai.com/gptbot)", DESKTOP, 0.15, "1024x768"),
)  # fmt: skip
ALL_AGENTS = AGENTS + CRAWLERS
DEVICE_TYPE_OF = np.array([agent.device_type for agent in ALL_AGENTS])


@dataclass(frozen=True)
class Place:
    """A network, how common it is among people, and the language spoken there.

    `{}` in `network` stands for a number from 0 to 255; an IPv6 one takes it as four digits.
    """

    network: str
    country: str
    weight: float
    locale: str


PLACES = (
    Place("10.1.{}.{}", "DE", 0.22, "de-DE"),
    Place("203.0.113.{}", "DE", 0.08, "de-DE"),
    Place("10.2.{}.{}", "FR", 0.14, "fr-FR"),
    Place("10.3.{}.{}", "US", 0.14, "en-US"),
    Place("10.4.{}.{}", "US", 0.10, "en-US"),
    Place("10.5.{}.{}", "GB", 0.12, "en-GB"),
    Place("10.6.{}.{}", "JP", 0.06, "ja-JP"),
    Place("10.7.{}.{}", "BR", 0.05, "pt-BR"),
    Place("10.8.{}.{}", "IN", 0.05, "en-IN"),
    Place("2001:db8:1::{}", "NL", 0.04, "nl-NL"),
)
DATA_CENTRE, OFFICE = "198.51.100.{}", "192.0.2.{}"
DATA_CENTRE_NETWORK, OFFICE_NETWORK = "198.51.100.0/24", "192.0.2.0/24"

CONSENTS = (
    ',"consent":{"analytics":true,"marketing":true}',
    ',"consent":{"analytics":true,"marketing":false}',
    ',"consent":{"analytics":false,"marketing":false}',
    "",
)
CONSENT_SHARES = (0.68, 0.17, 0.08, 0.07)
