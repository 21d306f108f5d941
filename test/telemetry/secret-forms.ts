// Forms in which secrets come to be logged, and forms that only look so.
import { Agent } from 'node:http';

/** It is no word, number or token that is innocent anywhere. */
export const SECRET = 'hunter2hunter2hunter2';
/** A password of digits. */
export const NUMBER = 9_021_041_777;
const BASIC = Buffer.from(`ada:${SECRET}`).toString('base64');
const JWT = `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(`{"sub":"${SECRET}"}`).toString('base64url')}.c2lnbmF0dXJl`;
const PEM = '-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\n-----END RSA PRIVATE KEY-----';
/** None of them may appear. */
export const SECRETS: readonly string[] = [
  SECRET,
  String(NUMBER),
  BASIC,
  JWT.split('.')[1]!,
  'MIIEpAIBAAKCAQEA7',
  'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
  'sk_live_4eC39HqLyjWDarjtT1zdp7dc',
];

/** Names of secrets as they are written in one language or another. */
const NAMES = [
  ...[
    'password',
    'userPassword',
    'new_password',
    'password-confirmation',
    'PGPASSWORD',
    'PasswordHash',
    'pwd',
    'passwd',
  ],
  ...[
    'passphrase',
    'keyPassphrase',
    'DB_PASS',
    'pass',
    'secret',
    'clientSecret',
    'client_secret',
    'webhook-secret',
  ],
  ...[
    'token',
    'accessToken',
    'refresh_token',
    'id-token',
    'ADMIN_TOKEN',
    'tokens',
    'x-csrf-token',
    'authorization',
  ],
  ...[
    'proxy-authorization',
    'Authorization',
    'cookie',
    'cookies',
    'set-cookie',
    'setCookie',
    'apiKey',
    'api_key',
  ],
  ...[
    'x-api-key',
    'APIKey',
    'apikey',
    'privateKey',
    'private_key',
    'sshPrivateKeyPem',
    'secretAccessKey',
    'signing-key',
  ],
  ...[
    'credentials',
    'credential',
    'aws_credentials',
    'session',
    'sessionId',
    'session_id',
    'connect.sid',
    'PHPSESSID',
  ],
  ...[
    'jwt',
    'passWord',
    'Pass-Phrase',
    'pw',
    'code_verifier',
    'bearer',
    'otp',
    'pin',
    'cvv',
    'recoveryCodes',
    'x-hub-signature',
    'auth',
  ],
] as const;

