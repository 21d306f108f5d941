// Makes one call by gRPC, and prints its status, or the code of its error: `rpc-caller.js PORT SCHEME`.
import { Deadline } from '#src/deadline.js';
import type { HttpError } from '#src/errors.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import { endpoint } from './endpoints.js';

const [port, scheme] = process.argv.slice(2) as [string, string];
const transport = new GrpcTransport();
const to = endpoint('one', { port: Number(port), protocol: 'grpc', metadata: { scheme } });
const request = {
  protocol: 'grpc',
  method: 'POST',
  path: '/multilane.test.v1.Everything/Get',
  headers: {},
  body: new Uint8Array(0),
  deadline: Deadline.after(10_000),
  signal: AbortSignal.timeout(10_000),
} as const;
const end = await transport.send(to, request).then(
  ({ status }) => status,
  (error: HttpError) => error.code,
);
process.stdout.write(`${end}\n`);
await transport.close();
