// Numbers of SECURITY.md.
import { KIB, type Promised, promisedOn, SECOND } from './promise.js';

export const SECURITY: readonly Promised[] = [
  ...promisedOn('SECURITY.md', [
    ['more than # tiny ones in one packet', 'server/uws/uws-body', 'FLOOD_PIECES'],
    ['ends without CR, more than # fields', 'server/node/node-head', 'MOST_FIELDS'],
    ['over the limits, more than # fields', 'server/framing', 'MOST_FIELDS'],
    ['408 after # s without a byte', 'server/body/body', 'BODY_IDLE_MS', SECOND],
    ['turn of the event loop has lasted # ms', 'server/turn-watch', 'LONG_TURN_MS'],
    ['| # s each. Up to', 'admin/server', 'headersMs', SECOND],
    ['# connections in all', 'admin/server', 'connections'],
    ['A body has # s', 'admin/server', 'requestMs', SECOND],
    ['nothing is read for # s is cut', 'admin/server', 'sendMs', SECOND],
    ['is cut after # s without a byte', 'admin/server', 'streamMs', SECOND],
    ['| # begin in each turn', 'admin/dispatcher', 'REQUESTS_A_TURN'],
    ['and hold # MiB of headers', 'admin/arrivals', 'MOST_BYTES', KIB * KIB],
    ['| JSON bodies | # KiB', 'admin/request-body', 'MAX_BODY_BYTES', KIB],
    ['| JSON bodies | 64 KiB, # levels', 'server/body/json-body', 'MAX_JSON_DEPTH'],
    ['| responses that are not read | # MiB', 'admin/unread-responses', 'MOST_UNREAD_BYTES', KIB * KIB],
    ['up to # KiB are discarded', 'admin/linger', 'MOST_DISCARDED_BYTES', KIB],
    ['after # ms the connection is gone', 'admin/linger', 'LINGER_MS'],
    ['of every #th the core', 'server/uws/uws-exchange', 'SAMPLE'],
    ['more than # of those in a second', 'server/uws/bodiless-watch', 'BODILESS_FREE'],
    ['every #th waits', 'server/uws/bodiless-watch', 'BODILESS_SAMPLE'],
    ['tries by itself every # to 500 ms', 'server/uws/uws-stream', 'TRY_AFTER_MS'],
    ['tries by itself every 10 to # ms', 'server/uws/uws-stream', 'TRY_AFTER_MOST_MS'],
    ['`maxBackpressure` (# MiB', 'server/websocket/websocket-checks', 'maxBackpressure', KIB * KIB],
  ]),
];
