// Parts of TypeScript modules on the pages, each with what its module declares around it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadDefinitions } from '#src/grpc/load-proto.js';
import { typeText } from '#src/grpc/type-text.js';
import { blockOf } from '#test/docs/blocks.js';
import { guideOf } from '#test/docs/guide.js';
import { Project } from '#test/support/cli.js';

const CALL = "import type { Call } from 'multilane';\ndeclare const call: Call;\n";
const CONFIG = `import { defineConfig, defineService } from 'multilane';
const shop = defineService({ name: 'shop', routes: () => undefined });
`;
const HELLO = `import { type Application, Type } from 'multilane';
declare const app: Application;
declare function greeting(name: string, language: string | undefined): string;
const Greeting = Type.Object({ greeting: Type.String() });
`;

/** What `multilane grpc types` writes for the .proto file of docs/grpc.md. */
async function ordersTypes(): Promise<string> {
  const { files } = guideOf(readFileSync('docs/grpc.md', 'utf8'));
  const project = new Project(files);
  try {
    const { services } = await loadDefinitions(pathToFileURL(join(project.folder, 'orders.proto')));
    return typeText('orders', services);
  } finally {
    project.remove();
  }
}

/** The fragments by the names of their modules, with the modules that they import. */
export const pageFragments = async (): Promise<Record<string, string>> => ({
  'grpc-types/orders.d.ts': await ordersTypes(),
  'page-grpc.ts': CALL + blockOf('docs/grpc.md', 'import type { GetUserOrdersRequestInput'),
  'page-http.ts': CONFIG + blockOf('docs/http.md', 'export default defineConfig({'),
  'page-upstreams.ts': CONFIG + blockOf('docs/resilience.md', 'export default defineConfig({'),
  'page-picker.ts': CALL + blockOf('docs/resilience.md', "await call('orders').get('/orders', { picker"),
  'page-typescript.ts': HELLO + blockOf('docs/typescript.md', 'const Visitor = Type.Object('),
});
