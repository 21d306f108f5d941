// The fields of a request of `node:http`, replaced before an application gets it.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { RequestHead } from '../request-head.js';
import { byteString } from '../response/field-octets.js';

/** Members of Node.js that its types do not have: they join repeated fields, as the name demands. */
interface Internals {
  _addHeaderLine(name: string, value: string, fields: IncomingHttpHeaders): void;
  _addHeaderLineDistinct(name: string, value: string, fields: NodeJS.Dict<string[]>): void;
}

/** Gives a request the fields of another head, with names in lower case. */
export function readdress(request: IncomingMessage, { headers }: RequestHead): void {
  const internals = request as IncomingMessage & Internals;
  const raw = headers.map((text) => byteString(text));
  const fields: IncomingHttpHeaders = {};
  const lists = Object.create(null) as NodeJS.Dict<string[]>;
  for (let i = 0; i < raw.length; i += 2) {
    internals._addHeaderLine(raw[i]!, raw[i + 1]!, fields);
    internals._addHeaderLineDistinct(raw[i]!, raw[i + 1]!, lists);
  }
  request.rawHeaders = raw;
  request.headers = fields;
  request.headersDistinct = lists;
}