/** Texts that hold a secret. */
export const SECRET_TEXTS: Readonly<Record<string, string>> = {
  'a bearer token': `sent Bearer ${SECRET}`,
  'basic credentials': `sent Basic ${BASIC}`,
  'a header field': `GET / HTTP/1.1\r\nAuthorization: Basic ${BASIC}\r\nAccept: */*`,
  'a short bearer token behind its name': 'authorization: Bearer x9021041777',
  'digest credentials': `Authorization: Digest username="ada", response="${SECRET}"`,
  'cookies of a request': `Cookie: theme=dark; sid=${SECRET}`,
  'a cookie of a response': `Set-Cookie: sid=${SECRET}; Path=/; HttpOnly`,
  'a query': `GET /callback?access_token=${SECRET}&page=2`,
  'a fragment': `https://app.example/#id_token=${SECRET}`,
  'a query inside a query': `https://a.example/?next=https%3A%2F%2Fb.example%2F%3Ftoken%3D${SECRET}%26page%3D2`,
  'a form': `user=ada&user[password]=${SECRET}`,
  'a list of a form': `user=ada&password[]=${SECRET}&pin[0]=${NUMBER}&page=2`,
  'a tree of a form': `user=ada&sign_up[password][first]=${SECRET}&users[0][token][]=${SECRET}`,
  'an encoded list of a form': `user=ada&password%5B%5D=${SECRET}&token%5b0%5d=${SECRET}&a%5Bpassword%5D%5Bnew%5D=${SECRET}`,
  'an encoded form': `user%5Bpassword%5D=${SECRET}&user%5Bname%5D=ada`,
  'a signed URL': `https://bucket.example/file?X-Amz-Date=1&X-Amz-Signature=${SECRET}`,
  'a URL with a password': `cannot reach postgres://ada:${SECRET}@db.example:5432/users`,
  'a password with signs of a URL': `cannot reach postgres://ada:p@${SECRET}/x?#y@db.example:5432/users`,
  'a URL without a user': `redis://:${SECRET}@cache.example:6379`,
  'a URL whose user is a token': `fatal: cannot read https://${SECRET}@git.example/shop.git`,
  'a connection string of names': `host=db.example user=ada password=${SECRET} dbname=users`,
  'a connection string in quotes': `host=db.example password='a ${SECRET}' dbname=users`,
  'a connection string with semicolons': `Server=db.example;Password=a,${SECRET};Database=users`,
  'an environment': `NODE_ENV=production PGPASSWORD=${SECRET} psql`,
  arguments: `Command failed: tool --host db.example --password ${SECRET}`,
  'arguments with one dash': `Command failed: tool -passphrase "a ${SECRET}"`,
  JSON: `sent {"user":"ada","password":"a\\"${SECRET}"}`,
  'JSON with a number': `sent {"user":"ada","password":${NUMBER}}`,
  'JSON with a list': `sent {"user":"ada","tokens":["a","${SECRET}"]}`,
  'JSON with an object': `sent {"credentials":{"a":{"b":1},"c":"${SECRET}"}}`,
  'JSON inside JSON': `sent ${JSON.stringify(JSON.stringify({ user: 'ada', password: SECRET }))}`,
  'JSON inside JSON inside JSON, with a quote': JSON.stringify(
    JSON.stringify(JSON.stringify({ password: `a"${SECRET}`, user: 'ada' })),
  ),
  'JSON with brackets in its values': `sent {"auth":{"user":"ada","password":"a}${SECRET}","tokens":["a]${SECRET}"]},"by":"ada"}`,
  SQL: `alter role ada set password='it''s${SECRET}'`,
  'JSON that was cut': `sent {"user":"ada","password":"${SECRET}`,
  'an object that was inspected': `{ user: 'ada', password: '${SECRET}' }`,
  YAML: `user: ada\npassword: ${SECRET}\nport: 1`,
  'a hash': `{"user" => "ada", "password" => "${SECRET}"}`,
  XML: `<login><user>ada</user><password>${SECRET}</password></login>`,
  'an element with attributes': `<login><password type="text" n='1'>${SECRET}</password></login>`,
  'an element of a name space': `<wsse:Password\n  Type="https://a.example/#PasswordText">${SECRET}</wsse:Password>`,
  'an element of CDATA': `<user>ada</user><password><![CDATA[a]<b>${SECRET}]]></password>`,
  'an attribute': `<login user="ada" password="${SECRET}"/>`,
  'a key of PostgreSQL': `Key (email, token)=(ada@a.example, ${SECRET}) already exists.`,
  'a JWT': `signed in with ${JWT}`,
  'a private key': `read ${PEM}`,
  'a private key in one line': `read ${PEM.replaceAll('\n', '\\n')}`,
  'a private key that was cut': `read ${PEM.slice(0, 52)}`,
  'a token of GitHub': 'pushed with ghp_16C7e42F292c6912E7710c838347Ae178B4a',
  'a key of Stripe': 'charged with sk_live_4eC39HqLyjWDarjtT1zdp7dc',
  'a list': `sent ["theme","dark","cookie","${SECRET}"]`,
  pairs: `sent ${JSON.stringify(
    JSON.stringify([
      ['x-api-key', SECRET],
      ['host', 'db.example'],
    ]),
  )}`,
  'a list that was inspected': `sent [ 'Authorization', '${SECRET}' ]`,
  'a name and a value': `sent {"name":"Authorization","value":"${SECRET}"}`,
  'a name and a value in XML': `<add key="ApiKey" value="${SECRET}"/>`,
  'a part of a form': `Content-Disposition: form-data; name="password"\r\n\r\n${SECRET}\r\n--b--`,
  'a list in a part of a form': `form-data; name="user[password][]"\r\n\r\n${SECRET}\r\n--b--`,
  'a user of curl': `Command failed: curl -u ada:${SECRET} https://db.example`,
  'a sentence': `the password: ${SECRET} was refused`,
  'a password that begins like a sentence': `the password: must${SECRET} was refused`,
  'a connection string of ODBC': `Driver=x;UID=ada;PWD=/${SECRET};Database=users`,
  'a variable that is no folder': `USER=ada PWD=${SECRET} tool`,
};

