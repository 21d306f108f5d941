// Code of a page that is a part of a module: what surrounds it there is written around it here.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ServiceDefinition } from '#src/api/service-definition.js';
import { Project } from '#test/support/cli.js';
import { runnable } from './guide.js';

const NAMES = [
  'BusinessError',
  'defineConfig',
  'defineService',
  'HttpError',
  'idempotent',
  'RpcError',
  'Type',
].join(', ');
const SURFACE = `import { ${NAMES} } from 'multilane';`;
/** A service that the fragments of configurations name. */
const SHOP = "const shop = defineService({ name: 'shop', routes(app) { app.get('/', () => 'shop'); } });";

/** A project whose modules contain fragments. */
export class Fragments {
  readonly project = new Project({ 'package.json': '{ "type": "module" }' });
  #count = 0;

  constructor() {
    this.project.install();
  }

  /** Loads a text as a module of its own, and returns what it exports. */
  async module<T>(text: string, name = `module${this.#count++}.ts`): Promise<T> {
    const [[file, code] = ['', '']] = Object.entries(runnable({ [name]: text }));
    this.project.write(file, code);
    return (await import(pathToFileURL(join(this.project.folder, file)).href)) as T;
  }

  /** A configuration in which only the services are missing. */
  async config(text: string): Promise<object> {
    const imports = text.includes("from 'multilane'") ? '' : SURFACE;
    return (await this.module<{ default: object }>(`${imports}\n${SHOP}\n${text}`)).default;
  }

  /** The service `demo` whose `routes` a fragment is. @param names declarations of what the fragment uses */
  async routes(text: string, names = '', members = ''): Promise<ServiceDefinition> {
    const module = `${SURFACE}\n${names}
      export default defineService({ name: 'demo', ${members} routes(app, { call, cpu, db, metrics, shared }) {\n${text}\n} });`;
    return (await this.module<{ default: ServiceDefinition }>(module)).default;
  }

  /**
   * The service `demo` whose only handler, of `GET /`, a fragment is.
   * @param result what the handler returns
   */
  handler(text: string, result: string, names = '', members = ''): Promise<ServiceDefinition> {
    return this.routes(`app.get('/', async (ctx) => {\n${text}\nreturn ${result};\n});`, names, members);
  }
}
