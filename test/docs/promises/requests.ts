// Numbers of what arrives: requests, their bodies and responses.
import { KIB, type Promised, promisedOn, SECOND } from './promise.js';

export const REQUESTS: readonly Promised[] = [
  ...promisedOn('docs/http.md', [
    ['a quarter of it, at most # s, is kept', 'worker/drain-worker', 'CLOSE_MS', SECOND],
    ['`bodyLimit`, # s without a byte', 'server/body/body', 'BODY_IDLE_MS', SECOND],
    ['without a byte (# s behind a streamed', 'server/lingering', 'END_AFTER_MS', SECOND],
    ['response) and # s in all', 'server/lingering', 'MOST_MS', SECOND],
    ['no byte has arrived for # s, after', 'server/lingering', 'CLOSE_AFTER_MS', SECOND],
    ['10 s, after # s, and', 'server/lingering', 'MOST_MS', SECOND],
    ['and after # MiB; `multilane_bodies', 'server/lingering', 'MOST_BYTES', KIB * KIB],
    ['up to # wait, and are executed one', 'server/node/node-connection', 'MOST_WAITING', 1],
    ['has sent nothing for # s.', 'server/lingering', 'END_AFTER_MS', SECOND],
    ['fields may have # KiB together', 'server/fetch/send-response', 'MOST_FIELD_BYTES', KIB],
    ['no byte of the body for # s', 'server/body/body', 'BODY_IDLE_MS', SECOND],
    ['more than # pieces of fewer than', 'server/uws/uws-body', 'FLOOD_PIECES'],
    ['pieces of fewer than # bytes, on average', 'server/uws/uws-body', 'FLOOD_BYTES'],
    ['JSON: # levels', 'server/body/json-body', 'MAX_JSON_DEPTH'],
    ['form: # fields', 'server/body/form', 'MAX_FORM_FIELDS'],
    ['# KiB for the head of a part', 'server/body/multipart-heads', 'MAX_HEAD_BYTES', KIB],
    ['matches as a whole, up to # characters', 'server/routing/router', 'MAX_EXPRESSION_CHARS'],
    ['weak while the file is younger than # s', 'server/response/file-version', 'SETTLED_MS', SECOND],
    ['files up to # KiB stay in memory', 'server/response/file-pieces', 'PIECE_BYTES', KIB],
    ['up to # MiB in each worker', 'server/response/file-contents', 'MOST_BYTES', KIB * KIB],
    ['All sources of a worker together run for # ms', 'server/loop-share', 'SHARE_MS'],
  ]),
  ...promisedOn('docs/from-hyperlane.md', [
    ['all fields together; at most # fields', 'server/framing', 'MOST_FIELDS'],
  ]),
  ...promisedOn('docs/websocket.md', [
    ['and then every # s', 'server/response/sse-frame', 'COMMENT_EVERY_MS', SECOND],
  ]),
  ...promisedOn('docs/errors.md', [
    ['document of more than # KiB', 'upstream/buffered-response', 'MAX_PROBLEM_BYTES', KIB],
  ]),
  ...promisedOn('docs/performance.md', [
    ['The first # of them are added', 'server/uws/uws-server', 'STATIC_ROUTES'],
  ]),
];
