// A service with one method, which returns its request.
import { defineConfig, defineService } from 'multilane';

const bench = defineService({
  name: 'bench',
  routes() {},
  grpc: {
    proto: new URL('./bench.proto', import.meta.url),
    handlers: () => ({ Bench: { Get: ({ id, name }: { id: string; name: string }) => ({ id, name }) } }),
  },
});

export default defineConfig({ services: [bench] });