class Client {
  readonly user = 'ada';
  readonly #password = SECRET;
  readonly apiKey = SECRET;
  get password(): string {
    return this.#password;
  }
}

/** As of Axios. */
const axiosHeaders = () =>
  Object.assign(
    Object.create({ toJSON: () => ({ accept: '*/*', Authorization: `Bearer ${SECRET}` }) }) as object,
    {
      Authorization: `Bearer ${SECRET}`,
    },
  );

/** Values that hold a secret, as members of what is logged. Made anew each time. */
export const SECRET_VALUES: Readonly<Record<string, () => unknown>> = {
  'a field of headers that show themselves': axiosHeaders,
  'a field of a model that shows itself': () => ({ toJSON: () => ({ id: 1, passwordHash: SECRET }) }),
  'what shows itself inside what shows itself': () => ({
    toJSON: () => ({ toJSON: () => ({ secret: SECRET }) }),
  }),
  'a list that shows itself': () => ({ toJSON: () => [['cookie', SECRET]] }),
  'a map': () =>
    new Map([
      ['user', 'ada'],
      ['password', SECRET],
    ]),
  'a map of texts': () => new Map([[1, `token=${SECRET}`]]),
  'a map inside a map': () => new Map([['a', new Map([['privateKey', SECRET]])]]),
  'a set': () => new Set([`Bearer ${SECRET}`]),
  'a set of pairs': () => new Set([['cookie', SECRET]]),
  'headers of fetch': () => new Headers({ accept: '*/*', cookie: SECRET }),
  parameters: () => new URLSearchParams({ page: '2', access_token: SECRET }),
  'a form': () => {
    const form = new FormData();
    form.set('password', SECRET);
    return form;
  },
  'a URL': () => new URL(`https://ada:${SECRET}@a.example/?token=${SECRET}`),
  'an instance': () => new Client(),
  'an agent with options': () => Object.assign(new Agent(), { options: { auth: `ada:${SECRET}` } }),
  'an object without a prototype': () => Object.assign(Object.create(null) as object, { password: SECRET }),
  'a getter': () => ({
    get token() {
      return SECRET;
    },
  }),
  'a Proxy': () => new Proxy({ password: SECRET }, {}),
  'an error': () =>
    Object.assign(new Error(`no access with token=${SECRET}`), { config: { apiKey: SECRET } }),
  'a cause': () => new Error('a', { cause: new Error('b', { cause: new Error(`password=${SECRET}`) }) }),
  'a command of Redis': () => ({ command: { name: 'auth', args: ['ada', SECRET] } }),
  'a greeting of Redis': () => ({ command: { name: 'hello', args: ['3', 'AUTH', 'ada', SECRET] } }),
  'a setting of Redis': () => ({ command: { name: 'config', args: ['SET', 'requirepass', SECRET] } }),
  'a cause that is no error': () => Object.assign(new Error('a'), { cause: { password: SECRET } }),
  'many errors': () => new AggregateError([new Error(`Bearer ${SECRET}`), { password: SECRET }], 'all'),
  'the errors of an error': () => Object.assign(new Error('a'), { errors: [{ secret: SECRET }] }),
  'a stack': () =>
    Object.assign(new Error('a'), { stack: `Error: a\n    at b (c.js:1:1)\nCookie: sid=${SECRET}` }),
  'raw header fields': () => ['Accept', '*/*', 'Authorization', `Bearer x ${SECRET}`],
  'pairs of header fields': () => [
    ['Accept', '*/*'],
    ['Cookie', SECRET],
  ],
  'pairs of names and values': () => [
    ['user', 'ada'],
    ['password', SECRET],
  ],
  arguments: () => ['--host', 'db.example', '--password', SECRET],
  'an argument': () => ['--host=db.example', `--password=${SECRET}`],
  'a name and a value': () => ({ name: 'Authorization', value: SECRET }),
  'a variable': () => [{ key: 'DB_PASSWORD', value: SECRET }],
  'a boxed text': () => new String(`token=${SECRET}`),
  bytes: () => Buffer.from(SECRET),
  'a name': () => ({ [`Bearer ${SECRET}`]: 1 }),
  'a number': () => ({ password: NUMBER }),
  'a large integer': () => ({ pin: BigInt(NUMBER) }),
  'bytes of a name': () => ({ secret: Buffer.from(SECRET) }),
  'members below a name': () => ({ credentials: { a: [SECRET] } }),
  'what becomes text': () => ({
    [Symbol.toPrimitive]: () => `token=${SECRET}`,
    toString: () => `token=${SECRET}`,
  }),
  ...Object.fromEntries(NAMES.map((name) => [`the name ${name}`, () => ({ [name]: SECRET })])),
};

