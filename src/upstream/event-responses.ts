// Responses that are streams of server-sent events (HTML Standard, section 9.2). They alone may be silent for
// any time: neither that nor a client that leaves meanwhile shows anything about their instance.
import type { IncomingHttpHeaders } from 'node:http';

const EVENTS = /^text\/event-stream[ \t]*(?:;|$)/i;

export const isEventStream = ({ 'content-type': type }: Pick<IncomingHttpHeaders, 'content-type'>): boolean =>
  type !== undefined && EVENTS.test(type);
