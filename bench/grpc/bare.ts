// The same method on grpc-js and @grpc/proto-loader alone, for serve.ts.
import { fileURLToPath } from 'node:url';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

interface Item {
  readonly id: string;
  readonly name: string;
}

const file = fileURLToPath(new URL('./bench.proto', import.meta.url));
const definitions = loadSync(file, { longs: String, enums: String, defaults: true, oneofs: true });
const server = new Server({ 'grpc.enable_channelz': 0 });
server.addService(definitions['multilane.bench.v1.Bench'] as never, {
  Get({ request: { id, name } }: ServerUnaryCall<Item, Item>, done: sendUnaryData<Item>) {
    done(null, { id, name });
  },
});
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.error(`bare ready http://127.0.0.1:${port}`);
});
