"""What is taken for a secret and what is left alone."""

import json
import uuid

import pytest

from support.secrets import HEX, TOKENS, made, pem
from turnout.core.secrets import find
from turnout.core.secrets.scan import finding

STORAGE = made(86) + "=="
PASSWORD = "gT7!kw" + made(6)
LONG = made(40)
VERY_LONG = made(1_200)
HOOK = made(68)
BOT = "AA" + made(33)
MIXED = f"{made(5)}/{made(6)}$9Rz"

FOUND = [
    *((f"token = '{token}'", token) for token in TOKENS.values()),
    *((f"# see {token}.", token) for name, token in TOKENS.items() if name not in ("Slack bot", "Slack app", "GitLab",
      "GitLab runner", "Vault", "Google token", "Azure client secret")),
    *((f'{{"deep": ["{token}"]}}', token) for token in TOKENS.values()),
    *((f"curl -u {token}", token) for token in TOKENS.values()),
    (f"aws_secret_access_key = {LONG}", LONG),
    (f'AWS_SECRET_ACCESS_KEY="{LONG}"', LONG),
    (f"export API_KEY={LONG}", LONG),
    (f'"apiKey": "{LONG}",', LONG),
    (f"api-key: {LONG}", LONG),
    (f"client_secret => '{LONG}'", LONG),
    (f"os.environ['SECRET_KEY'] = '{LONG}'", LONG),
    (f'config.set("auth_token", "{LONG}")', LONG),
    (f"password: '{PASSWORD}'", PASSWORD),
    (f"DB_PASSWORD={PASSWORD}\nDB_HOST=here", PASSWORD),
    (f'val dbPassword = "{PASSWORD}"', PASSWORD),
    (f"MYSQL_PWD: {PASSWORD}", PASSWORD),
    (f"private_key_2 = b'{LONG}'", LONG),
    (f'SIGNING_SECRET = "{made(32, HEX)}7"', None),
    (f'api_token = "{uuid.UUID(int=2**127 + 3**70)}"', str(uuid.UUID(int=2**127 + 3**70))),
    (f"Authorization: Bearer {LONG}", LONG),
    (f"headers = {{'Authorization': 'Basic {made(24)}=='}}", None),
    (f"postgres://app:{PASSWORD}@db.internal:5432/shop", PASSWORD),
    (f"url = 'amqps://u:{LONG}@mq.example.org'", LONG),
    (f"redis://:{PASSWORD}@cache:6379", PASSWORD),
    (f"mongodb+srv://svc:{LONG}@cluster0.abcde.mongodb.net/?w=majority", LONG),
    (f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={STORAGE};EndpointSuffix=net", STORAGE),
    (f"Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey={made(43)}=", None),
    (f'"DefaultEndpointsProtocol=https;AccountName=shop;EndpointSuffix=net;AccountKey={STORAGE}"', STORAGE),
    (f"'Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey={made(43)}='", None),
    (f'SECRET_KEY = "{VERY_LONG}"', VERY_LONG),
    (f"SECRET_KEY={VERY_LONG}\n", VERY_LONG),
    (f'token: "{made(4_000)}"', None),
    (f"DB_PASS={PASSWORD}\n", PASSWORD),
    (f"PASS={PASSWORD}\n", PASSWORD),
    (f'"pass": "{PASSWORD}",', PASSWORD),
    (f"smtp_pass => '{PASSWORD}'", PASSWORD),
    (f'val dbPass = "{PASSWORD}"', PASSWORD),
    (f"<password>{PASSWORD}</password>", PASSWORD),
    (f"<dbPassword>{PASSWORD}</dbPassword>", PASSWORD),
    (f"<ns:apiKey>{LONG}</ns:apiKey>", LONG),
    (f"postgres://app:{MIXED}@db.internal:5432/shop", MIXED),
    (f"postgres://app:Ab3/{PASSWORD}@db/shop", f"Ab3/{PASSWORD}"),
    ("amqp://app:Ab3$x9Zq@mq", "Ab3$x9Zq"),
    (f"https://hooks.slack.com/services/T{made(8, HEX)}/B{made(8, HEX)}/{made(24)}", None),
    (f"https://discord.com/api/webhooks/{made(19, '123456789')}/{made(68)}", None),
    (f"https://discord.com/api/v10/webhooks/{made(19, '123456789')}/{HOOK}?wait=1", HOOK),
    (f"https://api.telegram.org/bot{made(10, '123456789')}:{BOT}/getMe", BOT),
    (f'TELEGRAM = "{made(9, "123456789")}:{BOT}"', BOT),
    (f"https://shop.blob.core.windows.net/c/b?sv=2024&sig={made(43)}%3D", None),
]  # fmt: skip
"""Text, and the secret in it; None where it only has to be found."""

SHA1 = made(40, HEX)
SHA256 = made(64, HEX)
SRI = "sha512-" + made(86) + "=="
WORDS = "the quick brown fox jumps over the lazy dog"

LEFT_ALONE = [
    "",
    "\n\n\n",
    WORDS,
    "password",
    "password = ",
    'password = ""',
    "password: str | None = None",
    "def login(user: str, password: str) -> Token:",
    'password = "password"',
    'password = "changeme"',
    'password = "your-password-here"',
    'PASSWORD = "correct horse battery staple"',
    'api_key = "YOUR_API_KEY"',
    'api_key = "<your api key>"',
    'api_key = "${API_KEY}"',
    "api_key = '{{ vault.api_key }}'",
    "api_key=$API_KEY",
    "API_KEY=${{ secrets.API_KEY }}",
    "api_key = os.environ['API_KEY']",
    'api_key = os.getenv("SERVICE_API_KEY_2024")',
    "apiKey: process.env.SERVICE_API_KEY_2024,",
    'key = "env:ANTHROPIC_API_KEY"',
    'key = "keyring:service-account-2"',
    "token = self._tokens.pop()",
    "token = next(self.tokens)",
    "token = tokenizer.convert_tokens_to_ids(text)",
    "token: Token = parser.current_token",
    "secret = get_secret_value(name='x1')",
    "max_tokens = 4096",
    "max_tokens=65536",
    '"input_tokens": 123456789,',
    'next_page_token = "CAoQAA1234abcdEFGH5678ijkl"',
    'tokenizer = "Qwen/Qwen2.5-Coder-0.5B-Instruct"',
    'bos_token = "<|begin_of_text|>"',
    'special_token = "<|fim_prefix_42|>"',
    'token_type = "urn:ietf:params:oauth:token-type:jwt"',
    'token_url = "https://login.example.org/oauth2/v2.0/token"',
    'secret_name = "prod/database/main-2024"',
    'key_id = "alias/main-key-1"',
    'primary_key = "customer_id"',
    'sort_key = "created_at#2024-01-01"',
    'cache_key = "user:1234:profile:v2"',
    'public_key = "' + made(44) + '"',
    'key = "ArrowLeft"',
    'key = "Ctrl+Shift+F12"',
    'key="item-3f"',
    "for key, value in items.items():",
    "keyboard = Keyboard()",
    'monkey = "banana"',
    'author = "Ada Lovelace <ada@example.org>"',
    'auth = "basic"',
    "auth = HTTPBasicAuth(user, password)",
    f"commit {SHA1}",
    f"Merge {SHA1[:7]} into {SHA1[7:14]}",
    f'sha256 = "{SHA256}"',
    f"sha256:{SHA256}",
    f"{SHA256}  weights.gguf",
    f'"integrity": "{SRI}",',
    f"    --hash=sha256:{SHA256} \\",
    f'checksum = "{SHA256}"',
    f'token_sha256 = "{SHA256}"',
    f'password_hash = "{SHA256}"',
    f'{{ url = "https://files.example.org/x.whl", hash = "sha256:{SHA256}", size = 3 }}',
    f"uses: actions/checkout@{SHA1}",
    f"image: registry.example.org/app@sha256:{SHA256}",
    f"github.com/x/y v1.2.3 h1:{made(43)}=",
    f"id = '{uuid.UUID(int=12345678901234567890)}'",
    f'key = "{uuid.UUID(int=12345678901234567890)}"',
    f"GUID({{{str(uuid.UUID(int=2**126 + 99)).upper()}}})",
    "550e8400-e29b-41d4-a716-446655440000",
    f"data = '{made(400)}'",
    f'const img = "data:image/png;base64,iVBORw0KGgo{made(300)}==";',
    f"var a=function(e,t){{return e.key===t.token?e.secret:t}};!function(){{var n={{password:e,token:{'t' * 9}}}}}();",
    "a.key=b.key,c.token=d.token,e.password=f.password;g({key:h,token:i,auth:j})",
    "-----BEGIN CERTIFICATE-----\n" + "\n".join(made(64) for _ in range(4)) + "\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\n" + "\n".join(made(64) for _ in range(4)) + "\n-----END PUBLIC KEY-----",
    'if line.startswith("-----BEGIN PRIVATE KEY-----"):\n    self.reading_a_private_key_now = True\n',
    'BEGIN, END = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"',
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n<the key>\n-----END PRIVATE KEY-----",
    "AKIAIOSFODNN7EXAMPLE",
    "AKIA",
    "ghp_",
    'prefix = "ghp_"\nreturn prefix + token',
    'PREFIXES = ("ghp_", "gho_", "ghu_")',
    "sk-ant-...",
    "sk-your-key-here-and-nothing-else-please",
    "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "task-management-system-with-a-long-name-indeed",
    "risk-assessmentofthewholeworldincludingeverything",
    "npm_config_registry=https://registry.example.org",
    "npm_lifecycle_event",
    "hf_hub_download(repo_id, filename)",
    "hf_transformers_version_check_and_more",
    "xoxo, gossip",
    "glob-patterns-and-more-of-them",
    "global-navigation-bar-with-items",
    "shp_to_geojson",
    "whsec_",
    "AIza",
    "eyJ",
    "eyJhbGciOiJIUzI1NiJ9",
    "Bearer of good news from the front",
    "the Bearer token",
    "Bearer ${token}",
    "Basic usage",
    "basic authentication is described below",
    "postgres://user:password@localhost/db",
    "postgres://${USER}:${PASSWORD}@localhost/db",
    "postgres://user:<password>@localhost/db",
    "postgres://localhost:5432/db",
    "https://example.org:8443/path@v2",
    "https://user@example.org/x.git",
    "git+https://git@github.com/x/y@v1",
    "ssh://git@example.org:22/x.git",
    'f"{scheme}://{user}:{password}@{host}"',
    "http://[::1]:8080/",
    "see https://docs.example.org/a:b",
    "postgres://user:$DB_PASSWORD_2a@db/x",
    "postgres://user:$PW@db/x",
    "http://localhost:8080/@vite/client",
    "http://localhost:8080/Img2/logo@2x.png",
    "https://cdn.example.org:8443/npm/React18/umd@18.2.0",
    "see http://mirror:port/and/path2@v2",
    "AccountKey=",
    "sig=abc",
    "&sig={signature}",
    'signature = "def f(a, b): ..."',
    "class SecretsManagerClientConfigurationBuilderFactory2:",
    "import { AuthenticationTokenProvider2 } from './auth'",
    'translate("auth.password.reset.title2")',
    '"password": "Passwort vergessen?",',
    f'bypass = "{PASSWORD}"',
    f'compass: "{PASSWORD}"',
    f'passes = "{PASSWORD}"',
    "    pass  # the base class does it: v2!",
    "pass = pipeline2.Optimize",
    "PASS: tests/unit/Parser2/Accepts-empty_input",
    "PASS: TestServer/HTTP2-upgrade+keepalive",
    "--- PASS: TestParse/with_port_8080 (0.01s)",
    "<password>changeme</password>",
    "<password>${db.password.2}</password>",
    "<password>@db.password.2@</password>",
    '<label for="password">Passwort-2.Versuch!</label>',
    "<key>NSAppTransportSecurity</key>",
    "<key>com.apple.security.temporary-exception.2</key>",
    "<token>identifier_2</token>",
    f'secret = "f({made(1_000)})"',
    f'token = "{made(500)}(x)"',
    "password_field = By.ID('input-password-1')",
    'secret: "kubernetes.io/service-account-token"',
    "secretKeyRef:\n  name: shop-db\n  key: password\n",
    "tokens = ['a1', 'b2', 'c3']",
    "credentials: 'include'",
    "credentials = Credentials.from_file(path)",
    'passphrase = input("Passphrase: ")',
    'pwd = os.path.join("C:", "Users1")',
    "OLDPWD=/home/me/src2",
    "PWD=/home/me/src/project-2",
    'license_key_file = "/etc/app/license-2.key"',
    'KEY_PATH="/etc/ssl/private/server1.key"',
    'api_key_header = "X-Api-Key-V2"',
    "X-Api-Key: your-key",
    "accessKey: accessKey2024",
    'theme_color_token = "--color-primary-500"',
    "spacing-token: var(--space-4)",
    'csrf_token = "{% csrf_token %}"',
    "<input type='password' name='password' autocomplete='new-password2'>",
    'data-testid="login-password-1"',
    'dict_key = f"fp16_{self.compute_capability}"',
    'token = f"tok_{self.user_id}_v2x"',
    "token = Keyword.Type",
    "out_token = Generic.Error2",
    'jsonnet_token = r"[^\\W\\d]\\w*1"',
    'pkey = r"HARDWARE\\DESCRIPTION\\System\\Processor1"',
    '("PyPI token", "pypi-AgE")',
    "lorem ipsum dolor sit amet, consetetur sadipscing elitr",
    "MTk4.the.rest",
    f"NDA.{made(6)}.{made(30)}",
    "Object.MToBeContinuedAndSoOn.Second.third_one_is_a_method",
    "POST /webhooks/12345678901234567/messages",
    "https://discord.com/api/webhooks/{id}/{token}",
    "12:AAbbcc",
    f"12345678:BB{made(33)}",
    "lin_api_",
    "lin_regress_of_the_whole_data_set_by_columns",
    'key.startswith("NRAK-")',
    "NRAL",
    "PMAK-...",
    "sbp_project",
    "sb_secret_name",
    "sb_publishable_" + made(31),
    "ntn_backend_configuration_of_the_next_network",
    "secret_manager_client_configuration_builder_for_tests",
    "pplx-70b-online",
    "EAAAAAAA",
    "sq0atp-",
    f"cache-key-{made(32, HEX)}",
    f"pubkey-{made(32, HEX)}",
    "key-value",
]
"""Text without any secret."""


@pytest.mark.parametrize(("text", "secret"), FOUND)
def test_found(text: str, secret: str | None) -> None:
    """A secret is found whole, and nothing around it is."""
    found = find(text)
    assert found, text
    if secret is not None:
        assert secret in [text[one.start : one.end] for one in found]
        assert len(found) == 1


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_left_alone(text: str) -> None:
    """What only looks like a secret, or only speaks of one, stays as it is."""
    assert [text[one.start : one.end] for one in find(text)] == []


def test_more_is_left_alone() -> None:
    """The table has at least twice as many rows of what is left alone as there are kinds of secrets."""
    assert len(LEFT_ALONE) >= 2 * (len(TOKENS) + len(FOUND) - 4 * len(TOKENS))


KEYS = [
    pem("RSA"),
    pem(""),
    pem("EC", count=1),
    pem("OPENSSH"),
    pem("ENCRYPTED", ends="\r\n"),
    pem("RSA", headers="Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011223344556677\n"),
    pem("", ends="\\n"),
    pem("", ends='\\n"\n    "'),
    pem("RSA", ends="\n    "),
    pem("RSA", ends="\n# "),
    pem("RSA", ends='\\n" +\n  "'),
    pem("RSA", ends="\\\\n"),
]


@pytest.mark.parametrize(("text", "lines"), KEYS)
def test_private_keys(text: str, lines: list[str]) -> None:
    """Every line of a private key is found, also where the key's beginning or its end is cut off."""
    half = text.index(lines[-1][:8]) if len(lines) > 2 else len(text)
    for shown in (text, f"x = 1\n{text}y = 2\n", text[text.index(lines[0]) :], text[:half]):
        found = {shown[one.start : one.end] for one in find(shown)}
        assert {line for line in lines if line in shown} <= found


def test_lines_stay() -> None:
    """No span holds the end of a line, whatever the text."""
    everything = "\n".join(text for text, _ in FOUND) + "\n".join(text for text, _ in KEYS)
    for one in find(everything):
        assert "\n" not in everything[one.start : one.end]


def test_steps() -> None:
    """A long text is scanned in many steps, so that nobody has to wait for all of it."""
    steps = finding("key = value\n" * 10_000)
    assert sum(1 for _ in steps) > 100


EC = {"kty": "EC", "crv": "P-256", "x": made(43), "y": made(43), "d": made(43)}
RSA = {"kty": "RSA", "n": made(342), "e": "AQAB"} | {
    name: made(171) for name in ("d", "p", "q", "dp", "dq", "qi")
}
WEB_KEYS = [
    (EC, ("d",)),
    ({"kid": "a", "use": "sig", "d": made(43), "kty": "OKP", "crv": "Ed25519", "x": made(43)}, ("d",)),
    (RSA, ("d", "p", "q", "dp", "dq", "qi")),
    ({"kty": "oct", "k": made(43), "alg": "HS256"}, ("k",)),
]
"""JSON Web Keys, and the names of their private members."""


@pytest.mark.parametrize(("key", "private"), WEB_KEYS)
def test_web_keys(key: dict[str, str], private: tuple[str, ...]) -> None:
    """The private members of a JSON Web Key are found in every spelling, and its public ones are left alone."""
    secrets = {key[name] for name in private}
    texts = (
        json.dumps(key),
        json.dumps({"keys": [key, key]}, indent=2),
        json.dumps(json.dumps(key)),
        "{" + ", ".join(f"{name}: '{value}'" for name, value in key.items()) + "}",
    )
    for text in texts:
        assert {text[one.start : one.end] for one in find(text)} == secrets
    public = {name: value for name, value in key.items() if name not in private}
    assert find(json.dumps({"keys": [public], "d": made(43)})) == []
