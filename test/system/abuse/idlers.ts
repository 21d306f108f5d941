// Clients that stop sending, each after another kind of response: the packets that they send, with a pause
// between. The timer of the core ends an idle connection; each of these once left one without a timer, or is
// the control of one that did.

const head = (line: string, ...fields: string[]): string =>
  [`${line} HTTP/1.1`, 'Host: x', ...fields, '', ''].join('\r\n');
const LENGTH = 'Content-Length: 5';
const JSON_TYPE = 'Content-Type: application/json';

export const IDLERS: Readonly<Record<string, readonly string[]>> = {
  'nothing sent': [],
  'half a head after a response': [head('GET /who'), 'GET /who HT'],
  'an empty line before a request': [`\r\n${head('GET /who')}`],
  'a small response': [head('GET /who')],
  'a large one': [head('GET /large')],
  'one in pieces': [head('GET /stream')],
  'a file': [head('GET /files/paths.js')],
  'a file that has not changed': [head('GET /files/paths.js', 'If-None-Match: *')],
  'the fields of a large response': [head('HEAD /large')],
  'the fields of one in pieces': [head('HEAD /stream')],
  'the fields of a file': [head('HEAD /files/paths.js')],
  'the fields of a refusal': [head('HEAD /nowhere')],
  'the fields alone, of the last response': [head('HEAD /large', 'Connection: close, te')],
  'the fields alone, before chunks': [head('HEAD /large', 'Transfer-Encoding: chunked'), '5\r\n'],
  'the fields alone, of a doubtful request': [head('HEAD /large', LENGTH, LENGTH)],
  'a large response that is the last': [head('GET /large', 'Connection: close, te')],
  'a refusal of a body that comes then': [head('POST /paints', LENGTH), 'abcde'],
  'an response before a body': [head('DELETE /unread', LENGTH), 'abcde'],
  'an response before a body, late': [head('GET /late', LENGTH), 'abcde'],
  'an response before a body, large': [head('GET /waits', LENGTH), 'abcde'],
  'an response before a body, in pieces': [head('GET /stream', LENGTH), 'abcde'],
  'a file before a body': [head('GET /files/paths.js', LENGTH), 'abcde'],
  'an response before a part of a body': [head('GET /late', LENGTH), 'abc'],
  'an response before a long body': [head('GET /late', 'Content-Length: 200000'), 'x'.repeat(200_000)],
  'an response at once, its body in the same packet': [`${head('GET /stream', LENGTH)}abcde`],
  'a body in two packets': [`${head('POST /json', JSON_TYPE, LENGTH)}[1,`, '2]'],
  'a body that is echoed as it comes': [`${head('PATCH /echo', LENGTH)}abc`, 'de'],
  'a part of a body': [`${head('POST /json', JSON_TYPE, LENGTH)}[1,`],
  'chunks without an end': [`${head('POST /text', 'Transfer-Encoding: chunked')}3\r\nabc\r\n`],
};