/** Members of a line that stay as they are. */
export const INNOCENT_FIELDS: Readonly<Record<string, unknown>> = {
  tokens: 12,
  maxTokens: 4096,
  token_count: '12',
  tokenType: 'Bearer',
  tokenExpiresAt: '2026-01-01T00:00:00Z',
  tokenizer: 'words',
  secretary: 'Ada',
  passwordless: true,
  hasPassword: true,
  password: null,
  passwordChangedAt: '2026-01-01T00:00:00Z',
  passed: 12,
  pass: 3,
  bypass: 'none',
  passenger: 'Ada',
  compass: 'north',
  keyboard: 'de',
  monkey: 'see',
  key: 'users/1',
  idempotencyKey: 'order-1',
  primaryKey: 'id',
  publicKey: 'MFkwEwYH',
  PWD: '/srv/app',
  OLDPWD: '/',
  sshKeyPath: '/home/ada/.ssh/id',
  sessions: 12,
  author: 'Ada',
  authority: 'a.example',
  authenticated: true,
  cookieName: 'sid',
  cookieConsent: true,
  pins: ['a', 'b'],
  spin: 1,
  signatures: 2,
  codes: [200, 404],
  code: 'ECONNREFUSED',
  columns: ['id', 'password', 'email'],
  path: '/sessions',
  grant: { scope: 'token', ttl: 1 },
  headers: ['Accept', 'text/html', 'Host', 'a.example'],
  pairs: [
    ['user', 'ada'],
    ['page', '2'],
  ],
  argv: ['--token-file', '/run/token', '--verbose'],
  item: { name: 'color', value: 'red' },
};

/** Texts that stay as they are. */
export const INNOCENT_TEXTS: readonly string[] = [
  'GET /sessions/12?page=2&sort=author',
  'bearer of news: the queue is empty',
  'Basic authentication is off, basic settings: none',
  'Unexpected token < in JSON at position 0',
  'Unexpected token: }',
  'token expired',
  'invalid token: expired',
  'session: closed',
  'password must be at least 8 characters',
  '/password: must be a text',
  'password: must be at least 8 characters',
  'Password: Must not be empty; secret: is required',
  'passphrase: too short, password: required',
  'password: should match password_confirmation',
  'docker run -u 1000:1000 --user 33:33 app',
  'USER=ada PWD=/srv/app OLDPWD=/home/ada node .',
  'users[0]=ada&page[size]=2&token[type]=bearer',
  'sshd-auth[1234]: Accepted',
  '<token-type name="a">bearer</token-type><input type="password">Name</input>',
  'passwordless=true keyboard=de monkey=see',
  'tokens=12 of 4096, passed=3',
  'select * from users where password = $1 and token = ?',
  'src/auth/token.ts:12:5 is not reached',
  'file:///app/node_modules/@scope/token/index.js:12:3',
  'listening on http://127.0.0.1:8080 and https://[::1]:8443/a@b',
  'http://a.example:8080/?email=ada@b.example',
  'mail from ada@a.example to bob@b.example',
  'at 12:30:00 the worker 3 was replaced',
  'std::token::new == Token::of',
  'request 01890a5d-ac96-774b-bcce-b302099a8057 done',
  'key=users/1 key: users/1',
  '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
  'password=null token: undefined',
  'multilane ready http://127.0.0.1:8080 admin http://127.0.0.1:9901',
];
