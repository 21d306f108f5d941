// One or two good requests for every feature of the fixture, as bytes on the wire (latin1). The mutations
// begin with them.

const request = (line: string, fields: readonly string[] = [], body = ''): string =>
  [
    `${line} HTTP/1.1`,
    'Host: x',
    ...fields,
    ...(body === '' ? [] : [`Content-Length: ${body.length}`]),
    '',
    body,
  ].join('\r\n');

const chunked = (line: string, chunks: string): string =>
  request(line, ['Transfer-Encoding: chunked']) + chunks;

const JSON_TYPE = 'Content-Type: application/json';
const FORM_TYPE = 'Content-Type: application/x-www-form-urlencoded';
const PARTS =
  '--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nOne\r\n' +
  '--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n';
/** A masked text frame and a ping, which a client may send after its handshake. */
const FRAMES = '\x81\x85\x01\x02\x03\x04igohn\x89\x80\x00\x00\x00\x00';
const HANDSHAKE = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: chat, superchat',
  'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
];

export const SEEDS: readonly string[] = [
  request('GET /params/42/j%C3%BCrgen'),
  request('GET /search?q=pen&limit=20&exact=true&tags=a&tags=b'),
  request('GET /typed/-7'),
  request('GET /typed/9007199254740991'),
  request('GET /search?q=a'),
  request('GET /who?a=1&a=%20&b', [
    'Forwarded: for="[2001:db8::1]:4711";proto=https;host=shop.example, for=10.0.0.1',
    'X-Forwarded-For: 10.1.2.3, 127.0.0.1',
    'Cookie: sid=abc; theme="dark"; sid=def; odd=%E2%82%AC',
    'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'tracestate: a=1,b=2',
    'x-request-id: mine-1',
  ]),
  request('GET /cookie', ['Cookie: sid=xyz']),
  request('GET /either', ['Accept: text/html;q=0.5, application/json;q=0.9, */*;q=0.1']),
  request('GET /old'),
  request('GET /large'),
  request('HEAD /large'),
  request('OPTIONS /paints', ['Origin: https://app.example', 'Access-Control-Request-Method: POST']),
  request('GET /long', ['Accept-Encoding: gzip, br;q=0.9, identity;q=0']),
  request('GET /files/everything.config.js', ['Range: bytes=0-99', 'If-Range: "abc"']),
  request('GET /files/..%2f..%2fsecret', ['If-None-Match: "a", W/"b", *']),
  request('GET /files/paths.js', ['If-Modified-Since: Wed, 21 Oct 2015 07:28:00 GMT', 'Accept-Encoding: br']),
  request('GET /stream'),
  request('GET /events', ['Last-Event-ID: 7', 'Accept: text/event-stream']),
  request('GET /late'),
  request('POST /paints', [JSON_TYPE], '{"name":"red","price":3,"more":[1,{"a":null}]}'),
  request('POST /paints', [JSON_TYPE], '{"name":"b","price":0}'),
  request('POST /form', [FORM_TYPE], 'q=a'),
  request('POST /form', [FORM_TYPE], 'q=pen&limit=5&tags=a&exact=false'),
  request('POST /fields', [FORM_TYPE], 'a=1&a=%E2%82%AC+b&c'),
  request('POST /json', [JSON_TYPE], '{"a":{"b":[1,2.5e3,"\\u00e9",true,null]}}'),
  request('POST /text', ['Content-Type: text/plain; charset=utf-8'], 'caf\xc3\xa9'),
  request(
    'PUT /bytes',
    ['Content-Type: application/octet-stream', 'Expect: 100-continue'],
    '\x00\x01\x02\xff',
  ),
  request('PATCH /echo', [], 'x'.repeat(3000)),
  request('DELETE /unread', [], 'no handler reads this'),
  request('POST /parts', ['Content-Type: multipart/form-data; boundary=b'], PARTS),
  chunked('POST /text', '3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n'),
  chunked('PATCH /echo', '10\r\n0123456789abcdef\r\n0\r\n\r\n'),
  chunked('POST /json', '7\r\n{"a":1}\r\n0\r\n\r\n'),
  request('POST /guarded', ['Origin: http://x', 'Sec-Fetch-Site: same-origin', JSON_TYPE], '{}'),
  request('GET /chat/lobby', HANDSHAKE) + FRAMES,
  request('GET /openapi.json'),
  request('GET /docs'),
  request('GET /health'),
];

/** Method and path of a request. */
export const kindOf = (request: string): string => /^\S+ [^ ?]+/.exec(request)![0];
